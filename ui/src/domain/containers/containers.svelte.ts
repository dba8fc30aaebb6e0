import type { ContainerRow, Stage, Welcome } from "$shared/bindings";
import { LiveList } from "$shared/live-list.svelte";
import { m } from "$shared/messages/messages.js";
import type { Outcome } from "$shared/outcome";
import type { Tell } from "$shared/tell";
import { SvelteMap } from "svelte/reactivity";
import type { UsageLink } from "./usage.svelte";

/** What is being done to a container. */
export type Work = "start" | "stop" | "restart" | "pause" | "unpause" | "kill" | "remove";

/** How containers are reached. */
export interface ContainerLink {
  list(): Promise<Outcome<ContainerRow[]>>;
  start(id: string): Promise<Outcome<null>>;
  stop(id: string): Promise<Outcome<null>>;
  restart(id: string): Promise<Outcome<null>>;
  pause(id: string): Promise<Outcome<null>>;
  unpause(id: string): Promise<Outcome<null>>;
  kill(id: string): Promise<Outcome<null>>;
  remove(id: string, force: boolean): Promise<Outcome<null>>;
  runWelcome(onStage: (stage: Stage) => void): Promise<Outcome<Welcome>>;
  openPage(url: string): Promise<Outcome<null>>;
  usage: UsageLink;
  /** Ends with the window. */
  onChanged(hear: () => void): Promise<unknown>;
}

/** Whether it has processes, so that removing it ends something. */
export function isLive(row: ContainerRow): boolean {
  return row.state === "running" || row.state === "paused" || row.state === "restarting";
}

export class Containers {
  #confirming = $state.raw<readonly ContainerRow[]>([]);
  #stage = $state<Stage>();
  readonly #work = new SvelteMap<string, Work>();
  // Nobody draws it, so it need not be a rune.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #link: ContainerLink;
  readonly #tell: Tell;
  readonly #list: LiveList<readonly ContainerRow[]>;

  constructor(link: ContainerLink, tell: Tell) {
    this.#link = link;
    this.#tell = tell;
    this.#list = new LiveList<readonly ContainerRow[]>(
      () => link.list(),
      (problem) => tell(m.failed_containers_list, problem),
    );
  }

  /** Newest first; nothing before the first answer. */
  get rows(): readonly ContainerRow[] | undefined {
    return this.#list.value;
  }

  get running(): number {
    return this.rows?.filter((row) => row.state === "running").length ?? 0;
  }

  /** How many would be ended with the machine. */
  get live(): number {
    return this.rows?.filter(isLive).length ?? 0;
  }

  /** The containers a person is asked about. */
  get confirming(): readonly ContainerRow[] {
    return this.#confirming;
  }

  /** How far the welcome container is, while it is being started. */
  get stage(): Stage | undefined {
    return this.#stage;
  }

  find(id: string | undefined): ContainerRow | undefined {
    return this.rows?.find((row) => row.id === id);
  }

  workOn(id: string): Work | undefined {
    return this.#work.get(id);
  }

  async open(): Promise<void> {
    await this.#link.onChanged(() => void this.refresh());
  }

  refresh(): Promise<void> {
    return this.#list.refresh();
  }

  /** Forgets everything: the engine is gone. */
  clear(): void {
    this.#list.clear();
    this.#confirming = [];
  }

  start(row: ContainerRow): Promise<void> {
    return this.#do(row, "start", this.#link.start, () => m.failed_container_start({ name: row.name }));
  }

  stop(row: ContainerRow): Promise<void> {
    return this.#do(row, "stop", this.#link.stop, () => m.failed_container_stop({ name: row.name }));
  }

  restart(row: ContainerRow): Promise<void> {
    return this.#do(row, "restart", this.#link.restart, () => m.failed_container_restart({ name: row.name }));
  }

  pause(row: ContainerRow): Promise<void> {
    return this.#do(row, "pause", this.#link.pause, () => m.failed_container_pause({ name: row.name }));
  }

  unpause(row: ContainerRow): Promise<void> {
    return this.#do(row, "unpause", this.#link.unpause, () => m.failed_container_unpause({ name: row.name }));
  }

  kill(row: ContainerRow): Promise<void> {
    return this.#do(row, "kill", this.#link.kill, () => m.failed_container_kill({ name: row.name }));
  }

  /** Removes at once a container that does not run; asks first for one that does, and for several. */
  async remove(...rows: readonly ContainerRow[]): Promise<void> {
    const [row] = rows;
    if (row && rows.length === 1 && !isLive(row)) await this.#remove(row, false);
    else this.#confirming = rows;
  }

  async confirmRemove(): Promise<void> {
    const rows = this.#confirming;
    this.#confirming = [];
    await Promise.all(rows.map((row) => this.#remove(row, isLive(row))));
  }

  cancelRemove(): void {
    this.#confirming = [];
  }

  /** Runs the welcome container and opens its page. */
  async runWelcome(): Promise<void> {
    if (this.#stage) return;
    this.#stage = "machine";
    const outcome = await this.#link.runWelcome((stage) => (this.#stage = stage));
    await this.refresh();
    this.#stage = undefined;
    if (outcome.status === "ok") await this.openPage(outcome.data.url);
    else this.#tell(m.failed_welcome, outcome.error);
  }

  async openPage(url: string): Promise<void> {
    const outcome = await this.#link.openPage(url);
    if (outcome.status === "error") this.#tell(m.failed_open, outcome.error);
  }

  #remove(row: ContainerRow, force: boolean): Promise<void> {
    const title = () => m.failed_container_remove({ name: row.name });
    return this.#do(row, "remove", (id) => this.#link.remove(id, force), title);
  }

  /**
   * One work after the other on one container, the same one once. It shows as under way until the list tells its
   * effect. A press must not be lost because an event has shown the end of the work before its answer came.
   */
  async #do(
    row: ContainerRow,
    work: Work,
    ask: (id: string) => Promise<Outcome<null>>,
    title: () => string,
  ): Promise<void> {
    const { id } = row;
    if (this.#work.get(id) === work) return;
    this.#work.set(id, work);
    const turn = this.#after(this.#turns.get(id), () => ask(id));
    this.#turns.set(id, turn);
    const outcome = await turn;
    await this.refresh();
    if (this.#turns.get(id) === turn) {
      this.#turns.delete(id);
      this.#work.delete(id);
    }
    if (outcome.status === "error") this.#tell(title, outcome.error);
  }

  async #after<T>(before: Promise<unknown> | undefined, then: () => Promise<T>): Promise<T> {
    await before;
    return then();
  }
}
