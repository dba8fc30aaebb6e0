import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const css = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "tokens.css"), "utf8");

function theme(name: string): Record<string, string> {
  const block = css.split(`[data-theme="${name}"]`)[1]?.split("}")[0] ?? "";
  return Object.fromEntries(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, token, value]) => [token, value]),
  );
}

/** Relative luminance, WCAG 2.2. */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const grounds = ["canvas", "rail", "surface", "raised", "sunken", "hover"];
const texts: [string, string][] = [
  ...grounds.flatMap((ground): [string, string][] => [
    ["text", ground],
    ["text-soft", ground],
  ]),
  ["accent", "surface"],
  ["accent", "canvas"],
  ...Array.from({ length: 16 }, (_, color): [string, string] => [`ansi-${color}`, "surface"]),
  ["on-accent", "accent"],
  ["on-accent", "accent-hover"],
  ["on-accent-soft", "accent-soft"],
  ["on-bad", "bad"],
  ["on-bad", "bad-hover"],
  ["text", "bad-soft"],
  ["text-soft", "bad-soft"],
];
/** What carries meaning without being text: 3 to 1. */
const marks: [string, string][] = [
  ...["canvas", "rail", "surface"].map((ground): [string, string] => ["focus", ground]),
  ...["good", "busy", "bad", "line-strong"].flatMap((mark): [string, string][] => [
    [mark, "surface"],
    [mark, "rail"],
  ]),
  ...["chart-1", "chart-2", "chart-3"].map((mark): [string, string] => [mark, "surface"]),
  ["good", "good-soft"],
  ["bad", "bad-soft"],
];

describe.each(["light", "dark"])("the %s theme", (name) => {
  const colors = theme(name);
  const measure = ([front, ground]: [string, string]) => contrast(colors[front] ?? "", colors[ground] ?? "");

  test("has text that everyone can read (WCAG AA)", () => {
    const faint = texts.filter((pair) => !(measure(pair) >= 4.5)).map((pair) => [...pair, measure(pair)]);
    expect(faint).toEqual([]);
  });

  test("has marks that everyone can see", () => {
    const faint = marks.filter((pair) => !(measure(pair) >= 3)).map((pair) => [...pair, measure(pair)]);
    expect(faint).toEqual([]);
  });
});
