import { commandLine, type RunShape } from "$shared/command-line";
import { at, type Json } from "./detail.svelte";

function text(json: Json | undefined): string {
  return typeof json === "string" ? json : "";
}

function texts(json: Json | undefined): string[] {
  return Array.isArray(json) ? json.filter((one) => typeof one === "string") : [];
}

function number(json: Json | undefined): number {
  return typeof json === "number" ? json : 0;
}

function entries(json: Json | undefined): [string, Json][] {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? Object.entries(json) : [];
}

function size(bytes: number): string {
  if (bytes <= 0) return "";
  for (const [unit, power] of [
    ["g", 30],
    ["m", 20],
    ["k", 10],
  ] as const) {
    if (bytes % 2 ** power === 0) return `${bytes / 2 ** power}${unit}`;
  }
  return String(bytes);
}

/** `8080:80`, with an address that was given in front and a protocol besides TCP behind. */
function publish(host: Json | undefined): string[] {
  return entries(at(host, "PortBindings")).flatMap(([inside, bindings]) => {
    const [port = "", protocol = "tcp"] = inside.split("/");
    const all = Array.isArray(bindings) ? bindings : [];
    return all.map((one) => {
      const [ip, outside] = [text(at(one, "HostIp")), text(at(one, "HostPort"))];
      const address = ip.includes(":") ? `[${ip}]:` : ip && `${ip}:`;
      const front = outside || ip ? `${address}${outside}:` : "";
      return `${front}${port}${protocol === "tcp" ? "" : `/${protocol}`}`;
    });
  });
}

function restart(host: Json | undefined): string {
  const name = text(at(host, "RestartPolicy", "Name"));
  const retries = number(at(host, "RestartPolicy", "MaximumRetryCount"));
  return name === "on-failure" && retries > 0 ? `${name}:${retries}` : name;
}

/** The command that makes a container such as this one. What its image gives, the image gives again. */
export function dockerRun(document: Json): string {
  const [config, host] = [at(document, "Config"), at(document, "HostConfig")];
  const network = text(at(host, "NetworkMode"));
  const id = text(at(document, "Id"));
  const hostname = text(at(config, "Hostname"));
  const image = text(at(config, "Image"));
  const cpus = number(at(host, "NanoCpus")) / 1e9;
  const processes = number(at(host, "PidsLimit"));
  const shape: RunShape = {
    image,
    name: text(at(document, "Name")).replace(/^\//, ""),
    publish: publish(host),
    env: texts(at(config, "Env")).filter((line) => !line.startsWith("PATH=")),
    volumes: texts(at(host, "Binds")),
    labels: entries(at(config, "Labels")).map(([key, value]) => `${key}=${text(value)}`),
    user: text(at(config, "User")),
    workdir: text(at(config, "WorkingDir")),
    hostname: id.startsWith(hostname) ? "" : hostname,
    memory: size(number(at(host, "Memory"))),
    cpus: cpus > 0 ? String(cpus) : "",
    processes: processes > 0 ? String(processes) : "",
    restart: restart(host),
    network: network === "default" || network === "bridge" ? "" : network,
    tty: at(config, "Tty") === true,
    command: texts(at(config, "Cmd")),
  };
  return commandLine(shape);
}
