import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** Who may know whom, lowest first. A folder sees itself and what stands before it. */
const layers = ["shared", "domain", "views"] as const;
/** One part of the domain sees only itself: what they have to do with each other is said in views. */
const root = join(dirname(fileURLToPath(import.meta.url)), "..");

interface Import {
  file: string;
  target: string;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "messages" ? [] : sources(path);
    return /\.(ts|svelte)$/.test(entry.name) ? [path] : [];
  });
}

function imports(path: string): Import[] {
  const file = relative(root, path).split(sep).join("/");
  const text = readFileSync(path, "utf8");
  return [...text.matchAll(/^\s*(?:import|export)\b[^"';]*?["']([^"']+)["']/gm)].map(([, name = ""]) => {
    const target = name.startsWith(".") ? join(dirname(file), name).split(sep).join("/") : name.replace(/^\$/, "");
    return { file, target };
  });
}

const all = sources(root).flatMap(imports);

function layer(path: string): number {
  return layers.findIndex((name) => path.startsWith(`${name}/`));
}

describe("the layers of the window", () => {
  test("a file knows only its own layer and those below", () => {
    const upward = all.filter(({ file, target }) => layer(file) >= 0 && layer(target) > layer(file));
    expect(upward).toEqual([]);
  });

  test("parts of the domain do not know each other", () => {
    const part = (path: string) => path.split("/").slice(0, 2).join("/");
    const across = all.filter(
      ({ file, target }) => layer(file) === 1 && layer(target) === 1 && part(file) !== part(target),
    );
    expect(across).toEqual([]);
  });

  test("only views reach the program around the page", () => {
    const reach = all.filter(({ target }) => target.startsWith("@tauri-apps/"));
    const outside = reach.filter(({ file }) => file !== "shared/bindings.ts" && !file.startsWith("views/links/"));
    expect(outside).toEqual([]);
    const commands = /import \{[^}]*\bcommands\b[^}]*\} from "\$shared\/bindings"/;
    const callers = sources(root).filter(
      (path) => !path.endsWith(".test.ts") && commands.test(readFileSync(path, "utf8")),
    );
    const links = join(root, "views", "links");
    expect(callers.filter((path) => !path.startsWith(links))).toEqual([]);
  });

  test("the imports are really read", () => {
    expect(all.length).toBeGreaterThan(40);
  });
});
