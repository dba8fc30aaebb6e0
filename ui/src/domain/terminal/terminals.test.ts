import type { Outcome } from "$shared/outcome";
import { expect, test, vi } from "vitest";
import { Terminals, type Screen, type TerminalLink } from "./terminals.svelte";

function setup() {
  const screens: (Screen & { type: (text: string) => void; grow: () => void })[] = [];
  const screen = () => {
    let keys: (text: string) => void = () => undefined;
    let sizes: (columns: number, rows: number) => void = () => undefined;
    const made = {
      element: document.createElement("div"),
      size: { columns: 80, rows: 24 },
      write: vi.fn(),
      onKeys: (hear: (text: string) => void) => void (keys = hear),
      onSize: (hear: (columns: number, rows: number) => void) => void (sizes = hear),
      fit: () => undefined,
      focus: () => undefined,
      dispose: vi.fn(),
      type: (text: string) => keys(text),
      grow: () => sizes(100, 30),
    };
    screens.push(made);
    return made;
  };
  const streams: {
    write: ReturnType<typeof vi.fn>;
    resize: ReturnType<typeof vi.fn>;
    end: ReturnType<typeof vi.fn>;
  }[] = [];
  let over: (outcome: Outcome<null>) => void = () => undefined;
  const link: TerminalLink = () => {
    const stream = { write: vi.fn(), resize: vi.fn(), end: vi.fn() };
    streams.push(stream);
    return { ...stream, ended: new Promise<Outcome<null>>((done) => (over = done)) };
  };
  const tell = vi.fn();
  return { terminals: new Terminals(link, screen, tell), screens, streams, tell, over: (o: Outcome<null>) => over(o) };
}

test("keys and sizes find the shell, and each container has its own terminals", () => {
  const { terminals, screens, streams } = setup();
  terminals.open("a");
  terminals.open("a");
  terminals.open("b");
  screens[1]?.type("ls\r");
  screens[1]?.grow();
  expect(streams[1]?.write).toHaveBeenCalledWith("ls\r");
  expect(streams[1]?.resize).toHaveBeenCalledWith(100, 30);
  expect(streams[0]?.write).not.toHaveBeenCalled();
  expect(terminals.of("a").map((one) => one.number)).toEqual([1, 2]);
  expect(terminals.shown("a")?.number).toBe(2);
});

test("closing one ends its shell only", () => {
  const { terminals, screens, streams } = setup();
  terminals.open("a");
  terminals.open("a");
  const [first] = terminals.of("a");
  if (first) terminals.close(first);
  expect([streams[0]?.end.mock.calls.length, streams[1]?.end.mock.calls.length]).toEqual([1, 0]);
  expect(screens[0]?.dispose).toHaveBeenCalled();
  terminals.clear();
  expect(terminals.of("a")).toEqual([]);
});

test("a shell that ends says so and can still be read; one that broke off is told", async () => {
  const { terminals, screens, tell, over } = setup();
  terminals.open("a");
  over({ status: "error", error: { code: "conflict", message: "not running", hint: null } });
  await vi.waitFor(() => expect(screens[0]?.write).toHaveBeenCalled());
  expect(tell).toHaveBeenCalledTimes(1);
  expect(terminals.of("a").length).toBe(1);
});
