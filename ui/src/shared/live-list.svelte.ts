import type { Problem } from "./bindings";
import type { Outcome } from "./outcome";

/** What the engine keeps of one kind, read again when it tells of a change. */
export class LiveList<T> {
  #value = $state.raw<T>();
  readonly #read: () => Promise<Outcome<T>>;
  readonly #failed: (problem: Problem) => void;
  /** Counts what made earlier answers old. */
  #epoch = 0;
  #reading: Promise<void> | undefined;
  #again = false;

  constructor(read: () => Promise<Outcome<T>>, failed: (problem: Problem) => void) {
    this.#read = read;
    this.#failed = failed;
  }

  /** Nothing before the first answer. */
  get value(): T | undefined {
    return this.#value;
  }

  /** Reads it. While it is being read, any number of calls lead to one more. */
  refresh(): Promise<void> {
    this.#again = true;
    this.#reading ??= this.#readUntilFresh().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** Forgets everything: the engine is gone. */
  clear(): void {
    this.#epoch += 1;
    this.#value = undefined;
  }

  async #readUntilFresh(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const epoch = this.#epoch;
      const outcome = await this.#read();
      if (epoch !== this.#epoch) continue;
      if (outcome.status === "ok") this.#value = outcome.data;
      // A machine that stops meanwhile is shown as stopped; that the list is gone too is no news.
      else if (outcome.error.code !== "machine-stopped") this.#failed(outcome.error);
    }
  }
}
