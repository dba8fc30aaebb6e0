import type { Problem, PullProgress, RunForm } from "$shared/bindings";
import type { Outcome } from "$shared/outcome";
import { expect, test, vi } from "vitest";
import { Run, RunDesk, type RunLink } from "./run.svelte";

const problem: Problem = { code: "port-in-use", message: "port is already allocated", hint: null };
const ok = <T>(data: T): Outcome<T> => ({ status: "ok", data });

function link(changes: Partial<RunLink> = {}): RunLink {
  return {
    images: async () => ok([]),
    portUse: async (port) => ok(port === 8080 ? { by: "container", name: "web" } : { by: "free" }),
    run: async () => ok("id"),
    ...changes,
  };
}

test("the command line follows every field", () => {
  const run = new Run(link(), "nginx");
  run.name = "web";
  run.ports[0] = { host: "8081", inside: "80" };
  run.env.push({ key: "GREETING", value: "hello there" }, { key: "", value: "left out" });
  run.memory = "64m";
  run.restart = "always";
  run.command = "sh -c 'a && b'";
  expect(run.line).toBe(
    "docker run -d --name web -p 8081:80 -e 'GREETING=hello there' -m 64m --restart always nginx sh -c 'a && b'",
  );
  expect(run.form).toMatchObject({ publish: ["8081:80"], command: ["sh", "-c", "a && b"] });
});

test("a port says who has it, and what is no port says so", async () => {
  const run = new Run(link());
  run.ports[0] = { host: "8080", inside: "80" };
  run.ports.push({ host: "9000", inside: "80" }, { host: "70000", inside: "80" }, { host: "", inside: "80" });
  await run.check();
  expect(run.ports.map((line) => run.note(line))).toEqual([
    { state: "container", name: "web" },
    { state: "free" },
    { state: "wrong" },
    undefined,
  ]);
});

test("a failure stays in the open dialog; layers are counted on the way", async () => {
  const start = async (_: RunForm, hear: (progress: PullProgress) => void): Promise<Outcome<string>> => {
    const layer = (id: string, status: string) => hear({ id, status, current: null, total: null });
    layer("latest", "Pulling from nginx");
    layer("aaaaaaaaaaaa", "Pull complete");
    layer("bbbbbbbbbbbb", "Downloading");
    return { status: "error", error: problem };
  };
  const [tell, done] = [vi.fn(), vi.fn()];
  const desk = new RunDesk(link({ run: start }), tell, done);
  desk.show("nginx");
  await desk.start();
  expect(desk.open?.problem).toEqual(problem);
  expect(desk.open?.pulled).toEqual({ done: 1, count: 2 });
  expect([tell.mock.calls.length, done.mock.calls.length]).toEqual([0, 0]);
});

test("a start goes on behind a closed dialog, and how it ended is told", async () => {
  let end: (outcome: Outcome<string>) => void = () => undefined;
  const run = () => new Promise<Outcome<string>>((resolve) => (end = resolve));
  const [tell, done] = [vi.fn(), vi.fn()];
  const desk = new RunDesk(link({ run }), tell, done);
  desk.show("nginx");
  const first = desk.start();
  desk.close();
  end({ status: "error", error: problem });
  await first;
  expect(tell).toHaveBeenCalledWith(expect.any(Function), problem);
  desk.show("nginx");
  const second = desk.start();
  end(ok("id"));
  await second;
  expect(done).toHaveBeenCalledWith("id");
  expect(desk.open).toBeUndefined();
});

test("nothing is asked without an image, and a second press asks nothing", async () => {
  const run = vi.fn(() => new Promise<Outcome<string>>(() => undefined));
  const form = new Run(link({ run }));
  await form.start();
  form.image = "nginx";
  void form.start();
  void form.start();
  expect(run).toHaveBeenCalledTimes(1);
});
