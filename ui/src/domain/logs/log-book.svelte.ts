import type { LogLine, Problem } from "$shared/bindings";
import type { Follow } from "$shared/follow";
import { plain } from "./ansi";

/** How a log is followed: its last lines, then what comes. */
export type LogLink = (id: string, tail: number, hear: (lines: LogLine[]) => void) => Follow;

/** So many lines are kept, and asked for at first. */
export const KEPT = 100_000;
/** Old lines are thrown away so many at a time. */
const SLACK = 5_000;

/** The log of one container, and what is looked for in it. */
export class LogBook {
  /** Lines count from the first that was ever heard, so that a line keeps its number when old ones go. */
  #first = 0;
  #lines: LogLine[] = [];
  #count = $state(0);
  #found = $state.raw<readonly number[]>([]);
  #at = $state(-1);
  #query = "";
  #problem = $state.raw<Problem>();
  #follow: Follow | undefined;
  #waiting: LogLine[] = [];
  readonly #link: LogLink;
  readonly #soon: (draw: () => void) => void;

  /** `soon` gathers what comes between two pictures. */
  constructor(link: LogLink, soon: (draw: () => void) => void = (draw) => requestAnimationFrame(() => draw())) {
    this.#link = link;
    this.#soon = soon;
  }

  get count(): number {
    return this.#count;
  }

  /** Why it is not followed any more. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** Numbers of the lines that have what is looked for. */
  get found(): readonly number[] {
    return this.#found;
  }

  /** The place in `found` that is shown; -1 without any. */
  get at(): number {
    return this.#at;
  }

  /** The number of the line that is shown as found. */
  get mark(): number | undefined {
    return this.#found[this.#at];
  }

  line(index: number): LogLine | undefined {
    return this.#lines[index];
  }

  number(index: number): number {
    return this.#first + index;
  }

  index(number: number): number {
    return number - this.#first;
  }

  /** Follows a container from its last lines on. */
  open(id: string): void {
    this.close();
    this.clear();
    this.#problem = undefined;
    const follow = this.#link(id, KEPT, (lines) => this.#hear(follow, lines));
    this.#follow = follow;
    void follow.ended.then((outcome) => {
      if (this.#follow === follow && outcome.status === "error") this.#problem = outcome.error;
    });
  }

  close(): void {
    this.#follow?.end();
    this.#follow = undefined;
  }

  /** Forgets what was said; what comes is shown. */
  clear(): void {
    this.#first += this.#lines.length;
    this.#lines = [];
    this.#waiting = [];
    this.#count = 0;
    this.#found = [];
    this.#at = -1;
  }

  /** Looks for words in the lines that are here and those that come; the newest match is shown. */
  find(query: string): void {
    this.#query = query.toLowerCase();
    this.#found = this.#query ? this.#matches(this.#lines, this.#first) : [];
    this.#at = this.#found.length - 1;
  }

  /** To the next match, or the one before; round about. */
  step(by: 1 | -1): void {
    const count = this.#found.length;
    if (count > 0) this.#at = (this.#at + by + count) % count;
  }

  /** Everything as text. */
  text(times: boolean): string {
    return this.#lines.map((line) => (times && line.time ? `${line.time} ` : "") + plain(line.text)).join("\n");
  }

  #hear(from: Follow, lines: LogLine[]): void {
    if (this.#follow !== from) return;
    const first = this.#waiting.length === 0;
    for (const line of lines) this.#waiting.push(line);
    if (first) this.#soon(() => this.#take());
  }

  #take(): void {
    const lines = this.#waiting;
    this.#waiting = [];
    if (lines.length === 0) return;
    const next = this.#first + this.#lines.length;
    for (const line of lines) this.#lines.push(line);
    if (this.#query) this.#found = [...this.#found, ...this.#matches(lines, next)];
    if (this.#lines.length > KEPT + SLACK) this.#forget(this.#lines.length - KEPT);
    this.#count = this.#lines.length;
  }

  #forget(count: number): void {
    this.#lines = this.#lines.slice(count);
    this.#first += count;
    const gone = this.#found.filter((number) => number < this.#first).length;
    this.#found = this.#found.slice(gone);
    this.#at = Math.max(this.#at - gone, Math.min(0, this.#found.length - 1));
  }

  #matches(lines: readonly LogLine[], first: number): number[] {
    const found: number[] = [];
    lines.forEach((line, index) => {
      if (plain(line.text).toLowerCase().includes(this.#query)) found.push(first + index);
    });
    return found;
  }
}
