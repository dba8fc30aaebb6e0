import { overwriteGetLocale } from "$shared/messages/runtime.js";
import { beforeEach, expect, test } from "vitest";
import { age } from "./age";

beforeEach(() => overwriteGetLocale(() => "en"));

const now = 1_800_000_000;

test.each([
  [0, "now"],
  [59, "now"],
  [60, "1 minute ago"],
  [7199, "1 hour ago"],
  [86_400, "yesterday"],
  [3 * 86_400, "3 days ago"],
  [70 * 86_400, "2 months ago"],
])("%d seconds ago", (past, text) => expect(age(now - past, now)).toBe(text));

test("what is yet to come is now, and what nobody dated has no age", () => {
  expect(age(now + 5, now)).toBe("now");
  expect(age(0, now)).toBe("");
});
