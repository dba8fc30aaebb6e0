import type { ContainerRow } from "$shared/bindings";
import { fits, ordered } from "$shared/search";
import type { Sort } from "$shared/ui/DataTable.svelte";
import { SvelteSet } from "svelte/reactivity";
import { isLive, type Containers } from "./containers.svelte";
import type { UsageBoard } from "./usage.svelte";

export const filters = ["all", "running", "stopped"] as const;
export type Filter = (typeof filters)[number];

/** The label by which Compose says what a container is part of. */
const PROJECT = "com.docker.compose.project";

/** A line of the list: the head of a project, or a container. */
export type Line = { group: Group } | { row: ContainerRow };

export interface Group {
  /** Empty for those of no project. */
  name: string;
  rows: readonly ContainerRow[];
  running: number;
  folded: boolean;
}

export function project(row: ContainerRow): string {
  return row.labels.find(([key]) => key === PROJECT)?.[1] ?? "";
}

/** What of the containers a person wants to see, in which order, and which of them are chosen. */
export class ContainerList {
  query = $state("");
  filter = $state<Filter>("all");
  sort = $state.raw<Sort>();
  readonly selected = new SvelteSet<string>();
  readonly #folded = new SvelteSet<string>();
  readonly #containers: Containers;
  readonly #usage: UsageBoard;

  constructor(containers: Containers, usage: UsageBoard) {
    this.#containers = containers;
    this.#usage = usage;
  }

  /** Those that fit the words and the filter, in order. */
  readonly rows = $derived.by(() => ordered(this.#fitting(), this.sort, (row, key) => this.#value(row, key)));

  /** With the head of each project before its containers; without any project there are no heads. */
  readonly lines = $derived.by((): readonly Line[] => this.#grouped(this.rows));

  /** The chosen ones that are in sight. */
  readonly chosen = $derived.by(() => this.rows.filter((row) => this.selected.has(row.id)));

  fold(group: Group): void {
    if (!this.#folded.delete(group.name)) this.#folded.add(group.name);
  }

  /** Everything is in sight again. */
  reset(): void {
    this.query = "";
    this.filter = "all";
  }

  /** Starts what does not run. */
  startChosen(): void {
    for (const row of this.chosen) if (!isLive(row)) void this.#containers.start(row);
  }

  stopChosen(): void {
    for (const row of this.chosen) if (isLive(row)) void this.#containers.stop(row);
  }

  restartChosen(): void {
    for (const row of this.chosen) void this.#containers.restart(row);
  }

  pauseChosen(): void {
    for (const row of this.chosen) if (row.state === "running") void this.#containers.pause(row);
  }

  removeChosen(): void {
    void this.#containers.remove(...this.chosen);
  }

  #fitting(): readonly ContainerRow[] {
    return (this.#containers.rows ?? []).filter((row) => {
      if (this.filter === "running" && !isLive(row)) return false;
      if (this.filter === "stopped" && isLive(row)) return false;
      return fits(this.query, texts(row));
    });
  }

  /** What a row is sorted by. */
  #value(row: ContainerRow, key: string): string | number {
    if (key === "cpu") return this.#usage.latest(row.id)?.cpu ?? -1;
    if (key === "memory") return this.#usage.latest(row.id)?.memory ?? -1;
    return key === "state" ? row.state : row.name;
  }

  #grouped(rows: readonly ContainerRow[]): readonly Line[] {
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- made anew each time
    const groups = new Map<string, ContainerRow[]>();
    for (const row of rows) groups.set(project(row), [...(groups.get(project(row)) ?? []), row]);
    if (groups.size === 0 || (groups.size === 1 && groups.has(""))) return rows.map((row) => ({ row }));
    const names = [...groups.keys()].sort((a, b) => (a === "" ? 1 : b === "" ? -1 : a.localeCompare(b)));
    return names.flatMap((name): Line[] => {
      const these = groups.get(name) ?? [];
      const running = these.filter((row) => row.state === "running").length;
      const folded = this.#folded.has(name);
      return [{ group: { name, rows: these, running, folded } }, ...(folded ? [] : these.map((row) => ({ row })))];
    });
  }
}

/** What a row is found by. */
function texts(row: ContainerRow): string[] {
  const labels = row.labels.map(([key, value]) => `${key}=${value}`);
  const ports = row.ports.map((port) => `${port.host_port ?? ""}:${port.container_port}`);
  return [row.name, row.image, row.id, ...ports, ...labels];
}
