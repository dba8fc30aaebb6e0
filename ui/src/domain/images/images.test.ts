import type { FreedImages, ImageRow, ImageUser, Problem } from "$shared/bindings";
import { overwriteGetLocale } from "$shared/messages/runtime.js";
import type { Outcome } from "$shared/outcome";
import { beforeEach, expect, test, vi } from "vitest";
import { nameOf, NONE, reference } from "./image-text";
import { Images, type ImageLink, type ImageWays } from "./images.svelte";

beforeEach(() => overwriteGetLocale(() => "en"));

function image(id: string, repository = NONE, tag = NONE, size = 1): ImageRow {
  return { id: `sha256:${id.repeat(64)}`, repository, tag, created: 1, size };
}

const user = (row: ImageRow, name: string): ImageUser => ({ image: row.id, container: `id-${name}`, name, live: true });
const ok = <T>(data: T): Outcome<T> => ({ status: "ok", data });
const conflict = (message: string): Outcome<never> => ({
  status: "error",
  error: { code: "conflict", message, hint: null },
});

const nginx = image("a", "nginx", "latest", 50);
const again = image("a", "web", "1", 50);
const stray = image("b", NONE, NONE, 7);
const redis = image("c", "redis", "7", 30);

function setup(link: Partial<ImageLink> = {}) {
  const asked = {
    list: vi.fn(async () => ok([nginx, again, stray, redis])),
    users: vi.fn(async () => ok([user(nginx, "front")])),
    tag: vi.fn<ImageLink["tag"]>(async () => ok(null)),
    remove: vi.fn<ImageLink["remove"]>(async () => ok(null)),
    prune: vi.fn(async (): Promise<Outcome<FreedImages>> => ok({ images: 2, bytes: 37 })),
    onChanged: vi.fn<ImageLink["onChanged"]>(async () => undefined),
  };
  Object.assign(asked, link);
  const ways = {
    tell: vi.fn<ImageWays["tell"]>(),
    say: vi.fn<ImageWays["say"]>(),
    showUsers: vi.fn<ImageWays["showUsers"]>(),
  };
  return { images: new Images(asked, ways), asked, ways };
}

test("an event reads the list again, and each image knows who stands on it", async () => {
  let changed: () => void = () => undefined;
  const { images } = setup({ onChanged: async (hear) => (changed = hear) });
  await images.open();
  changed();
  await vi.waitFor(() => expect(images.all?.map(({ users }) => users.length)).toEqual([1, 1, 0, 0]));
});

test("an image with two names takes its room once", async () => {
  const { images } = setup();
  await images.refresh();
  expect(images.size).toBe(87);
  expect(images.names(nginx.id)).toEqual(["nginx:latest", "web:1"]);
});

test("what a prune would remove is what no container has", async () => {
  const { images } = setup();
  await images.refresh();
  expect([images.unused(false), images.unused(true)]).toEqual([1, 2]);
});

test("a prune says what it freed and closes its question", async () => {
  const { images, asked, ways } = setup();
  images.ask({ ask: "prune" });
  await images.prune(true);
  expect(asked.prune).toHaveBeenCalledWith(true);
  expect(ways.say.mock.calls[0]?.[0]()).toBe("2 images removed, 37 B freed");
  expect(images.question).toBeUndefined();
});

test("words find an image by its name, its id or a container of it", async () => {
  const { images } = setup();
  await images.refresh();
  for (const [query, names] of [
    ["red", ["redis:7"]],
    ["bbbb", ["bbbbbbbbbbbb"]],
    ["front", ["nginx:latest", "web:1"]],
  ] as const) {
    images.query = query;
    expect(images.shown.map(({ row }) => nameOf(row))).toEqual(names);
  }
});

test("the list is in the order that is asked for", async () => {
  const { images } = setup();
  await images.refresh();
  images.sort = { key: "size", down: true };
  expect(images.shown.map(({ row }) => row.size)).toEqual([50, 50, 30, 7]);
  images.sort = { key: "name", down: false };
  expect(images.shown.map(({ row }) => nameOf(row))).toEqual(["bbbbbbbbbbbb", "nginx:latest", "redis:7", "web:1"]);
});

test("an image is removed by its name, and by its id without one", async () => {
  const { images, asked } = setup();
  await Promise.all([images.remove(nginx), images.remove(nginx), images.remove(stray)]);
  expect(asked.remove.mock.calls).toEqual([
    ["nginx:latest", false],
    [stray.id, false],
  ]);
  expect(reference(stray)).toBe(stray.id);
});

test("a refusal that force overcomes has a button that does it", async () => {
  const remove = vi.fn(async (_: string, force: boolean): Promise<Outcome<null>> =>
    force ? ok(null) : conflict('unable to remove repository reference "nginx:latest" (must force) - container x'),
  );
  const { images, ways } = setup({ remove });
  await images.remove(nginx);
  const [title, problem, help] = ways.tell.mock.calls[0] ?? [];
  expect([title?.(), problem?.code, help?.label()]).toEqual([
    "nginx:latest could not be removed",
    "conflict",
    "Remove all the same",
  ]);
  help?.run();
  await vi.waitFor(() => expect(remove).toHaveBeenLastCalledWith("nginx:latest", true));
});

test("a refusal that nothing overcomes leads to the containers in the way", async () => {
  const { images, ways } = setup({
    remove: async () => conflict("conflict: unable to delete a (cannot be forced) - used by running container front"),
  });
  await images.remove(nginx);
  ways.tell.mock.calls[0]?.[2]?.run();
  expect(ways.showUsers).toHaveBeenCalledWith(nginx);
});

test("a name that will not do stays in its dialog with the reason", async () => {
  const problem: Problem = { code: "invalid-argument", message: "invalid reference format", hint: null };
  const { images, asked } = setup();
  images.ask({ ask: "tag", row: nginx });
  asked.tag.mockResolvedValueOnce({ status: "error", error: problem });
  await images.tag("NGINX");
  expect(images.problem).toBe(problem);
  await images.tag(" mine:1 ");
  expect(asked.tag).toHaveBeenLastCalledWith("nginx:latest", "mine:1");
  expect(images.question).toBeUndefined();
});
