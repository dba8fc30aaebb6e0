import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { languages } from "./language.svelte";

const ui = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

type Messages = Record<string, unknown>;

function messages(language: string): Messages {
  const folder = join(ui, "messages", language);
  const files = [`${folder}.json`, ...readdirSync(folder).map((file) => join(folder, file))];
  const parts = files.map((file) => JSON.parse(readFileSync(file, "utf8")) as Messages);
  const texts: Messages = Object.assign({}, ...parts);
  delete texts.$schema;
  // A text stands in one file only.
  expect(Object.keys(texts).length).toBe(parts.flatMap((part) => Object.keys(part)).length - files.length);
  return texts;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "messages" ? [] : sources(path);
    return /\.(ts|svelte|rs)$/.test(entry.name) && !entry.name.endsWith(".test.ts") ? [readFileSync(path, "utf8")] : [];
  });
}

/** The names in braces. A plural form may leave one out, as "One container" does, so the union is compared. */
function parameters(message: unknown): string[] {
  const text = JSON.stringify(message);
  return [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? ""))].sort();
}

const english = messages("en");

describe.each(languages)("the messages in %s", (language) => {
  const here = messages(language);

  test("are the same set as in English", () => {
    expect(Object.keys(here).sort()).toEqual(Object.keys(english).sort());
  });

  test("say something", () => {
    const silent = Object.entries(here).filter(([, text]) => JSON.stringify(text).replace(/[\s"[\]{}]/g, "") === "");
    expect(silent).toEqual([]);
  });

  test("take the same parameters as in English", () => {
    for (const [key, text] of Object.entries(here)) {
      expect([key, parameters(text)]).toEqual([key, parameters(english[key])]);
    }
  });
});

test("Korean is Korean, except for names and units", () => {
  const names = [
    "app_name",
    "duration_millis",
    "acceleration_kvm",
    "acceleration_hvf",
    "acceleration_hyper_v",
    "column_cpu",
    "stats_cpu",
    "stats_wait_cpu",
    "bytes_unit_b",
    "bytes_unit_kb",
    "bytes_unit_mb",
    "bytes_unit_gb",
    "bytes_unit_tb",
  ];
  const latin = Object.entries(messages("ko")).filter(([, text]) => !/[가-힣]/.test(JSON.stringify(text)));
  expect(latin.map(([key]) => key).sort()).toEqual(names.sort());
});

test("no message is left over", () => {
  const code = [...sources(join(ui, "src")), ...sources(join(ui, "..", "app", "desktop", "src"))].join("\n");
  const unused = Object.keys(english).filter((key) => !new RegExp(`\\bm\\.${key}\\b|"${key}"`).test(code));
  expect(unused).toEqual([]);
});
