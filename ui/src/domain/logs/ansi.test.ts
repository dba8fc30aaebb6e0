import { expect, test } from "vitest";
import { plain, stretches } from "./ansi";

const ESC = "\u001b";

test("colours and looks are classes, and end where they are told to", () => {
  expect(stretches(`${ESC}[1;31merror${ESC}[0m: ${ESC}[92mok${ESC}[39m.`)).toEqual([
    { text: "error", classes: "bold fg-1" },
    { text: ": ", classes: "" },
    { text: "ok", classes: "fg-10" },
    { text: ".", classes: "" },
  ]);
});

test("more colours are taken to the nearest of sixteen", () => {
  const first = (code: string) => stretches(`${ESC}[${code}mx`)[0]?.classes;
  expect([first("38;5;9"), first("38;5;196"), first("38;2;0;0;255"), first("48;5;2")]).toEqual([
    "fg-9",
    "fg-9",
    "fg-12",
    "bg-2",
  ]);
});

test("inverse swaps, also what has no colour of its own", () => {
  expect(stretches(`${ESC}[7mx`)[0]?.classes).toBe("fg-canvas bg-text");
});

test.each([
  ["a cursor that moves", `a${ESC}[2Kb`],
  ["a title", `a${ESC}]0;title\u0007b`],
  ["a link", `${ESC}]8;;http://x${ESC}\\ab${ESC}]8;;${ESC}\\`],
  ["bytes without a picture", "a\u0007\u0000b"],
])("%s leaves only the text", (_, line) => {
  expect(plain(line)).toBe("ab");
  expect(
    stretches(line)
      .map((one) => one.text)
      .join(""),
  ).toBe("ab");
});

test("markup is text", () => {
  expect(stretches("<img src=x onerror=alert(1)>")[0]?.text).toBe("<img src=x onerror=alert(1)>");
});
