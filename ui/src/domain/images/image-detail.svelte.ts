import type { Exploration, HistoryStep, Problem } from "$shared/bindings";
import type { Outcome } from "$shared/outcome";

/** How the inside of an image is read. */
export interface ImageDetailLink {
  explore(id: string): Promise<Outcome<Exploration>>;
  history(id: string): Promise<Outcome<HistoryStep[]>>;
}

/** The inside of the image that is open. An image never changes, so it is read once. */
export class ImageDetail {
  #layers = $state.raw<Exploration>();
  #history = $state.raw<readonly HistoryStep[]>();
  #problem = $state.raw<Problem>();
  readonly #link: ImageDetailLink;
  #id: string | undefined;

  constructor(link: ImageDetailLink) {
    this.#link = link;
  }

  /** Nothing before the answer. */
  get layers(): Exploration | undefined {
    return this.#layers;
  }

  /** The last step first; nothing before the answer. */
  get history(): readonly HistoryStep[] | undefined {
    return this.#history;
  }

  /** Why it could not be read. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** Opens an image and forgets the one before. */
  async open(id: string): Promise<void> {
    this.#id = id;
    this.#layers = undefined;
    this.#history = undefined;
    this.#problem = undefined;
    const [layers, history] = await Promise.all([this.#link.explore(id), this.#link.history(id)]);
    // Another one has been opened meanwhile.
    if (this.#id !== id) return;
    if (layers.status === "ok") this.#layers = layers.data;
    else this.#problem = layers.error;
    if (history.status === "ok") this.#history = history.data;
    else this.#problem = history.error;
  }
}
