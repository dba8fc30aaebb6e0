import type { Usage } from "$shared/bindings";
import type { Outcome } from "$shared/outcome";
import { expect, test, vi } from "vitest";
import { UsageBoard } from "./usage.svelte";

function usage(cpu: number): Usage {
  return {
    id: "a",
    name: "web",
    time: "",
    cpu,
    memory: 1,
    memory_limit: 2,
    received: 0,
    sent: 0,
    read: 0,
    written: 0,
    processes: 1,
    pressure: { cpu: 0, memory: 0, io: 0 },
  };
}

function setup() {
  let hear: (usage: Usage) => void = () => undefined;
  let over: (outcome: Outcome<null>) => void = () => undefined;
  const end = vi.fn();
  const link = vi.fn((_: string, listener: (usage: Usage) => void) => {
    hear = listener;
    return { ended: new Promise<Outcome<null>>((done) => (over = done)), end };
  });
  return {
    board: new UsageBoard(link),
    link,
    end,
    hear: (u: Usage) => hear(u),
    over: () => over({ status: "ok", data: null }),
  };
}

test("a container is followed once, as long as anyone looks", () => {
  const { board, link, end, hear } = setup();
  const [row, page] = [board.look("a"), board.look("a")];
  hear(usage(7));
  expect(board.latest("a")?.cpu).toBe(7);
  row();
  expect(end).not.toHaveBeenCalled();
  page();
  expect([link.mock.calls.length, end.mock.calls.length]).toEqual([1, 1]);
  expect(board.latest("a")).toBeUndefined();
});

test("the last hour is kept, also over a pause of the looking", () => {
  const { board, hear } = setup();
  board.look("a")();
  board.look("a");
  for (let second = 0; second < 3700; second += 1) hear(usage(second));
  expect(board.history("a").length).toBe(3600);
  expect(board.history("a")[0]?.cpu).toBe(100);
});

test("one that has stopped uses nothing, and can be followed again", async () => {
  const { board, link, hear, over } = setup();
  board.look("a");
  hear(usage(7));
  over();
  await vi.waitFor(() => expect(board.latest("a")).toBeUndefined());
  board.look("a");
  expect(link).toHaveBeenCalledTimes(2);
});
