import type { ContainerRow, ContainerState, Problem } from "$shared/bindings";
import { overwriteGetLocale } from "$shared/messages/runtime.js";
import type { Outcome } from "$shared/outcome";
import { beforeEach, expect, test, vi } from "vitest";
import { Containers, type ContainerLink } from "./containers.svelte";

beforeEach(() => overwriteGetLocale(() => "en"));

function row(name: string, state: ContainerState = "running"): ContainerRow {
  return {
    id: `id-${name}`,
    name,
    image: "nginx",
    command: "nginx",
    state,
    status: "",
    ports: [],
    created: 1,
    labels: [],
  };
}

const problem: Problem = { code: "port-in-use", message: "port is already allocated", hint: null };
const ok = <T>(data: T): Outcome<T> => ({ status: "ok", data });
const bad: Outcome<never> = { status: "error", error: problem };

function setup(link: Partial<ContainerLink> = {}) {
  const asked = {
    list: vi.fn(async () => ok([row("web")])),
    start: vi.fn(async () => ok(null)),
    stop: vi.fn(async () => ok(null)),
    restart: vi.fn(async () => ok(null)),
    pause: vi.fn(async () => ok(null)),
    unpause: vi.fn(async () => ok(null)),
    kill: vi.fn(async () => ok(null)),
    remove: vi.fn(async () => ok(null)),
    usage: vi.fn(() => ({ ended: new Promise<Outcome<null>>(() => undefined), end: () => undefined })),
    runWelcome: vi.fn(async () => ok({ url: "http://localhost:8080", container: "id-welcome" })),
    openPage: vi.fn(async () => ok(null)),
    onChanged: vi.fn(async () => undefined),
    ...link,
  };
  const tell = vi.fn<(title: () => string, problem: Problem) => void>();
  return { containers: new Containers(asked, tell), asked, tell };
}

function later<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

test("an event reads the list again", async () => {
  let changed: () => void = () => undefined;
  const { containers, asked } = setup({ onChanged: async (hear) => (changed = hear) });
  await containers.open();
  changed();
  await vi.waitFor(() => expect(containers.rows).toEqual([row("web")]));
  expect(asked.list).toHaveBeenCalledTimes(1);
});

test("a storm of events while the list is read leads to one more reading", async () => {
  const first = later<Outcome<ContainerRow[]>>();
  const list = vi
    .fn<ContainerLink["list"]>()
    .mockReturnValueOnce(first.promise)
    .mockResolvedValue(ok([row("b")]));
  const { containers } = setup({ list });
  const reading = containers.refresh();
  for (let event = 0; event < 50; event += 1) void containers.refresh();
  first.resolve(ok([row("a")]));
  await reading;
  expect(list).toHaveBeenCalledTimes(2);
  expect(containers.rows).toEqual([row("b")]);
});

test("an answer of an engine that is gone meanwhile is not shown", async () => {
  const answer = later<Outcome<ContainerRow[]>>();
  const { containers } = setup({ list: () => answer.promise });
  const reading = containers.refresh();
  containers.clear();
  answer.resolve(ok([row("ghost")]));
  await reading;
  expect(containers.rows).toBeUndefined();
});

test("a stopped machine is no error of the list; anything else is", async () => {
  const stopped: Problem = { code: "machine-stopped", message: "stopped", hint: null };
  const list = vi
    .fn<ContainerLink["list"]>()
    .mockResolvedValueOnce({ status: "error", error: stopped })
    .mockResolvedValue(bad);
  const { containers, tell } = setup({ list });
  await containers.refresh();
  expect(tell).not.toHaveBeenCalled();
  await containers.refresh();
  expect(tell).toHaveBeenCalledTimes(1);
});

test("the same work is asked once, and shown until the list tells its effect", async () => {
  const answer = later<Outcome<null>>();
  const stop = vi.fn(() => answer.promise);
  const { containers } = setup({ stop });
  const stopping = containers.stop(row("web"));
  void containers.stop(row("web"));
  expect(containers.workOn("id-web")).toBe("stop");
  answer.resolve(ok(null));
  await stopping;
  expect(stop).toHaveBeenCalledTimes(1);
  expect(containers.workOn("id-web")).toBeUndefined();
  expect(containers.rows).toEqual([row("web")]);
});

test("a remove pressed before the stop has answered waits for its turn", async () => {
  const answer = later<Outcome<null>>();
  const { containers, asked } = setup({ stop: () => answer.promise });
  const stopping = containers.stop(row("web"));
  const removing = containers.remove(row("web", "exited"));
  expect(containers.workOn("id-web")).toBe("remove");
  expect(asked.remove).not.toHaveBeenCalled();
  answer.resolve(ok(null));
  await stopping;
  await removing;
  expect(asked.remove).toHaveBeenCalledTimes(1);
  expect(containers.workOn("id-web")).toBeUndefined();
});

test("a failed start names the container and keeps the engine's words", async () => {
  const { containers, tell } = setup({ start: async () => bad });
  await containers.start(row("web", "exited"));
  const [title, told] = tell.mock.calls[0] ?? [];
  expect([title?.(), told]).toEqual(["web could not be started", problem]);
});

test("removing what runs asks first; cancel leaves it alone", async () => {
  const { containers, asked } = setup();
  await containers.remove(row("web"));
  expect(containers.confirming).toEqual([row("web")]);
  containers.cancelRemove();
  await containers.confirmRemove();
  expect(asked.remove).not.toHaveBeenCalled();
  await containers.remove(row("web", "paused"));
  await containers.confirmRemove();
  expect(asked.remove).toHaveBeenCalledExactlyOnceWith("id-web", true);
});

test("removing what has ended asks nothing and forces nothing", async () => {
  const { containers, asked } = setup();
  await containers.remove(row("web", "exited"));
  expect(asked.remove).toHaveBeenCalledExactlyOnceWith("id-web", false);
});

test("the welcome container ends with its page open", async () => {
  const { containers, asked } = setup({
    runWelcome: async (onStage) => {
      onStage("page");
      expect(containers.stage).toBe("page");
      return ok({ url: "http://localhost:8081", container: "id-welcome" });
    },
  });
  const running = containers.runWelcome();
  void containers.runWelcome();
  expect(containers.stage).toBeDefined();
  await running;
  expect(containers.stage).toBeUndefined();
  expect(asked.openPage).toHaveBeenCalledExactlyOnceWith("http://localhost:8081");
});

test("a welcome container that fails opens nothing and says why", async () => {
  const { containers, asked, tell } = setup({ runWelcome: async () => bad });
  await containers.runWelcome();
  expect(asked.openPage).not.toHaveBeenCalled();
  expect(tell).toHaveBeenCalledWith(expect.any(Function), problem);
});

test("a page that no browser opens is told", async () => {
  const { containers, tell } = setup({ openPage: async () => bad });
  await containers.openPage("http://localhost:1");
  expect(tell).toHaveBeenCalledTimes(1);
});

test("several are removed after one question, those that run by force", async () => {
  const remove = vi.fn(async () => ok(null));
  const { containers } = setup({ remove });
  await containers.remove(row("a", "exited"), row("b"));
  expect(remove).not.toHaveBeenCalled();
  await containers.confirmRemove();
  expect(remove.mock.calls).toEqual([
    ["id-a", false],
    ["id-b", true],
  ]);
});
