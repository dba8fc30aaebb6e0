import type { Exploration, HistoryStep, Problem } from "$shared/bindings";
import type { Outcome } from "$shared/outcome";
import { expect, test } from "vitest";
import { ImageDetail } from "./image-detail.svelte";

const exploration = (id: string): Exploration => ({ Id: id, Size: 1, Wasted: 0, Layers: [], Largest: [] });
const step: HistoryStep = { Created: 1, CreatedBy: "RUN true", Size: 0, Comment: "" };

test("the inside of the image that was opened last is shown", async () => {
  const answers = new Map<string, (outcome: Outcome<Exploration>) => void>();
  const detail = new ImageDetail({
    explore: (id) => new Promise((answer) => answers.set(id, answer)),
    history: async () => ({ status: "ok", data: [step] }),
  });
  const [first, second] = [detail.open("a"), detail.open("b")];
  answers.get("b")?.({ status: "ok", data: exploration("b") });
  await second;
  answers.get("a")?.({ status: "ok", data: exploration("a") });
  await first;
  expect(detail.layers?.Id).toBe("b");
  expect(detail.history).toEqual([step]);
});

test("what cannot be read says why, and the rest is shown", async () => {
  const problem: Problem = { code: "not-found", message: "no such image", hint: null };
  const detail = new ImageDetail({
    explore: async () => ({ status: "error", error: problem }),
    history: async () => ({ status: "ok", data: [step] }),
  });
  await detail.open("a");
  expect([detail.layers, detail.problem, detail.history?.length]).toEqual([undefined, problem, 1]);
});
