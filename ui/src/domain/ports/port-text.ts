import type { PortHealth, PublishedPort } from "$shared/bindings";
import { m } from "$shared/messages/messages.js";
import type { Tone } from "$shared/ui/StateDot.svelte";

const healths: Record<PortHealth, () => string> = {
  listening: m.port_listening,
  held: m.port_held,
  "address-absent": m.port_address_absent,
  refused: m.port_refused,
};

/** The program that holds a port, as berthd names it behind docker's words; nothing when the system does not tell. */
export function holder(row: PublishedPort): { name: string; pid: string } | undefined {
  const [, name, pid] = /\(held by (.+), pid (\d+)\)/.exec(row.error ?? "") ?? [];
  return name !== undefined && pid !== undefined ? { name, pid } : undefined;
}

/** How it is, with the one who is in the way. */
export function healthText(row: PublishedPort): string {
  const found = row.health === "held" ? holder(row) : undefined;
  if (found) return m.port_held_by(found);
  return row.health === "listening" && row.shared ? m.port_shared() : healths[row.health]();
}

export function healthTone(row: PublishedPort): Tone {
  if (row.health === "listening") return row.error ? "busy" : "good";
  return row.health === "address-absent" ? "idle" : "bad";
}

/** Where it is reached: a page's address, or host and port for what no browser opens and for what waits. */
export function addressText(row: PublishedPort): string {
  const { url, given_ip: given, host_port: port, health } = row;
  // Of one that waits for an address of its own, the page's address would be another one.
  if (url && (health === "listening" || given === null)) return url;
  if (port === 0) return "";
  return `${given?.includes(":") ? `[${given}]` : (given ?? "localhost")}:${port}`;
}
