import type { NetworkMember, NetworkRow, Problem } from "$shared/bindings";
import { overwriteGetLocale } from "$shared/messages/runtime.js";
import type { Outcome } from "$shared/outcome";
import { beforeEach, expect, test, vi } from "vitest";
import { isBuiltIn, isOpen, Networks, type NetworkLink, type NetworkWays } from "./networks.svelte";

beforeEach(() => overwriteGetLocale(() => "en"));

const member = (name: string): NetworkMember => ({ name, container: `id-${name}`, address: "10.7.0.2", live: true });

function network(name: string, members: NetworkMember[] = [], subnet = "172.18.0.0/16", driver = "bridge"): NetworkRow {
  return { id: `id-${name}`, name, driver, internal: false, subnets: [subnet], gateways: [], members };
}

const shop = network("shop", [member("web"), member("db")], "10.7.0.0/24");
const spare = network("spare");
const ok = <T>(data: T): Outcome<T> => ({ status: "ok", data });
const problem: Problem = { code: "conflict", message: "network shop has active endpoints", hint: null };
const bad: Outcome<never> = { status: "error", error: problem };

function setup() {
  const link = {
    list: vi.fn(async () => ok([network("bridge"), shop, spare])),
    create: vi.fn<NetworkLink["create"]>(async () => ok("id-new")),
    remove: vi.fn<NetworkLink["remove"]>(async () => ok(null)),
    prune: vi.fn<NetworkLink["prune"]>(async () => ok(["spare"])),
    connect: vi.fn<NetworkLink["connect"]>(async () => ok(null)),
    disconnect: vi.fn<NetworkLink["disconnect"]>(async () => ok(null)),
    onChanged: vi.fn<NetworkLink["onChanged"]>(async () => undefined),
  };
  const ways = {
    tell: vi.fn<NetworkWays["tell"]>(),
    say: vi.fn<NetworkWays["say"]>(),
    show: vi.fn<NetworkWays["show"]>(),
  };
  return { networks: new Networks(link, ways), link, ways };
}

const form = { name: " web ", subnet: " 10.8.0.0/24", gateway: "", internal: true };

test("an event reads the list again", async () => {
  const { networks, link } = setup();
  await networks.open();
  link.onChanged.mock.calls[0]?.[0]();
  await vi.waitFor(() => expect(networks.all?.length).toBe(3));
});

test("a network is created as it is written, without what stands around the words", async () => {
  const { networks, link } = setup();
  networks.ask({ ask: "create" });
  await networks.create(form);
  expect(link.create).toHaveBeenCalledWith({ name: "web", subnet: "10.8.0.0/24", gateway: "", internal: true });
  expect(networks.question).toBeUndefined();
});

test("one that cannot be created stays in its dialog with the reason", async () => {
  const { networks, link, ways } = setup();
  networks.ask({ ask: "create" });
  link.create.mockResolvedValue(bad);
  await networks.create(form);
  expect([networks.question?.ask, networks.problem, networks.busy]).toEqual(["create", problem, false]);
  expect(ways.tell).not.toHaveBeenCalled();
  networks.ask({ ask: "create" });
  expect(networks.problem).toBeUndefined();
});

test("a refused removal leads to the members in the way", async () => {
  const { networks, link, ways } = setup();
  link.remove.mockResolvedValue(bad);
  await networks.remove(shop);
  const [title, , help] = ways.tell.mock.calls[0] ?? [];
  expect([title?.(), help?.label()]).toEqual(["shop could not be removed", "Show its containers"]);
  help?.run();
  expect(ways.show).toHaveBeenCalledWith(shop);
});

test("a network is removed once, however often it is asked for", async () => {
  const { networks, link } = setup();
  const first = networks.remove(spare);
  expect(networks.isWorking(spare)).toBe(true);
  await Promise.all([first, networks.remove(spare)]);
  expect(link.remove).toHaveBeenCalledTimes(1);
  expect(networks.isWorking(spare)).toBe(false);
});

test("a prune says how many are gone, and takes none that the engine needs", async () => {
  const { networks, ways } = setup();
  await networks.refresh();
  expect(networks.unused).toEqual([spare]);
  networks.ask({ ask: "prune" });
  await networks.prune();
  expect(ways.say.mock.calls[0]?.[0]()).toBe("1 network removed");
});

test("a container is put on a network and taken off it", async () => {
  const { networks, link, ways } = setup();
  networks.ask({ ask: "connect", row: spare });
  await networks.connect("id-web");
  expect(link.connect).toHaveBeenCalledWith("id-spare", "id-web");
  link.disconnect.mockResolvedValue(bad);
  await networks.disconnect(shop, member("web"));
  expect(link.disconnect).toHaveBeenCalledWith("id-shop", "id-web");
  expect(ways.tell.mock.calls[0]?.[0]()).toBe("web could not be taken off shop");
});

test("words find a network by its subnet or by who is on it, and members are counted as numbers", async () => {
  const { networks } = setup();
  await networks.refresh();
  networks.query = "db";
  expect(networks.shown).toEqual([shop]);
  networks.query = "172.18";
  expect(networks.shown.length).toBe(2);
  networks.query = "";
  networks.sort = { key: "members", down: true };
  expect(networks.shown[0]).toEqual(shop);
});

test("what the engine brings along stays, and its own two take no guests", () => {
  expect(["bridge", "host", "none", "shop"].map((name) => isBuiltIn(network(name)))).toEqual([true, true, true, false]);
  expect(["bridge", "host", "null"].map((driver) => isOpen(network("a", [], "", driver)))).toEqual([
    true,
    false,
    false,
  ]);
});
