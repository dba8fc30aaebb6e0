import { expect, test, vi } from "vitest";
import type { Problem } from "./bindings";
import { LiveList } from "./live-list.svelte";
import type { Outcome } from "./outcome";

function setup() {
  const answers: ((outcome: Outcome<number>) => void)[] = [];
  const failed = vi.fn<(problem: Problem) => void>();
  const list = new LiveList<number>(() => new Promise((answer) => answers.push(answer)), failed);
  const answer = (outcome: Outcome<number>) => answers.at(-1)?.(outcome);
  return { list, answers, answer, failed };
}

const problem = (code: Problem["code"]): Outcome<never> => ({
  status: "error",
  error: { code, message: "no", hint: null },
});

test("a storm of events while it is read leads to one more reading", async () => {
  const { list, answers, answer } = setup();
  const reading = list.refresh();
  for (let event = 0; event < 50; event += 1) void list.refresh();
  answer({ status: "ok", data: 1 });
  await vi.waitFor(() => expect(answers.length).toBe(2));
  answer({ status: "ok", data: 2 });
  await reading;
  expect([list.value, answers.length]).toEqual([2, 2]);
});

test("an answer of an engine that is gone meanwhile is not shown", async () => {
  const { list, answer } = setup();
  const reading = list.refresh();
  list.clear();
  answer({ status: "ok", data: 1 });
  await reading;
  expect(list.value).toBeUndefined();
});

test("a stopped machine is no error of the list; anything else is, and what was read stays", async () => {
  const { list, answer, failed } = setup();
  for (const outcome of [{ status: "ok", data: 1 } as const, problem("machine-stopped"), problem("engine")]) {
    const reading = list.refresh();
    answer(outcome);
    await reading;
  }
  expect(failed.mock.calls.map(([one]) => one.code)).toEqual(["engine"]);
  expect(list.value).toBe(1);
});
