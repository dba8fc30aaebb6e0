import type { Problem } from "$shared/bindings";

/** Something that went wrong, until a person has read it. */
export interface Notice {
  id: number;
  /** What was tried. A function, so that it follows the language. */
  title: () => string;
  problem: Problem;
}

/** More than this many say nothing that the first ones did not. */
const LIMIT = 3;

export class Notices {
  #all = $state.raw<readonly Notice[]>([]);
  #next = 1;

  /** Newest first. */
  get all(): readonly Notice[] {
    return this.#all;
  }

  /** Shows a failure and gives the way to take it back once it is over. */
  tell(title: () => string, problem: Problem): () => void {
    const id = this.#next++;
    const others = this.#all.filter((notice) => notice.title() !== title());
    this.#all = [{ id, title, problem }, ...others].slice(0, LIMIT);
    return () => this.dismiss(id);
  }

  dismiss(id: number): void {
    this.#all = this.#all.filter((notice) => notice.id !== id);
  }
}
