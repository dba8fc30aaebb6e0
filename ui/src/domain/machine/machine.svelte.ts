import type { MachineState, MachineStatus, Problem } from "$shared/bindings";
import { m } from "$shared/messages/messages.js";
import type { Outcome } from "$shared/outcome";

/** "connecting" until the first answer, "unreachable" when none came or the connection was lost. */
export type Phase = MachineState | "connecting" | "unreachable";

/** How the machine is reached. */
export interface MachineLink {
  connect(): Promise<Outcome<MachineStatus>>;
  status(): Promise<Outcome<MachineStatus>>;
  start(): Promise<Outcome<MachineStatus>>;
  stop(): Promise<Outcome<MachineStatus>>;
  /** Both end with the window. */
  onChanged(hear: (status: MachineStatus) => void): Promise<unknown>;
  onLost(hear: (problem: Problem) => void): Promise<unknown>;
}

/** Tells a person, and gives the way to take it back. */
type Tell = (title: () => string, problem: Problem) => () => void;

export class Machine {
  #status = $state.raw<MachineStatus>();
  #asked = $state<"start" | "stop">();
  #unreachable = $state(false);
  #retract: (() => void) | undefined;
  readonly #link: MachineLink;
  readonly #tell: Tell;

  constructor(link: MachineLink, tell: Tell) {
    this.#link = link;
    this.#tell = tell;
  }

  /** What is known; nothing before the first answer. */
  get status(): MachineStatus | undefined {
    return this.#status;
  }

  /** A press shows at once, before the host has said so. */
  get phase(): Phase {
    const told = this.#status?.state ?? (this.#unreachable ? "unreachable" : "connecting");
    if (this.#asked === "start" && (told === "stopped" || told === "failed")) return "starting";
    if (this.#asked === "stop" && told === "running") return "stopping";
    return told;
  }

  /** Listens first, so that no change falls between the answer and the events. */
  async open(): Promise<void> {
    await this.#link.onChanged((status) => this.#heard(status));
    await this.#link.onLost((problem) => this.#lost(problem));
    await this.connect();
  }

  async connect(): Promise<void> {
    this.#unreachable = false;
    const outcome = await this.#link.connect();
    if (outcome.status === "ok") this.#heard(outcome.data);
    else this.#lost(outcome.error);
  }

  async start(): Promise<void> {
    if (this.#asked) return;
    this.#asked = "start";
    const outcome = await this.#link.start();
    if (outcome.status === "ok") this.#heard(outcome.data);
    else await this.#refused(m.failed_machine_start, outcome.error);
    this.#asked = undefined;
  }

  async stop(): Promise<void> {
    if (this.#asked) return;
    this.#asked = "stop";
    const outcome = await this.#link.stop();
    if (outcome.status === "ok") this.#heard(outcome.data);
    else await this.#refused(m.failed_machine_stop, outcome.error);
    this.#asked = undefined;
  }

  /** A failed machine shows its reason beside its steps; only what is not seen there needs a notice. */
  async #refused(title: () => string, problem: Problem): Promise<void> {
    const now = await this.#link.status();
    if (now.status === "ok") this.#heard(now.data);
    if (this.#status?.state !== "failed") this.#tell(title, problem);
  }

  #heard(status: MachineStatus): void {
    this.#unreachable = false;
    this.#retract?.();
    this.#retract = undefined;
    this.#status = status;
  }

  #lost(problem: Problem): void {
    this.#unreachable = true;
    this.#status = undefined;
    this.#retract = this.#tell(m.failed_connect, problem);
  }
}
