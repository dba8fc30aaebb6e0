import { expect, test } from "vitest";
import { fits, ordered } from "./search";

test("every word must be somewhere, in any case and order", () => {
  expect(fits("Web 80", ["my-web", "8080"])).toBe(true);
  expect(fits("web db", ["my-web", "8080"])).toBe(false);
  expect(fits("  ", [])).toBe(true);
});

test("numbers go by size, texts as a person counts, both ways, and the rows stay as they were", () => {
  const rows = ["a10", "a9", "b1"];
  const by = (row: string) => row;
  expect(ordered(rows, { key: "name", down: false }, by)).toEqual(["a9", "a10", "b1"]);
  expect(ordered(rows, { key: "name", down: true }, by)).toEqual(["b1", "a10", "a9"]);
  expect(ordered([10, 9], { key: "size", down: false }, (row) => row)).toEqual([9, 10]);
  expect(ordered(rows, undefined, by)).toEqual(["a10", "a9", "b1"]);
  expect(rows).toEqual(["a10", "a9", "b1"]);
});
