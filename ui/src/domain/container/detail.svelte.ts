import { m } from "$shared/messages/messages.js";
import type { Outcome } from "$shared/outcome";
import type { Tell } from "$shared/tell";

/** A value of a JSON document. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** How a container is looked at. */
export interface DetailLink {
  /** Everything the engine knows, as a JSON text. */
  inspect(id: string): Promise<Outcome<string>>;
}

/** One mount of a container. */
export interface Mount {
  type: string;
  source: string;
  target: string;
  writable: boolean;
}

/** What the engine knows of the one container that is open. */
export class Detail {
  #text = $state.raw<string>();
  #json = $state.raw<Json>();
  #reading = 0;
  readonly #link: DetailLink;
  readonly #tell: Tell;

  constructor(link: DetailLink, tell: Tell) {
    this.#link = link;
    this.#tell = tell;
  }

  get json(): Json | undefined {
    return this.#json;
  }

  /** As a text to copy. */
  get text(): string {
    return this.#json === undefined ? "" : JSON.stringify(this.#json, null, 2);
  }

  readonly mounts = $derived.by((): readonly Mount[] => {
    const mounts = at(this.#json, "Mounts");
    return Array.isArray(mounts) ? mounts.map(mount) : [];
  });

  /** Reads it again; another container's answer that comes late is not shown. */
  async read(id: string, name: string): Promise<void> {
    const reading = ++this.#reading;
    const outcome = await this.#link.inspect(id);
    if (reading !== this.#reading) return;
    // One that was removed meanwhile is shown as gone.
    if (outcome.status === "error" && outcome.error.code !== "not-found") {
      this.#tell(() => m.failed_inspect({ name }), outcome.error);
    }
    if (outcome.status === "error" || outcome.data === this.#text) return;
    this.#text = outcome.data;
    this.#json = JSON.parse(outcome.data) as Json;
  }

  clear(): void {
    this.#reading += 1;
    this.#text = undefined;
    this.#json = undefined;
  }
}

/** The value at a path of keys. */
export function at(json: Json | undefined, ...path: readonly string[]): Json | undefined {
  let value = json;
  for (const key of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = value[key];
  }
  return value;
}

function text(json: Json | undefined): string {
  return typeof json === "string" ? json : "";
}

function mount(json: Json): Mount {
  return {
    type: text(at(json, "Type")),
    source: text(at(json, "Name")) || text(at(json, "Source")),
    target: text(at(json, "Destination")),
    writable: at(json, "RW") !== false,
  };
}
