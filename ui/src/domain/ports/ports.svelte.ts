import type { PublishedPort } from "$shared/bindings";
import type { Follow } from "$shared/follow";
import { m } from "$shared/messages/messages.js";
import type { Outcome } from "$shared/outcome";
import { fits, ordered } from "$shared/search";
import type { Tell } from "$shared/tell";
import type { Sort } from "$shared/ui/DataTable.svelte";
import { SvelteSet } from "svelte/reactivity";
import { addressText, healthText } from "./port-text";

/** How published ports are reached. */
export interface PortLink {
  /** Tells all of them at once and after every change. */
  follow(hear: (ports: PublishedPort[]) => void): Follow;
  share(port: string, on: boolean): Promise<Outcome<PublishedPort[]>>;
  openPage(url: string): Promise<Outcome<null>>;
}

/** How soon a lost stream is opened again, milliseconds. */
const RETRY = 500;

/** As berthd names a port of this computer: `8080/tcp`. */
export function portName(row: PublishedPort): string {
  return `${row.host_port}/${row.protocol}`;
}

/** Tells the lines apart: one port may be published on several addresses. */
export function portKey(row: PublishedPort): string {
  return [row.container, portName(row), row.container_port, row.given_ip ?? ""].join(" ");
}

/** Whether a person may choose who reaches it: one with an address of its own has that. */
export function isShareable(row: PublishedPort): boolean {
  return row.given_ip === null && row.host_port > 0;
}

/** The published ports, as they are now. */
export class Ports {
  query = $state("");
  sort = $state.raw<Sort>();
  #rows = $state.raw<readonly PublishedPort[]>();
  readonly #sharing = new SvelteSet<string>();
  readonly #link: PortLink;
  readonly #tell: Tell;
  #follow: Follow | undefined;

  constructor(link: PortLink, tell: Tell) {
    this.#link = link;
    this.#tell = tell;
  }

  /** Nothing before the first word. */
  get rows(): readonly PublishedPort[] | undefined {
    return this.#rows;
  }

  /** Those that fit the words, in order. */
  readonly shown = $derived.by(() => ordered(this.#fitting(), this.sort, value));

  /** Whether a change of who may reach it is under way. */
  isSharing(row: PublishedPort): boolean {
    return this.#sharing.has(portName(row));
  }

  /** Follows them, until `clear`. */
  open(): void {
    if (this.#follow) return;
    const follow = this.#link.follow((rows) => {
      if (this.#follow === follow) this.#rows = rows;
    });
    this.#follow = follow;
    void follow.ended.then(() => {
      if (this.#follow === follow) setTimeout(() => this.#again(follow), RETRY);
    });
  }

  /** Forgets everything: the engine is gone. */
  clear(): void {
    this.#follow?.end();
    this.#follow = undefined;
    this.#rows = undefined;
  }

  /** Opens a port to everyone in the network, or to this computer only. */
  async share(row: PublishedPort, on: boolean): Promise<void> {
    const name = portName(row);
    if (this.#sharing.has(name)) return;
    this.#sharing.add(name);
    const outcome = await this.#link.share(name, on);
    this.#sharing.delete(name);
    if (outcome.status === "error") this.#tell(() => m.failed_share({ port: row.host_port }), outcome.error);
    else if (this.#follow) this.#rows = outcome.data;
  }

  async openPage(row: PublishedPort): Promise<void> {
    const outcome = await this.#link.openPage(row.url);
    if (outcome.status === "error") this.#tell(m.failed_open, outcome.error);
  }

  #again(ended: Follow): void {
    if (this.#follow !== ended) return;
    this.#follow = undefined;
    this.open();
  }

  #fitting(): readonly PublishedPort[] {
    return (this.#rows ?? []).filter((row) => fits(this.query, texts(row)));
  }
}

/** What a row is found by. */
function texts(row: PublishedPort): string[] {
  return [row.name, addressText(row), `${row.container_port}/${row.protocol}`];
}

/** What a row is sorted by. */
function value(row: PublishedPort, key: string): string | number {
  if (key === "container") return row.name;
  if (key === "health") return healthText(row);
  return key === "inside" ? row.container_port : row.host_port;
}
