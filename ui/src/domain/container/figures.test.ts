import { expect, test } from "vitest";
import { figures } from "./figures";

function look(second: number, received: number) {
  const pressure = { cpu: 0, memory: 0, io: 0 };
  const none = { sent: 0, read: 0, written: 0, cpu: 1, memory: 2, memory_limit: 3, processes: 1, time: "" };
  return { id: "a", name: "a", at: second * 1000, received, pressure, ...none };
}

test("bytes become bytes a second", () => {
  const now = figures([look(10, 100), look(11, 300), look(13, 700)]);
  expect(now.received).toEqual([null, 200, 200]);
  expect([now.rates.received, now.rates.sent, now.times[2]]).toEqual([200, 0, 13]);
});

test("a pause of the looking and a start anew are gaps, not jumps", () => {
  expect(figures([look(10, 100), look(30, 900)]).received).toEqual([null, null]);
  expect(figures([look(10, 900), look(11, 5)]).received).toEqual([null, null]);
});
