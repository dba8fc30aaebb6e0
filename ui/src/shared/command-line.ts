/** A container as `docker run` would make it. */
export interface RunShape {
  image: string;
  name?: string;
  publish?: readonly string[];
  env?: readonly string[];
  volumes?: readonly string[];
  labels?: readonly string[];
  user?: string;
  workdir?: string;
  hostname?: string;
  memory?: string;
  cpus?: string;
  processes?: string;
  restart?: string;
  network?: string;
  entrypoint?: string;
  tty?: boolean;
  command?: readonly string[];
}

/** A word as a shell reads it. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The words of a line: spaces part them, quotes and backslashes keep them together. */
export function words(line: string): string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at += 1) {
    const letter = line[at] ?? "";
    if (letter === "\\" && quote !== "'" && at + 1 < line.length) word = (word ?? "") + (line[(at += 1)] ?? "");
    else if (quote) [word, quote] = letter === quote ? [word ?? "", ""] : [(word ?? "") + letter, quote];
    else if (letter === "'" || letter === '"') [word, quote] = [word ?? "", letter];
    else if (/\s/.test(letter)) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else word = (word ?? "") + letter;
  }
  if (word !== undefined) found.push(word);
  return found;
}

/** The line that makes it. */
export function commandLine(shape: RunShape): string {
  const line = ["docker", "run", "-d"];
  const option = (name: string, value: string | undefined) => {
    if (value) line.push(name, quoted(value));
  };
  const each = (name: string, values: readonly string[] | undefined) => values?.forEach((value) => option(name, value));
  if (shape.tty) line.push("-it");
  option("--name", shape.name);
  each("-p", shape.publish);
  each("-e", shape.env);
  each("-v", shape.volumes);
  each("-l", shape.labels);
  option("-u", shape.user);
  option("-w", shape.workdir);
  option("-h", shape.hostname);
  option("-m", shape.memory);
  option("--cpus", shape.cpus);
  option("--pids-limit", shape.processes);
  option("--restart", shape.restart === "no" ? undefined : shape.restart);
  option("--network", shape.network);
  option("--entrypoint", shape.entrypoint);
  line.push(quoted(shape.image), ...(shape.command ?? []).map(quoted));
  return line.join(" ");
}
