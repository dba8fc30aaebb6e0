import type { MachineState, MachineStatus, Problem } from "$shared/bindings";
import type { Outcome } from "$shared/outcome";
import { expect, test, vi } from "vitest";
import { Machine, type MachineLink } from "./machine.svelte";

function status(state: MachineState, error: Problem | null = null): MachineStatus {
  return {
    state,
    steps: [],
    acceleration: null,
    version: "0.1.0",
    engine_version: null,
    kernel: null,
    boot_millis: null,
    error,
    docker_host: "unix:///h/docker.sock",
    home: "/h",
  };
}

const problem: Problem = { code: "boot-timeout", message: "the kernel did not answer", hint: null };
const ok = <T>(data: T): Outcome<T> => ({ status: "ok", data });
const bad: Outcome<never> = { status: "error", error: problem };

function setup(link: Partial<MachineLink> = {}) {
  const hear: { changed: (status: MachineStatus) => void; lost: (problem: Problem) => void } = {
    changed: () => undefined,
    lost: () => undefined,
  };
  const retract = vi.fn();
  const tell = vi.fn(() => retract);
  const machine = new Machine(
    {
      connect: async () => ok(status("stopped")),
      status: async () => ok(status("stopped")),
      start: async () => ok(status("running")),
      stop: async () => ok(status("stopped")),
      onChanged: async (listener) => (hear.changed = listener),
      onLost: async (listener) => (hear.lost = listener),
      ...link,
    },
    tell,
  );
  return { machine, hear, tell, retract };
}

test("nothing is claimed until the host answers, then follows its events", async () => {
  const { machine, hear } = setup();
  expect(machine.phase).toBe("connecting");
  await machine.open();
  expect(machine.phase).toBe("stopped");
  hear.changed(status("starting"));
  expect(machine.phase).toBe("starting");
  hear.changed(status("running"));
  expect(machine.phase).toBe("running");
});

test("a press shows at once and a second press asks nothing", async () => {
  const start = vi.fn(() => new Promise<Outcome<MachineStatus>>(() => undefined));
  const { machine } = setup({ start });
  await machine.open();
  void machine.start();
  void machine.start();
  expect(machine.phase).toBe("starting");
  expect(start).toHaveBeenCalledTimes(1);
});

test("a start that fails is told once, where the steps are", async () => {
  const { machine, tell } = setup({ start: async () => bad, status: async () => ok(status("failed", problem)) });
  await machine.open();
  await machine.start();
  expect(machine.phase).toBe("failed");
  expect(machine.status?.error).toEqual(problem);
  expect(tell).not.toHaveBeenCalled();
});

test("a refusal that the state does not show is told as a notice", async () => {
  const { machine, tell } = setup({ start: async () => bad });
  await machine.open();
  await machine.start();
  expect(machine.phase).toBe("stopped");
  expect(tell).toHaveBeenCalledWith(expect.any(Function), problem);
});

test("after a stop that failed it can be asked again", async () => {
  const stop = vi.fn(async () => bad);
  const { machine } = setup({
    connect: async () => ok(status("running")),
    status: async () => ok(status("running")),
    stop,
  });
  await machine.open();
  await machine.stop();
  expect(machine.phase).toBe("running");
  await machine.stop();
  expect(stop).toHaveBeenCalledTimes(2);
});

test("a background process that does not start can be tried again", async () => {
  const connect = vi
    .fn<MachineLink["connect"]>()
    .mockResolvedValueOnce(bad)
    .mockResolvedValueOnce(ok(status("stopped")));
  const { machine, tell, retract } = setup({ connect });
  await machine.open();
  expect(machine.phase).toBe("unreachable");
  expect(tell).toHaveBeenCalledTimes(1);
  await machine.connect();
  expect(retract).toHaveBeenCalledTimes(1);
  expect(machine.phase).toBe("stopped");
});

test("a lost connection leaves no state on screen that may be wrong", async () => {
  const { machine, hear } = setup({ connect: async () => ok(status("running")) });
  await machine.open();
  hear.lost(problem);
  expect(machine.status).toBeUndefined();
  hear.changed(status("running"));
  expect(machine.phase).toBe("running");
});
