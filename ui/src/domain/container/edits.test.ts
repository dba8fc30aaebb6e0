import type { ContainerRow, Problem } from "$shared/bindings";
import { overwriteGetLocale } from "$shared/messages/runtime.js";
import type { Outcome } from "$shared/outcome";
import { beforeEach, expect, test, vi } from "vitest";
import { Edits, type EditLink } from "./edits.svelte";

beforeEach(() => overwriteGetLocale(() => "en"));

const row = { id: "a", name: "web" } as ContainerRow;
const problem: Problem = { code: "conflict", message: "name is in use", hint: null };
const ok = <T>(data: T): Outcome<T> => ({ status: "ok", data });

function setup(changes: Partial<EditLink> = {}) {
  const link = {
    rename: vi.fn(async () => ok(null)),
    update: vi.fn(async () => ok(null)),
    commit: vi.fn(async () => ok("sha256:ab")),
    ...changes,
  };
  const say = vi.fn<(title: () => string) => void>();
  return { edits: new Edits(link, say), link, say };
}

test("a change closes its dialog and is told", async () => {
  const { edits, link, say } = setup();
  edits.show("commit", row);
  await edits.commit(" shop/web:2 ", "new page");
  expect(link.commit).toHaveBeenCalledWith("a", "shop/web:2", "new page");
  expect(edits.open).toBeUndefined();
  expect(say.mock.calls[0]?.[0]()).toBe("Saved as shop/web:2");
});

test("a refusal stays in the dialog, to be put right", async () => {
  const { edits, say } = setup({ rename: async () => ({ status: "error", error: problem }) });
  edits.show("rename", row);
  await edits.rename("db");
  expect([edits.open?.row, edits.problem, edits.busy]).toEqual([row, problem, false]);
  expect(say).not.toHaveBeenCalled();
  edits.show("limits", row);
  expect(edits.problem).toBeUndefined();
});

test("a second press asks nothing", () => {
  const update = vi.fn(() => new Promise<Outcome<null>>(() => undefined));
  const { edits } = setup({ update });
  edits.show("limits", row);
  const limits = { memory: "64m", cpus: "", processes: "" };
  void edits.limit(limits, "");
  void edits.limit(limits, "");
  expect(update).toHaveBeenCalledTimes(1);
});
