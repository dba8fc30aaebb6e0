import type { Problem, PullProgress } from "$shared/bindings";
import { overwriteGetLocale } from "$shared/messages/runtime.js";
import type { Outcome } from "$shared/outcome";
import { beforeEach, expect, test, vi } from "vitest";
import { Pull, Pulls } from "./pulls.svelte";

beforeEach(() => overwriteGetLocale(() => "en"));

const layer = (id: string, status: string, current: number | null = null, total: number | null = null) =>
  ({ id, status, current, total }) satisfies PullProgress;
const problem: Problem = { code: "registry", message: "no such host", hint: null };

function setup() {
  const links: { hear: (progress: PullProgress) => void; over: (outcome: Outcome<null>) => void; end: () => void }[] =
    [];
  const link = vi.fn((_: string, hear: (progress: PullProgress) => void) => {
    const end = vi.fn();
    let over: (outcome: Outcome<null>) => void = () => undefined;
    const ended = new Promise<Outcome<null>>((done) => (over = done));
    links.push({ hear, over, end });
    return { ended, end };
  });
  const ways = {
    tell: vi.fn<(title: () => string, problem: Problem) => void>(),
    say: vi.fn<(title: () => string) => void>(),
  };
  return { pulls: new Pulls(link, ways), link, ways, links };
}

test("each layer has its own bar, and keeps its size when it is unpacked", () => {
  const pull = new Pull("nginx");
  pull.hear({ id: null, status: "Digest: sha256:1", current: null, total: null });
  pull.hear(layer("latest", "Pulling from library/nginx"));
  pull.hear(layer("aaaaaaaaaaaa", "Pulling fs layer"));
  pull.hear(layer("bbbbbbbbbbbb", "Already exists"));
  pull.hear(layer("aaaaaaaaaaaa", "Downloading", 3, 10));
  expect(pull.layers.map((one) => [one.id, one.current, one.total])).toEqual([
    ["aaaaaaaaaaaa", 3, 10],
    ["bbbbbbbbbbbb", 0, undefined],
  ]);
  pull.hear(layer("aaaaaaaaaaaa", "Pull complete"));
  expect(pull.layers[0]).toMatchObject({ current: 10, total: 10, done: true });
  expect(pull.done).toBe(2);
});

test("a pull goes on behind a closed dialog and tells its end", async () => {
  const { pulls, ways, links } = setup();
  pulls.ask();
  const pulling = pulls.start(" nginx ");
  pulls.close();
  expect(pulls.running.map((pull) => pull.reference)).toEqual(["nginx"]);
  links[0]?.over({ status: "ok", data: null });
  await pulling;
  expect(pulls.running).toEqual([]);
  expect(ways.say.mock.calls[0]?.[0]()).toBe("nginx is here");
});

test("one image is pulled once; asked for again it is shown", () => {
  const { pulls, link } = setup();
  void pulls.start("nginx");
  pulls.ask();
  void pulls.start("nginx");
  expect(link).toHaveBeenCalledTimes(1);
  expect(pulls.shown?.reference).toBe("nginx");
});

test("a cancelled pull ends, and its end is no news", async () => {
  const { pulls, ways, links } = setup();
  const pulling = pulls.start("nginx");
  const [pull] = pulls.running;
  if (pull) pulls.cancel(pull);
  expect(links[0]?.end).toHaveBeenCalledTimes(1);
  links[0]?.over({ status: "ok", data: null });
  await pulling;
  expect(ways.say).not.toHaveBeenCalled();
  expect([pulls.running, pulls.shown]).toEqual([[], undefined]);
});

test("a failure stands in the dialog, and in a notice when the dialog is closed", async () => {
  const { pulls, ways, links } = setup();
  pulls.ask();
  const first = pulls.start("nginx");
  links[0]?.over({ status: "error", error: problem });
  await first;
  expect(pulls.shown?.problem).toBe(problem);
  expect(ways.tell).not.toHaveBeenCalled();
  const second = pulls.start("nginx");
  pulls.close();
  links[1]?.over({ status: "error", error: problem });
  await second;
  expect(ways.tell.mock.calls[0]?.[0]()).toBe("nginx could not be pulled");
});

test("nothing is pulled without a name", () => {
  const { pulls, link } = setup();
  void pulls.start("  ");
  expect(link).not.toHaveBeenCalled();
});
