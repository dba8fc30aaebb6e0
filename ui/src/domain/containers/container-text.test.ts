import type { ContainerRow, ContainerState, PortRow } from "$shared/bindings";
import { overwriteGetLocale } from "$shared/messages/runtime.js";
import { beforeEach, expect, test } from "vitest";
import { portText, shortId, stateText, stateTone } from "./container-text";

beforeEach(() => overwriteGetLocale(() => "en"));

function row(state: ContainerState, status: string): ContainerRow {
  return { id: "0", name: "c", image: "i", command: "", state, status, ports: [], created: 0, labels: [] };
}

function port(host: number | null, protocol = "tcp"): PortRow {
  return { host_ips: [], host_port: host, container_port: 80, protocol, url: null };
}

test("an end in failure shows its code and stands out; an orderly end does neither", () => {
  const failed = row("exited", "Exited (137) 2 minutes ago");
  const done = row("exited", "Exited (0) 2 minutes ago");
  expect([stateText(failed), stateTone(failed)]).toEqual(["Exited (137)", "bad"]);
  expect([stateText(done), stateTone(done)]).toEqual(["Exited", "idle"]);
});

test("a status text of another shape is no code", () => {
  expect(stateText(row("exited", "gone (7)"))).toBe("Exited");
  expect(stateText(row("running", "Exited (7)"))).toBe("Running");
});

test("ports read as docker writes them", () => {
  expect([port(8080), port(null), port(53, "udp")].map(portText)).toEqual(["8080:80", "80", "53:80/udp"]);
});

test("ids are as short as docker's", () => {
  expect(shortId("0123456789abcdef")).toBe("0123456789ab");
});
