import { ImageDetail } from "$domain/images/image-detail.svelte";
import ImageQuestion from "$domain/images/ImageQuestion.svelte";
import { Images, type ImageLink } from "$domain/images/images.svelte";
import ImageTable from "$domain/images/ImageTable.svelte";
import LayersPanel from "$domain/images/LayersPanel.svelte";
import PullDialog from "$domain/images/PullDialog.svelte";
import { Pulls } from "$domain/images/pulls.svelte";
import PullStrip from "$domain/images/PullStrip.svelte";
import NetworkDetail from "$domain/networks/NetworkDetail.svelte";
import NetworkQuestion from "$domain/networks/NetworkQuestion.svelte";
import { Networks, type NetworkLink, type Question } from "$domain/networks/networks.svelte";
import NetworkTable from "$domain/networks/NetworkTable.svelte";
import { Ports } from "$domain/ports/ports.svelte";
import PortTable from "$domain/ports/PortTable.svelte";
import type { ImageRow, NetworkRow, PublishedPort, PullProgress } from "$shared/bindings";
import { mount } from "svelte";
import { expect, test, vi } from "vitest";
import { hide, never, ok, show, wrong } from "./shown";

const image: ImageRow = { id: `sha256:${"a".repeat(64)}`, repository: "nginx", tag: "1", created: 1e9, size: 50 };
const stray: ImageRow = { ...image, id: `sha256:${"b".repeat(64)}`, repository: "<none>", tag: "<none>" };

async function images(): Promise<Images> {
  const link = {
    list: async () => ok([image, stray]),
    users: async () => ok([{ image: image.id, container: "id", name: "web", live: true }]),
  } as Partial<ImageLink> as ImageLink;
  const made = new Images(link, { tell: vi.fn(), say: vi.fn(), showUsers: vi.fn() });
  await made.refresh();
  return made;
}

test("the list of images is a table that can be read", async () => {
  const props = { images: await images(), steps: { show: vi.fn(), run: vi.fn(), copy: vi.fn() } };
  show((target) => mount(ImageTable, { target, props }));
  expect(document.querySelectorAll("[data-testid=image-row]").length).toBe(2);
  expect(await wrong()).toEqual([]);
});

test.each(["tag", "prune"] as const)("the question before an image's %s", async (ask) => {
  const props = { images: await images(), question: ask === "tag" ? { ask, row: image } : { ask } };
  show((target) => mount(ImageQuestion, { target, props }));
  expect(await wrong()).toEqual([]);
});

test("a pull in its dialog and behind it, with a bar for each layer", async () => {
  let hear: (progress: PullProgress) => void = () => undefined;
  const pulls = new Pulls(
    (_, listener) => {
      hear = listener;
      return { ended: never, end: () => undefined };
    },
    { tell: vi.fn(), say: vi.fn() },
  );
  pulls.ask();
  void pulls.start("nginx");
  hear({ id: "aaaaaaaaaaaa", status: "Downloading", current: 3, total: 10 });
  hear({ id: "bbbbbbbbbbbb", status: "Waiting", current: null, total: null });
  show((target) => mount(PullDialog, { target, props: { pulls } }));
  expect(document.querySelectorAll("[data-testid=pull-layer] [role=progressbar]").length).toBe(2);
  expect(await wrong()).toEqual([]);
  await hide();
  show((target) => mount(PullStrip, { target, props: { pulls } }));
  expect(await wrong()).toEqual([]);
});

test("the layers of an image, whose commands and paths are text", async () => {
  const text = "<img src=x onerror=alert(1)>";
  const layer = {
    Created: 1,
    Size: 5,
    Added: 1,
    Changed: 1,
    Removed: 0,
    Wasted: 2,
    DiffId: "sha256:1",
    CreatedBy: text,
  };
  const detail = new ImageDetail({
    explore: async (Id) =>
      ok({ Id, Size: 5, Wasted: 2, Layers: [layer], Largest: [{ Path: text, Size: 2, Layer: 0, HiddenBy: 1 }] }),
    history: async () => ok([]),
  });
  await detail.open(image.id);
  show((target) => mount(LayersPanel, { target, props: { detail } }));
  expect(document.body.textContent).toContain(text);
  expect(document.querySelector("img")).toBeNull();
  expect(await wrong()).toEqual([]);
});

test("the published ports, with one that another program has", async () => {
  const port: PublishedPort = {
    container: "id",
    name: "web",
    host_ips: [],
    host_port: 8080,
    container_port: 80,
    protocol: "tcp",
    url: "http://localhost:8080",
    health: "listening",
    error: null,
    given_ip: null,
    shared: true,
  };
  const held: PublishedPort = {
    ...port,
    host_port: 81,
    health: "held",
    error: "(held by nginx, pid 1)",
    given_ip: "::1",
  };
  const link = {
    follow: (hear: (rows: PublishedPort[]) => void) => {
      setTimeout(() => hear([port, held]));
      return { ended: never, end: () => undefined };
    },
    share: async () => ok([]),
    openPage: async () => ok(null),
  };
  const ports = new Ports(link, vi.fn());
  ports.open();
  await vi.waitFor(() => expect(ports.rows?.length).toBe(2));
  show((target) => mount(PortTable, { target, props: { ports, onshow: vi.fn(), oncopy: vi.fn() } }));
  expect(document.querySelector("[data-testid=port-health-81]")?.textContent).toContain("nginx");
  expect(document.querySelector("[data-testid=port-share-8080]")?.getAttribute("aria-checked")).toBe("true");
  expect(await wrong()).toEqual([]);
});

const members = [{ name: "web", container: "id", address: "10.7.0.2", live: true }];
const network: NetworkRow = {
  id: "1".repeat(64),
  name: "shop",
  driver: "bridge",
  internal: true,
  subnets: ["10.7.0.0/24"],
  gateways: ["10.7.0.1"],
  members,
};

async function networks(): Promise<Networks> {
  const bridge = { ...network, id: "2", name: "bridge", members: [] };
  const link = { list: async () => ok([bridge, network]) } as Partial<NetworkLink> as NetworkLink;
  const made = new Networks(link, { tell: vi.fn(), say: vi.fn(), show: vi.fn() });
  await made.refresh();
  return made;
}

test("the list of networks, in which the engine's own cannot be removed", async () => {
  const props = { networks: await networks(), onshow: vi.fn(), oncopy: vi.fn() };
  show((target) => mount(NetworkTable, { target, props }));
  expect(document.querySelector("[data-testid=network-remove-bridge]")).toBeNull();
  expect(document.querySelector("[data-testid=network-remove-shop]")).not.toBeNull();
  expect(await wrong()).toEqual([]);
});

test("a network and its members", async () => {
  const props = { row: network, networks: await networks(), onback: vi.fn(), onshow: vi.fn() };
  show((target) => mount(NetworkDetail, { target, props }));
  expect(document.querySelectorAll("[data-testid=network-member]").length).toBe(1);
  expect(await wrong()).toEqual([]);
});

test.each<Question>([{ ask: "create" }, { ask: "prune" }, { ask: "connect", row: network }])(
  "the dialog to $ask",
  async (question) => {
    const containers = [
      { id: "id", name: "web" },
      { id: "other", name: "db" },
    ];
    const props = { networks: await networks(), question, containers };
    show((target) => mount(NetworkQuestion, { target, props }));
    const offered = [...document.querySelectorAll("option")].map((option) => option.textContent);
    expect(offered).toEqual(question.ask === "connect" ? ["db"] : []);
    expect(await wrong()).toEqual([]);
  },
);
