import { expect, test } from "vitest";
import { duration } from "./duration";
import { overwriteGetLocale } from "./messages/runtime.js";

test.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [1000, "1.00 s"],
  [2841, "2.84 s"],
  [12_340, "12.3 s"],
  [59_949, "59.9 s"],
  [59_950, "1 min 0 s"],
  [125_000, "2 min 5 s"],
])("%d ms reads %s", (millis, text) => {
  overwriteGetLocale(() => "en");
  expect(duration(millis)).toBe(text);
});

test("Korean writes the unit without a space", () => {
  overwriteGetLocale(() => "ko");
  expect([duration(41), duration(2841), duration(125_000)]).toEqual(["41ms", "2.84초", "2분 5초"]);
});
