import type { Problem } from "$shared/bindings";
import { expect, test } from "vitest";
import { Notices } from "./notices.svelte";

const problem: Problem = { code: "engine", message: "no", hint: null };

test("the same failure again replaces the old notice, and old ones make room", () => {
  const notices = new Notices();
  for (const title of ["a", "b", "a", "c", "d"]) notices.tell(() => title, problem);
  expect(notices.all.map((notice) => notice.title())).toEqual(["d", "c", "a"]);
});

test("a notice goes when it is dismissed or taken back, and only that one", () => {
  const notices = new Notices();
  const retract = notices.tell(() => "a", problem);
  notices.tell(() => "b", problem);
  notices.tell(() => "c", problem);
  notices.dismiss(notices.all[0]?.id ?? 0);
  retract();
  expect(notices.all.map((notice) => notice.title())).toEqual(["b"]);
});
