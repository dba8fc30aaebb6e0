import type { LogLine } from "$shared/bindings";
import type { Outcome } from "$shared/outcome";
import { expect, test, vi } from "vitest";
import { KEPT, LogBook } from "./log-book.svelte";

function lines(texts: readonly string[]): LogLine[] {
  return texts.map((text) => ({ stderr: false, time: "2025-01-31T12:00:00Z", text }));
}

function setup() {
  let hear: (lines: LogLine[]) => void = () => undefined;
  let over: (outcome: Outcome<null>) => void = () => undefined;
  const end = vi.fn();
  const link = vi.fn((_id: string, _tail: number, listener: (lines: LogLine[]) => void) => {
    hear = listener;
    return { ended: new Promise<Outcome<null>>((done) => (over = done)), end };
  });
  const book = new LogBook(link, (draw) => draw());
  book.open("a");
  return {
    book,
    link,
    end,
    hear: (texts: readonly string[]) => hear(lines(texts)),
    over: (o: Outcome<null>) => over(o),
  };
}

test("lines come in order, and another container's are another log", () => {
  const pictures: (() => void)[] = [];
  let hear: (lines: LogLine[]) => void = () => undefined;
  const end = vi.fn();
  const link = (_id: string, _tail: number, listener: (lines: LogLine[]) => void) => {
    hear = listener;
    return { ended: new Promise<Outcome<null>>(() => undefined), end };
  };
  const book = new LogBook(link, (draw) => pictures.push(draw));
  book.open("a");
  hear(lines(["one"]));
  hear(lines(["two"]));
  expect([book.count, pictures.length]).toEqual([0, 1]);
  pictures.pop()?.();
  expect([book.line(0)?.text, book.line(1)?.text, book.count]).toEqual(["one", "two", 2]);
  const old = hear;
  book.open("b");
  expect([book.count, end.mock.calls.length]).toEqual([0, 1]);
  old(lines(["late"]));
  pictures.pop()?.();
  expect(book.count).toBe(0);
});

test("what is looked for is found in colours too, round about, and in what comes", () => {
  const { book, hear } = setup();
  hear(["\u001b[31mErr\u001b[0mor one", "fine", "error two"]);
  book.find("error");
  expect([book.found.length, book.line(book.index(book.mark ?? -1))?.text]).toEqual([2, "error two"]);
  book.step(1);
  expect(book.at).toBe(0);
  hear(["error three"]);
  expect(book.found.length).toBe(3);
  book.find("");
  expect([book.found.length, book.mark]).toEqual([0, undefined]);
});

test("the oldest lines go when there are too many, and matches keep their lines", () => {
  const { book, hear } = setup();
  const many = Array.from({ length: KEPT }, (_, at) => `line ${at}`);
  hear(["needle first", ...many]);
  hear([...many.slice(0, 10_000), "needle last"]);
  book.find("needle");
  expect(book.count).toBeLessThanOrEqual(KEPT + 5_000);
  expect(book.found.length).toBe(1);
  expect(book.line(book.index(book.mark ?? -1))?.text).toBe("needle last");
});

test("clearing keeps following", () => {
  const { book, hear, end } = setup();
  hear(["a", "b"]);
  book.clear();
  expect([book.count, end.mock.calls.length]).toEqual([0, 0]);
  hear(["c"]);
  expect(book.line(0)?.text).toBe("c");
});

test("how it broke off is told", async () => {
  const { book, over } = setup();
  over({ status: "error", error: { code: "io", message: "gone", hint: null } });
  await vi.waitFor(() => expect(book.problem?.message).toBe("gone"));
});

test("it copies as text, with times when they are shown", () => {
  const { book, hear } = setup();
  hear(["\u001b[31ma\u001b[0m"]);
  expect(book.text(false).startsWith("a")).toBe(true);
  expect(book.text(true).startsWith("2025-01-31T12:00:00Z a")).toBe(true);
});
