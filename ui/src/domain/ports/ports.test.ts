import type { Problem, PublishedPort } from "$shared/bindings";
import { overwriteGetLocale } from "$shared/messages/runtime.js";
import type { Outcome } from "$shared/outcome";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { addressText, healthText, healthTone } from "./port-text";
import { isShareable, portKey, Ports } from "./ports.svelte";

beforeEach(() => overwriteGetLocale(() => "en"));
afterEach(() => vi.useRealTimers());

function port(name: string, host: number, change: Partial<PublishedPort> = {}): PublishedPort {
  return {
    container: `id-${name}`,
    name,
    host_ips: ["127.0.0.1"],
    host_port: host,
    container_port: 80,
    protocol: "tcp",
    url: `http://localhost:${host}`,
    health: "listening",
    error: null,
    given_ip: null,
    shared: false,
    ...change,
  };
}

function setup() {
  const follows: { hear: (rows: PublishedPort[]) => void; over: () => void; end: () => void }[] = [];
  const link = {
    follow: vi.fn((hear: (rows: PublishedPort[]) => void) => {
      let over: () => void = () => undefined;
      const ended = new Promise<Outcome<null>>((done) => (over = () => done({ status: "ok", data: null })));
      const end = vi.fn();
      follows.push({ hear, over, end });
      return { ended, end };
    }),
    share: vi.fn(async (): Promise<Outcome<PublishedPort[]>> => ({ status: "ok", data: [] })),
    openPage: vi.fn(async (): Promise<Outcome<null>> => ({ status: "ok", data: null })),
  };
  const tell = vi.fn<(title: () => string, problem: Problem) => void>();
  return { ports: new Ports(link, tell), link, tell, follows };
}

test("the ports are followed once, and what is heard is shown", () => {
  const { ports, link, follows } = setup();
  ports.open();
  ports.open();
  expect(link.follow).toHaveBeenCalledTimes(1);
  expect(ports.rows).toBeUndefined();
  follows[0]?.hear([port("web", 8080)]);
  expect(ports.rows?.length).toBe(1);
});

test("a stream that breaks is opened again; one that is cleared stays away and is heard no more", async () => {
  vi.useFakeTimers();
  const { ports, link, follows } = setup();
  ports.open();
  follows[0]?.over();
  await vi.advanceTimersByTimeAsync(1000);
  expect(link.follow).toHaveBeenCalledTimes(2);
  ports.clear();
  expect(follows[1]?.end).toHaveBeenCalled();
  follows[1]?.over();
  await vi.advanceTimersByTimeAsync(1000);
  follows[1]?.hear([port("ghost", 1)]);
  expect(link.follow).toHaveBeenCalledTimes(2);
  expect(ports.rows).toBeUndefined();
});

test("who may reach a port is asked for once, and the answer is shown at once", async () => {
  const { ports, link, follows } = setup();
  const web = port("web", 8080);
  ports.open();
  follows[0]?.hear([web]);
  link.share.mockResolvedValue({ status: "ok", data: [{ ...web, shared: true }] });
  const first = ports.share(web, true);
  expect(ports.isSharing(web)).toBe(true);
  await Promise.all([first, ports.share(web, true)]);
  expect(link.share.mock.calls).toEqual([["8080/tcp", true]]);
  expect(ports.rows?.[0]?.shared).toBe(true);
  expect(ports.isSharing(web)).toBe(false);
});

test("a port that cannot be opened to others is told with its number", async () => {
  const { ports, link, tell } = setup();
  const problem: Problem = { code: "port-in-use", message: "held", hint: null };
  link.share.mockResolvedValue({ status: "error", error: problem });
  await ports.share(port("web", 8080), true);
  expect(tell.mock.calls[0]?.[0]()).toBe("Port 8080 could not be changed");
  expect(tell.mock.calls[0]?.[1]).toBe(problem);
});

test("only a port that was published without an address can be opened to others", () => {
  expect(isShareable(port("a", 80))).toBe(true);
  expect(isShareable(port("a", 80, { given_ip: "127.0.0.1" }))).toBe(false);
  expect(isShareable(port("a", 0))).toBe(false);
});

test("words find a port by its container, its address or its number, and the order is by number", () => {
  const { ports, follows } = setup();
  ports.open();
  follows[0]?.hear([port("web", 10_080), port("db", 5432, { url: "", container_port: 5432 }), port("api", 9000)]);
  ports.query = "5432";
  expect(ports.shown.map((row) => row.name)).toEqual(["db"]);
  ports.query = "";
  ports.sort = { key: "address", down: false };
  expect(ports.shown.map((row) => row.host_port)).toEqual([5432, 9000, 10_080]);
  ports.sort = { key: "container", down: true };
  expect(ports.shown.map((row) => row.name)).toEqual(["web", "db", "api"]);
});

test("the same port on two addresses is two lines", () => {
  const [one, two] = ["127.0.0.1", "192.168.0.2"].map((given_ip) => port("web", 80, { given_ip }));
  expect(one && portKey(one)).not.toBe(two && portKey(two));
});

test("a conflict is told with the name of the program that holds the port", () => {
  const error = "ports are not available: bind: address already in use (held by nginx: master, pid 12)";
  const held = port("web", 80, { health: "held", error });
  expect(healthText(held)).toBe("nginx: master has this port (process 12)");
  expect(healthTone(held)).toBe("bad");
  expect(healthText({ ...held, error: "in use" })).toBe("Another program has this port");
  expect(healthText(port("web", 80, { shared: true }))).toBe("Open to the network");
});

test("a port that no browser opens has an address all the same", () => {
  expect(addressText(port("dns", 53, { url: "", protocol: "udp" }))).toBe("localhost:53");
  expect(addressText(port("dns", 53, { url: "", given_ip: "10.0.0.1" }))).toBe("10.0.0.1:53");
  expect(addressText(port("dns", 53, { url: "", given_ip: "::1" }))).toBe("[::1]:53");
  expect(addressText(port("dns", 0, { url: "" }))).toBe("");
});

test("a port that waits for an address of its own is shown with that", () => {
  const web = port("web", 8080, { given_ip: "10.0.0.1" });
  expect(addressText({ ...web, health: "held" })).toBe("10.0.0.1:8080");
  expect(addressText({ ...web, health: "held", given_ip: null })).toBe("http://localhost:8080");
});
