import { beforeEach, expect, test } from "vitest";
import { bytes, percent } from "./bytes";
import { overwriteGetLocale } from "./messages/runtime.js";

beforeEach(() => overwriteGetLocale(() => "en"));

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "0.98 KB"],
  [1536, "1.50 KB"],
  [52_428_800, "50.0 MB"],
  [125_829_120, "120 MB"],
  [5_368_709_120, "5.00 GB"],
  [2 ** 50, "1,024 TB"],
])("%d bytes read %s", (count, text) => {
  expect(bytes(count)).toBe(text);
});

test("a share has a decimal while it is small", () => {
  expect([0, 0.44, 9.94, 9.96, 203.2].map(percent)).toEqual(["0.0%", "0.4%", "9.9%", "10%", "203%"]);
});
