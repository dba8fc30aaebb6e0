import type { Outcome } from "$shared/outcome";
import { expect, test, vi } from "vitest";
import { Detail } from "./detail.svelte";

const ok = (data: string): Outcome<string> => ({ status: "ok", data });

test("mounts are those of the document, whatever else is in it", async () => {
  const document = {
    Mounts: [
      { Type: "volume", Name: "data", Source: "/var/lib/x", Destination: "/data", RW: true },
      { Type: "bind", Source: "/host", Destination: "/in", RW: false },
    ],
  };
  const detail = new Detail({ inspect: async () => ok(JSON.stringify(document)) }, vi.fn());
  await detail.read("a", "web");
  expect(detail.mounts).toEqual([
    { type: "volume", source: "data", target: "/data", writable: true },
    { type: "bind", source: "/host", target: "/in", writable: false },
  ]);
  expect(JSON.parse(detail.text)).toEqual(document);
});

test("an answer about another container that comes late is not shown", async () => {
  let first: (outcome: Outcome<string>) => void = () => undefined;
  const inspect = vi
    .fn<(id: string) => Promise<Outcome<string>>>()
    .mockReturnValueOnce(new Promise((done) => (first = done)))
    .mockResolvedValueOnce(ok('{"Id":"b"}'));
  const detail = new Detail({ inspect }, vi.fn());
  const reading = detail.read("a", "a");
  await detail.read("b", "b");
  first(ok('{"Id":"a"}'));
  await reading;
  expect(detail.json).toEqual({ Id: "b" });
});

test("one that is gone is no failure, anything else is told", async () => {
  const tell = vi.fn();
  const problem = (code: "not-found" | "engine"): Outcome<string> => {
    return { status: "error", error: { code, message: "no", hint: null } };
  };
  const inspect = vi
    .fn<(id: string) => Promise<Outcome<string>>>()
    .mockResolvedValueOnce(problem("not-found"))
    .mockResolvedValueOnce(problem("engine"));
  const detail = new Detail({ inspect }, tell);
  await detail.read("a", "web");
  expect(tell).not.toHaveBeenCalled();
  await detail.read("a", "web");
  expect(tell).toHaveBeenCalledTimes(1);
});
