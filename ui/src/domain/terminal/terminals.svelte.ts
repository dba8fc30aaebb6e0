import type { Tell } from "$shared/tell";
import type { Follow } from "$shared/follow";
import { m } from "$shared/messages/messages.js";

/** A stream that takes keys. */
export interface TerminalStream extends Follow {
  write(text: string): void;
  resize(columns: number, rows: number): void;
}

/** How a shell in a container is opened. */
export type TerminalLink = (
  id: string,
  size: { columns: number; rows: number },
  hear: (bytes: Uint8Array) => void,
) => TerminalStream;

/** What shows a terminal: an emulator on the page. */
export interface Screen {
  readonly element: HTMLElement;
  readonly size: { columns: number; rows: number };
  write(bytes: Uint8Array | string): void;
  onKeys(hear: (text: string) => void): void;
  onSize(hear: (columns: number, rows: number) => void): void;
  fit(): void;
  focus(): void;
  dispose(): void;
}

/** A shell that is open, or has ended and can still be read. */
export interface Terminal {
  number: number;
  container: string;
  screen: Screen;
  stream: TerminalStream;
}

/** Every terminal; they go on when the view changes. */
export class Terminals {
  #all = $state.raw<readonly Terminal[]>([]);
  #shown = $state.raw<Readonly<Record<string, number>>>({});
  readonly #link: TerminalLink;
  readonly #screen: () => Screen;
  readonly #tell: Tell;

  constructor(link: TerminalLink, screen: () => Screen, tell: Tell) {
    this.#link = link;
    this.#screen = screen;
    this.#tell = tell;
  }

  of(container: string): readonly Terminal[] {
    return this.#all.filter((terminal) => terminal.container === container);
  }

  /** The one of a container that is shown. */
  shown(container: string): Terminal | undefined {
    const all = this.of(container);
    return all.find((terminal) => terminal.number === this.#shown[container]) ?? all.at(-1);
  }

  show(terminal: Terminal): void {
    this.#shown = { ...this.#shown, [terminal.container]: terminal.number };
  }

  /** Opens one more shell. */
  open(container: string): void {
    const screen = this.#screen();
    const stream = this.#link(container, screen.size, (bytes) => screen.write(bytes));
    const number = Math.max(0, ...this.of(container).map((terminal) => terminal.number)) + 1;
    const terminal = { number, container, screen, stream };
    screen.onKeys((text) => stream.write(text));
    screen.onSize((columns, rows) => stream.resize(columns, rows));
    this.#all = [...this.#all, terminal];
    this.show(terminal);
    void stream.ended.then((outcome) => {
      if (!this.#all.includes(terminal)) return;
      screen.write(`\r\n\x1b[2m${m.terminal_ended()}\x1b[0m\r\n`);
      if (outcome.status === "error") this.#tell(m.failed_terminal, outcome.error);
    });
  }

  close(terminal: Terminal): void {
    this.#all = this.#all.filter((other) => other !== terminal);
    terminal.stream.end();
    terminal.screen.dispose();
  }

  /** The engine is gone, and every shell with it. */
  clear(): void {
    for (const terminal of this.#all) this.close(terminal);
  }
}
