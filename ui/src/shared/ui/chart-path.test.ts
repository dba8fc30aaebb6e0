import { expect, test } from "vitest";
import { ceiling, path, thin } from "./chart-path";

test("a line goes from left to right, and a gap stays open", () => {
  expect(path([0, 5, null, 10], 10, 30, 10)).toBe("M0.0 10.0L10.0 5.0M30.0 0.0");
});

test("peaks outlive the thinning, and what has nothing stays nothing", () => {
  const values = Array.from({ length: 1000 }, (_, at) => (at === 503 ? 99 : at < 10 ? null : 1));
  const few = thin(values, 100);
  expect([few.length, Math.max(...few.map((value) => value ?? 0)), few[0]]).toEqual([100, 99, null]);
});

test.each([
  [0, 10, 1],
  [0.7, 10, 1],
  [3, 10, 5],
  [10, 10, 10],
  [11, 10, 20],
  [3000, 1024, 4096],
  [1_500_000, 1024, 2 << 20],
] as const)("%d with base %d is under %d", (value, base, top) => {
  expect(ceiling(value, base)).toBeCloseTo(top);
});
