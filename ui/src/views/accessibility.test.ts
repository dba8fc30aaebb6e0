import EditDialog from "$domain/container/EditDialog.svelte";
import { Edits, type Edit } from "$domain/container/edits.svelte";
import InspectPanel from "$domain/container/InspectPanel.svelte";
import { Detail } from "$domain/container/detail.svelte";
import type { Ways } from "$domain/containers/container-actions";
import { ContainerList } from "$domain/containers/container-list.svelte";
import ContainerBar from "$domain/containers/ContainerBar.svelte";
import ContainerHead from "$domain/containers/ContainerHead.svelte";
import { Containers, type ContainerLink } from "$domain/containers/containers.svelte";
import ContainerTable from "$domain/containers/ContainerTable.svelte";
import { UsageBoard } from "$domain/containers/usage.svelte";
import { LogBook } from "$domain/logs/log-book.svelte";
import LogPanel from "$domain/logs/LogPanel.svelte";
import { RunDesk } from "$domain/run/run.svelte";
import RunDialog from "$domain/run/RunDialog.svelte";
import type { ContainerRow } from "$shared/bindings";
import { flushSync, mount } from "svelte";
import { expect, test, vi } from "vitest";
import { never, ok, show, wrong } from "./shown";

function row(at: number, project = ""): ContainerRow {
  return {
    id: `${at}`.padStart(64, "0"),
    name: `web-${at}`,
    image: "nginx",
    command: "nginx",
    state: at % 3 === 0 ? "exited" : "running",
    status: at % 3 === 0 ? "Exited (1) 2 minutes ago" : "Up 2 minutes (healthy)",
    ports: [{ host_ips: [], host_port: 8000 + at, container_port: 80, protocol: "tcp", url: `http://localhost:${at}` }],
    created: at,
    labels: project ? [["com.docker.compose.project", project]] : [],
  };
}

async function world(count: number) {
  const link = {
    list: async () => ok(Array.from({ length: count }, (_, at) => row(at, at % 2 ? "shop" : ""))),
    usage: () => ({ ended: never, end: () => undefined }),
    onChanged: async () => undefined,
  } as Partial<ContainerLink> as ContainerLink;
  const containers = new Containers(link, vi.fn());
  const usage = new UsageBoard(link.usage);
  await containers.refresh();
  const ways: Ways = { show: vi.fn(), edit: vi.fn(), copyRun: vi.fn(), copy: vi.fn() };
  return { containers, usage, ways, list: new ContainerList(containers, usage) };
}

test("the list of containers is a table that can be read", async () => {
  const { containers, usage, ways, list } = await world(5);
  show((target) => mount(ContainerTable, { target, props: { list, containers, usage, ways } }));
  expect(document.querySelectorAll("[data-testid=container-row]").length).toBe(5);
  expect(await wrong()).toEqual([]);
});

test("of a thousand containers only those in sight are drawn, and all are counted", async () => {
  const { containers, usage, ways, list } = await world(1000);
  show((target) => mount(ContainerTable, { target, props: { list, containers, usage, ways } }));
  const drawn = document.querySelectorAll("[data-testid=container-row]").length;
  expect(drawn).toBeGreaterThan(8);
  expect(drawn).toBeLessThan(40);
  expect(document.querySelector("[role=table]")?.getAttribute("aria-rowcount")).toBe("1003");
});

test("the bar over the list, also when some are chosen", async () => {
  const { list } = await world(3);
  show((target) => mount(ContainerBar, { target, props: { list, onrun: vi.fn() } }));
  expect(await wrong()).toEqual([]);
  list.selected.add(row(1).id);
  flushSync();
  expect(document.querySelector("[data-testid=selected-count]")).not.toBeNull();
  expect(await wrong()).toEqual([]);
});

test("the head of a container, and its open menu", async () => {
  const { containers, ways } = await world(3);
  show((target) => mount(ContainerHead, { target, props: { row: row(1), containers, ways, onback: vi.fn() } }));
  document.querySelector<HTMLElement>("[data-testid=detail-menu]")?.click();
  await vi.waitFor(() => expect(document.activeElement?.getAttribute("role")).toBe("menuitem"));
  expect(await wrong()).toEqual([]);
});

test("the dialog that runs a container", async () => {
  const link = {
    images: async () => ok([]),
    portUse: async () => ok({ by: "free" as const }),
    run: async () => ok("id"),
  };
  const desk = new RunDesk(link, vi.fn(), vi.fn());
  desk.show("nginx");
  const run = desk.open;
  if (!run) throw new Error("it is open");
  run.env.push({ key: "", value: "" });
  show((target) => mount(RunDialog, { target, props: { desk, run, oncopy: vi.fn() } }));
  expect(await wrong()).toEqual([]);
});

test.each<Edit>(["rename", "limits", "commit"])("the dialog to %s", async (edit) => {
  const link = { rename: async () => ok(null), update: async () => ok(null), commit: async () => ok("id") };
  const edits = new Edits(link, vi.fn());
  edits.show(edit, row(1));
  const { open } = edits;
  if (!open) throw new Error("it is open");
  show((target) => mount(EditDialog, { target, props: { edits, open } }));
  expect(await wrong()).toEqual([]);
});

test("a log, whose markup is text", async () => {
  const text = "<img src=x onerror=alert(1)>";
  const link = (
    _id: string,
    _tail: number,
    hear: (lines: { stderr: boolean; time: string; text: string }[]) => void,
  ) => {
    setTimeout(() => hear([{ stderr: true, time: "2025-01-31T12:00:00Z", text }]));
    return { ended: never, end: () => undefined };
  };
  show((target) =>
    mount(LogPanel, { target, props: { book: new LogBook(link, (draw) => draw()), id: "a", oncopy: vi.fn() } }),
  );
  await vi.waitFor(() => expect(document.querySelector("[data-testid=log]")?.textContent).toContain(text));
  expect(document.querySelector("img")).toBeNull();
  expect(await wrong()).toEqual([]);
});

test("what the engine knows of a container, as a tree", async () => {
  const document = { Id: "a", State: { Running: true }, Args: ["<b>bold</b>"], Mounts: [] };
  const detail = new Detail({ inspect: async () => ok(JSON.stringify(document)) }, vi.fn());
  await detail.read("a", "web");
  show((target) => mount(InspectPanel, { target, props: { detail, oncopy: vi.fn() } }));
  expect(await wrong()).toEqual([]);
});
