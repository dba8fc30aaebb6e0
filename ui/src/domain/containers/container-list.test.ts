import type { ContainerRow, ContainerState } from "$shared/bindings";
import type { Outcome } from "$shared/outcome";
import { expect, test, vi } from "vitest";
import { ContainerList, type Line } from "./container-list.svelte";
import { Containers, type ContainerLink } from "./containers.svelte";
import { UsageBoard } from "./usage.svelte";

const ok = <T>(data: T): Outcome<T> => ({ status: "ok", data });

function row(name: string, state: ContainerState, project?: string): ContainerRow {
  const labels: [string, string][] = project ? [["com.docker.compose.project", project]] : [];
  return { id: `id-${name}`, name, image: "nginx", command: "", state, status: "", ports: [], created: 1, labels };
}

async function setup(...rows: ContainerRow[]) {
  const link = {
    list: async () => ok(rows),
    start: vi.fn(async () => ok(null)),
    stop: vi.fn(async () => ok(null)),
    pause: vi.fn(async () => ok(null)),
  };
  const containers = new Containers(link as Partial<ContainerLink> as ContainerLink, vi.fn());
  const usage = new UsageBoard(() => ({ ended: new Promise(() => undefined), end: () => undefined }));
  await containers.refresh();
  return { list: new ContainerList(containers, usage), link };
}

const names = (lines: readonly Line[]) => lines.map((line) => ("row" in line ? line.row.name : `[${line.group.name}]`));

test("containers of a project stand under its head, and fold with it; without a project there are no heads", async () => {
  const { list } = await setup(row("b", "running", "shop"), row("x", "exited"), row("a", "exited", "shop"));
  expect(names(list.lines)).toEqual(["[shop]", "b", "a", "[]", "x"]);
  const [head] = list.lines;
  if (head && "group" in head) list.fold(head.group);
  expect(names(list.lines)).toEqual(["[shop]", "[]", "x"]);
  const alone = await setup(row("b", "running"), row("a", "exited"));
  expect(names(alone.list.lines)).toEqual(["b", "a"]);
});

test("every word has to fit, in name, image or label, and the filter too", async () => {
  const { list } = await setup(row("web", "running", "shop"), row("db", "exited", "shop"), row("other", "paused"));
  list.query = "SHOP nginx";
  expect(list.rows.map((one) => one.name)).toEqual(["web", "db"]);
  list.filter = "stopped";
  expect(list.rows.map((one) => one.name)).toEqual(["db"]);
  list.reset();
  list.filter = "running";
  expect(list.rows.map((one) => one.name)).toEqual(["web", "other"]);
});

test("names are sorted as people count, up and down", async () => {
  const { list } = await setup(row("web-10", "running"), row("web-9", "running"));
  list.sort = { key: "name", down: false };
  expect(list.rows.map((one) => one.name)).toEqual(["web-9", "web-10"]);
  list.sort = { key: "name", down: true };
  expect(list.rows.map((one) => one.name)).toEqual(["web-10", "web-9"]);
});

test("what is done to the chosen ones is done where it makes sense, and never to one out of sight", async () => {
  const { list, link } = await setup(row("a", "running"), row("b", "exited"), row("c", "paused"));
  for (const one of list.rows) list.selected.add(one.id);
  list.startChosen();
  list.pauseChosen();
  await vi.waitFor(() => expect(link.start.mock.calls).toEqual([["id-b"]]));
  expect(link.pause.mock.calls).toEqual([["id-a"]]);
  list.query = "c";
  list.stopChosen();
  await vi.waitFor(() => expect(link.stop.mock.calls).toEqual([["id-c"]]));
});
