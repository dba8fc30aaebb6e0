import type { Problem, PullProgress } from "$shared/bindings";
import type { Follow } from "$shared/follow";
import { m } from "$shared/messages/messages.js";
import { SvelteMap } from "svelte/reactivity";

/** How an image is pulled. */
export type PullLink = (reference: string, hear: (progress: PullProgress) => void) => Follow;

/** What the pulls tell a person. */
export interface PullWays {
  tell(title: () => string, problem: Problem): void;
  say(title: () => string): void;
}

/** How far a layer is. */
export interface Layer {
  id: string;
  status: string;
  current: number;
  /** Bytes; nothing while nobody knows. */
  total: number | undefined;
  done: boolean;
}

const DONE = /^(Pull complete|Already exists)/;

/** One pull, layer by layer. */
export class Pull {
  readonly reference: string;
  #problem = $state.raw<Problem>();
  readonly #layers = new SvelteMap<string, Layer>();

  constructor(reference: string) {
    this.reference = reference;
  }

  /** In the order in which they were named. */
  readonly layers = $derived.by(() => [...this.#layers.values()]);

  readonly done = $derived.by(() => this.layers.filter((layer) => layer.done).length);

  /** Why it ended early. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  hear({ id, status, current, total }: PullProgress): void {
    // What is said of the tag or of the whole is no layer.
    if (!id || !/^[0-9a-f]{12}$/.test(id)) return;
    const before = this.#layers.get(id);
    const size = total ?? before?.total;
    const done = DONE.test(status);
    this.#layers.set(id, { id, status, current: done ? (size ?? 0) : (current ?? 0), total: size, done });
  }

  fail(problem: Problem): void {
    this.#problem = problem;
  }
}

/** The pulls that run, and the dialog for a new one. They go on whatever is looked at. */
export class Pulls {
  #asking = $state(false);
  #shown = $state.raw<Pull>();
  readonly #running = new SvelteMap<string, { pull: Pull; follow: Follow }>();
  readonly #link: PullLink;
  readonly #ways: PullWays;

  constructor(link: PullLink, ways: PullWays) {
    this.#link = link;
    this.#ways = ways;
  }

  /** Whether the dialog is open. */
  get asking(): boolean {
    return this.#asking;
  }

  /** The pull that the dialog shows. */
  get shown(): Pull | undefined {
    return this.#shown;
  }

  readonly running = $derived.by(() => [...this.#running.values()].map(({ pull }) => pull));

  isRunning(pull: Pull): boolean {
    return this.#running.get(pull.reference)?.pull === pull;
  }

  /** Opens the dialog, for a new pull or for one that runs. */
  ask(pull?: Pull): void {
    this.#shown = pull;
    this.#asking = true;
  }

  /** The pull goes on. */
  close(): void {
    this.#asking = false;
    this.#shown = undefined;
  }

  /** Pulls an image; one that is being pulled is only shown. */
  async start(text: string): Promise<void> {
    const reference = text.trim();
    if (!reference) return;
    const running = this.#running.get(reference);
    this.#shown = running?.pull ?? new Pull(reference);
    if (running) return;
    const pull = this.#shown;
    const follow = this.#link(reference, (progress) => pull.hear(progress));
    this.#running.set(reference, { pull, follow });
    const outcome = await follow.ended;
    // One that was cancelled has been taken out already.
    if (!this.isRunning(pull)) return;
    this.#running.delete(reference);
    if (outcome.status === "error") pull.fail(outcome.error);
    if (outcome.status === "error" && this.#shown !== pull) {
      this.#ways.tell(() => m.failed_pull({ image: reference }), outcome.error);
    } else if (outcome.status === "ok") {
      if (this.#shown === pull) this.close();
      this.#ways.say(() => m.pull_done({ image: reference }));
    }
  }

  cancel(pull: Pull): void {
    const running = this.#running.get(pull.reference);
    if (running?.pull !== pull) return;
    this.#running.delete(pull.reference);
    running.follow.end();
    if (this.#shown === pull) this.#shown = undefined;
  }

  /** The engine is gone, and what it pulled with it. */
  clear(): void {
    for (const pull of this.running) this.cancel(pull);
    this.close();
  }
}
