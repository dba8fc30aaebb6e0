import type { Usage } from "$shared/bindings";
import type { Follow } from "$shared/follow";
import { SvelteMap } from "svelte/reactivity";

/** How use is followed. */
export type UsageLink = (id: string, hear: (usage: Usage) => void) => Follow;

/** What was used at a moment, milliseconds since the Unix epoch. */
export interface Sample extends Usage {
  at: number;
}

/** The last hour, a sample a second. */
const KEPT = 3600;

/** What containers use, followed while someone looks; each is asked once, however many look. */
export class UsageBoard {
  readonly #link: UsageLink;
  readonly #latest = new SvelteMap<string, Usage>();
  // Nobody draws these, so they need not be runes.
  /* eslint-disable svelte/prefer-svelte-reactivity */
  readonly #followed = new Map<string, { follow: Follow; lookers: number }>();
  readonly #history = new Map<string, Sample[]>();
  /* eslint-enable svelte/prefer-svelte-reactivity */

  constructor(link: UsageLink) {
    this.#link = link;
  }

  latest(id: string): Usage | undefined {
    return this.#latest.get(id);
  }

  /** Oldest first. The same array grows: one that draws it asks again when `latest` has changed. */
  history(id: string): readonly Sample[] {
    return this.#history.get(id) ?? [];
  }

  /** Follows a container until the answer is called. */
  look(id: string): () => void {
    const entry = this.#followed.get(id) ?? this.#begin(id);
    entry.lookers += 1;
    return () => {
      entry.lookers -= 1;
      if (entry.lookers === 0) this.#end(id, entry.follow);
    };
  }

  #begin(id: string) {
    const follow = this.#link(id, (usage) => this.#hear(id, usage));
    const entry = { follow, lookers: 0 };
    this.#followed.set(id, entry);
    // The container has stopped: what it used last is no news any more.
    void follow.ended.then(() => this.#forget(id, follow));
    return entry;
  }

  #end(id: string, follow: Follow): void {
    follow.end();
    this.#forget(id, follow);
  }

  #forget(id: string, follow: Follow): void {
    if (this.#followed.get(id)?.follow !== follow) return;
    this.#followed.delete(id);
    this.#latest.delete(id);
  }

  #hear(id: string, usage: Usage): void {
    if (!this.#followed.has(id)) return;
    const history = this.#history.get(id) ?? [];
    history.push({ ...usage, at: Date.parse(usage.time) || Date.now() });
    if (history.length > KEPT) history.shift();
    this.#history.set(id, history);
    this.#latest.set(id, usage);
  }
}
