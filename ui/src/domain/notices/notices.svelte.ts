import type { Problem } from "$shared/bindings";
import type { Help } from "$shared/tell";

/** Something that went wrong, until a person has read it, or something that is done, for a moment. */
export interface Notice {
  id: number;
  /** What was tried or done. A function, so that it follows the language. */
  title: () => string;
  problem?: Problem | undefined;
  help?: Help | undefined;
}

/** More than this many say nothing that the first ones did not. */
const LIMIT = 3;
/** How long a success stays, milliseconds. */
const MOMENT = 4000;

export class Notices {
  #all = $state.raw<readonly Notice[]>([]);
  #next = 1;
  readonly #helpFor: (problem: Problem) => Help | undefined;

  constructor(helpFor: (problem: Problem) => Help | undefined = () => undefined) {
    this.#helpFor = helpFor;
  }

  /** Newest first. */
  get all(): readonly Notice[] {
    return this.#all;
  }

  /** Shows a failure and gives the way to take it back once it is over. Without help of its own, that of its kind. */
  tell(title: () => string, problem: Problem, help?: Help): () => void {
    return this.#show({ title, problem, help: help ?? this.#helpFor(problem) });
  }

  /** Says that something is done; it goes by itself. */
  say(title: () => string, help?: Help): void {
    const retract = this.#show({ title, help });
    setTimeout(retract, MOMENT);
  }

  dismiss(id: number): void {
    this.#all = this.#all.filter((notice) => notice.id !== id);
  }

  #show(notice: Omit<Notice, "id">): () => void {
    const id = this.#next++;
    const others = this.#all.filter((other) => other.title() !== notice.title());
    this.#all = [{ id, ...notice }, ...others].slice(0, LIMIT);
    return () => this.dismiss(id);
  }
}
