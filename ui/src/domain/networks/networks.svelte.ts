import type { NetworkForm, NetworkMember, NetworkRow, Problem } from "$shared/bindings";
import { LiveList } from "$shared/live-list.svelte";
import { m } from "$shared/messages/messages.js";
import type { Outcome } from "$shared/outcome";
import { fits, ordered } from "$shared/search";
import type { Tell } from "$shared/tell";
import type { Sort } from "$shared/ui/DataTable.svelte";
import { SvelteSet } from "svelte/reactivity";

/** How networks are reached. */
export interface NetworkLink {
  list(): Promise<Outcome<NetworkRow[]>>;
  create(form: NetworkForm): Promise<Outcome<string>>;
  remove(id: string): Promise<Outcome<null>>;
  /** Gives the names of those that are gone. */
  prune(): Promise<Outcome<string[]>>;
  connect(id: string, container: string): Promise<Outcome<null>>;
  disconnect(id: string, container: string): Promise<Outcome<null>>;
  /** Networks or the containers on them have changed. Ends with the window. */
  onChanged(hear: () => void): Promise<unknown>;
}

/** What the networks tell a person, and where they lead. */
export interface NetworkWays {
  tell: Tell;
  say(title: () => string): void;
  /** Leads to the members of a network. */
  show(row: NetworkRow): void;
}

/** What a person is asked before it is done. */
export type Question = { ask: "create" } | { ask: "prune" } | { ask: "connect"; row: NetworkRow };

/** Those that every engine has; they cannot be removed. */
const BUILT_IN = ["bridge", "host", "none"];

export function isBuiltIn(row: NetworkRow): boolean {
  return BUILT_IN.includes(row.name);
}

/** Whether a container can be put on it: the host's and no network at all are chosen for good. */
export function isOpen(row: NetworkRow): boolean {
  return row.driver !== "host" && row.driver !== "null";
}

export class Networks {
  query = $state("");
  sort = $state.raw<Sort>();
  #question = $state.raw<Question>();
  #problem = $state.raw<Problem>();
  #busy = $state(false);
  readonly #working = new SvelteSet<string>();
  readonly #link: NetworkLink;
  readonly #ways: NetworkWays;
  readonly #list: LiveList<readonly NetworkRow[]>;

  constructor(link: NetworkLink, ways: NetworkWays) {
    this.#link = link;
    this.#ways = ways;
    this.#list = new LiveList<readonly NetworkRow[]>(
      () => link.list(),
      (problem) => ways.tell(m.failed_networks_list, problem),
    );
  }

  /** By name; nothing before the first answer. */
  get all(): readonly NetworkRow[] | undefined {
    return this.#list.value;
  }

  /** Those that fit the words, in order. */
  readonly shown = $derived.by(() => ordered(this.#fitting(), this.sort, value));

  /** Those that a prune would remove. */
  readonly unused = $derived.by(() => (this.all ?? []).filter((row) => !isBuiltIn(row) && row.members.length === 0));

  get question(): Question | undefined {
    return this.#question;
  }

  /** Why the answer to the question will not do. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** Whether the answer to the question is being carried out. */
  get busy(): boolean {
    return this.#busy;
  }

  find(id: string | undefined): NetworkRow | undefined {
    return this.all?.find((row) => row.id === id);
  }

  /** Whether something is being done to a network, or to a member of it. */
  isWorking(row: NetworkRow, member?: NetworkMember): boolean {
    return this.#working.has(`${row.id} ${member?.container ?? ""}`);
  }

  async open(): Promise<void> {
    await this.#link.onChanged(() => void this.refresh());
  }

  refresh(): Promise<void> {
    return this.#list.refresh();
  }

  clear(): void {
    this.#list.clear();
    this.close();
  }

  ask(question: Question): void {
    this.#problem = undefined;
    this.#question = question;
  }

  close(): void {
    this.#question = undefined;
  }

  async create(form: NetworkForm): Promise<void> {
    const trimmed = { ...form, name: form.name.trim(), subnet: form.subnet.trim(), gateway: form.gateway.trim() };
    await this.#answer(() => this.#link.create(trimmed));
  }

  async prune(): Promise<void> {
    const gone = await this.#answer(() => this.#link.prune());
    if (gone) this.#ways.say(() => m.network_pruned({ count: gone.length }));
  }

  /** Puts a container on the network in question. */
  async connect(container: string): Promise<void> {
    const question = this.#question;
    if (question?.ask === "connect") await this.#answer(() => this.#link.connect(question.row.id, container));
  }

  async disconnect(row: NetworkRow, member: NetworkMember): Promise<void> {
    const outcome = await this.#work(`${row.id} ${member.container}`, () =>
      this.#link.disconnect(row.id, member.container),
    );
    if (outcome?.status !== "error") return;
    this.#ways.tell(() => m.failed_network_disconnect({ name: member.name, network: row.name }), outcome.error);
  }

  /** Removes a network. One that is refused for its members leads to them. */
  async remove(row: NetworkRow): Promise<void> {
    const outcome = await this.#work(`${row.id} `, () => this.#link.remove(row.id));
    if (outcome?.status !== "error") return;
    const help =
      row.members.length > 0 ? { label: m.network_show_members, run: () => this.#ways.show(row) } : undefined;
    this.#ways.tell(() => m.failed_network_remove({ name: row.name }), outcome.error, help);
  }

  /** Carries out the answer to the question, which stays with the reason when it fails. */
  async #answer<T>(ask: () => Promise<Outcome<T>>): Promise<T | undefined> {
    if (this.#busy) return undefined;
    const question = this.#question;
    this.#busy = true;
    this.#problem = undefined;
    const outcome = await ask();
    await this.refresh();
    this.#busy = false;
    if (outcome.status === "error") {
      this.#problem = outcome.error;
      return undefined;
    }
    if (this.#question === question) this.close();
    return outcome.data;
  }

  async #work(key: string, ask: () => Promise<Outcome<null>>): Promise<Outcome<null> | undefined> {
    if (this.#working.has(key)) return undefined;
    this.#working.add(key);
    const outcome = await ask();
    await this.refresh();
    this.#working.delete(key);
    return outcome;
  }

  #fitting(): readonly NetworkRow[] {
    return (this.all ?? []).filter((row) => fits(this.query, texts(row)));
  }
}

/** What a row is found by. */
function texts(row: NetworkRow): string[] {
  const members = row.members.flatMap((member) => [member.name, member.address]);
  return [row.name, row.driver, row.id, ...row.subnets, ...members];
}

/** What a row is sorted by. */
function value(row: NetworkRow, key: string): string | number {
  if (key === "driver") return row.driver;
  if (key === "subnet") return row.subnets[0] ?? "";
  return key === "members" ? row.members.length : row.name;
}
