import type { FreedImages, ImageRow, ImageUser, Problem } from "$shared/bindings";
import { bytes } from "$shared/bytes";
import { LiveList } from "$shared/live-list.svelte";
import { m } from "$shared/messages/messages.js";
import type { Outcome } from "$shared/outcome";
import { fits, ordered } from "$shared/search";
import type { Help, Tell } from "$shared/tell";
import type { Sort } from "$shared/ui/DataTable.svelte";
import { SvelteSet } from "svelte/reactivity";
import { keyOf, nameOf, NONE, reference } from "./image-text";

/** How images are reached. */
export interface ImageLink {
  list(): Promise<Outcome<ImageRow[]>>;
  users(): Promise<Outcome<ImageUser[]>>;
  tag(image: string, name: string): Promise<Outcome<null>>;
  remove(name: string, force: boolean): Promise<Outcome<null>>;
  prune(all: boolean): Promise<Outcome<FreedImages>>;
  /** Images or the containers that stand on them have changed. Ends with the window. */
  onChanged(hear: () => void): Promise<unknown>;
}

/** What the images tell a person, and where they lead. */
export interface ImageWays {
  tell: Tell;
  say(title: () => string): void;
  /** Leads to the containers of an image. */
  showUsers(row: ImageRow): void;
}

/** An image and the containers that stand on it. */
export interface Entry {
  row: ImageRow;
  users: readonly ImageUser[];
}

/** What a person is asked before it is done. */
export type Question = { ask: "tag"; row: ImageRow } | { ask: "prune" };

export class Images {
  query = $state("");
  sort = $state.raw<Sort>();
  #question = $state.raw<Question>();
  #problem = $state.raw<Problem>();
  #pruning = $state(false);
  readonly #removing = new SvelteSet<string>();
  readonly #link: ImageLink;
  readonly #ways: ImageWays;
  readonly #list: LiveList<readonly Entry[]>;

  constructor(link: ImageLink, ways: ImageWays) {
    this.#link = link;
    this.#ways = ways;
    this.#list = new LiveList(
      () => this.#read(),
      (problem) => ways.tell(m.failed_images_list, problem),
    );
  }

  /** Newest first; nothing before the first answer. */
  get all(): readonly Entry[] | undefined {
    return this.#list.value;
  }

  /** Those that fit the words, in order. */
  readonly shown = $derived.by(() => ordered(this.#fitting(), this.sort, value));

  /** Images, not names: what several tags name counts once. */
  readonly size = $derived.by(() => {
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- made anew each time
    const sizes = new Map((this.all ?? []).map(({ row }) => [row.id, row.size]));
    return [...sizes.values()].reduce((sum, size) => sum + size, 0);
  });

  get question(): Question | undefined {
    return this.#question;
  }

  /** Why the answer to the question will not do. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  get pruning(): boolean {
    return this.#pruning;
  }

  isRemoving(row: ImageRow): boolean {
    return this.#removing.has(keyOf(row));
  }

  find(id: string | undefined): Entry | undefined {
    return this.all?.find(({ row }) => row.id === id);
  }

  /** Every name of an image. */
  names(id: string): readonly string[] {
    return (this.all ?? []).filter(({ row }) => row.id === id).map(({ row }) => nameOf(row));
  }

  /** How many images a prune would remove. */
  unused(all: boolean): number {
    const free = (this.all ?? []).filter(({ row, users }) => users.length === 0 && (all || row.tag === NONE));
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- made anew each time
    return new Set(free.map(({ row }) => row.id)).size;
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

  /** Removes a name, and the image with its last one. A refusal comes with the one way on from there. */
  async remove(row: ImageRow, force = false): Promise<void> {
    const key = keyOf(row);
    if (this.#removing.has(key)) return;
    this.#removing.add(key);
    const outcome = await this.#link.remove(reference(row), force);
    await this.refresh();
    this.#removing.delete(key);
    if (outcome.status === "error") {
      this.#ways.tell(() => m.failed_image_remove({ name: nameOf(row) }), outcome.error, this.#way(row, outcome.error));
    }
  }

  /** Gives the image in question another name. */
  async tag(name: string): Promise<void> {
    const question = this.#question;
    if (question?.ask !== "tag") return;
    const outcome = await this.#link.tag(reference(question.row), name.trim());
    if (outcome.status === "error") this.#problem = outcome.error;
    else this.close();
    await this.refresh();
  }

  /** Removes what no container has: what has no name, or everything. */
  async prune(all: boolean): Promise<void> {
    if (this.#pruning) return;
    this.#pruning = true;
    const outcome = await this.#link.prune(all);
    await this.refresh();
    this.#pruning = false;
    if (outcome.status === "error") {
      this.#problem = outcome.error;
      return;
    }
    const { images, bytes: freed } = outcome.data;
    this.close();
    this.#ways.say(() => m.image_pruned({ count: images, size: bytes(freed) }));
  }

  /** Docker says of a refusal whether force helps. */
  #way(row: ImageRow, problem: Problem): Help | undefined {
    if (problem.code !== "conflict") return undefined;
    if (/\(must (be forced|force)\)/.test(problem.message)) {
      return { label: m.image_remove_force, run: () => void this.remove(row, true) };
    }
    return { label: m.image_show_users, run: () => this.#ways.showUsers(row) };
  }

  async #read(): Promise<Outcome<readonly Entry[]>> {
    const [list, users] = await Promise.all([this.#link.list(), this.#link.users()]);
    if (list.status === "error") return list;
    if (users.status === "error") return users;
    const data = list.data.map((row) => ({ row, users: users.data.filter((user) => user.image === row.id) }));
    return { status: "ok", data };
  }

  #fitting(): readonly Entry[] {
    return (this.all ?? []).filter((entry) => fits(this.query, texts(entry)));
  }
}

/** What an entry is found by. */
function texts({ row, users }: Entry): string[] {
  return [nameOf(row), row.id, ...users.map((user) => user.name)];
}

/** What an entry is sorted by. */
function value({ row, users }: Entry, key: string): string | number {
  if (key === "created") return row.created;
  if (key === "size") return row.size;
  return key === "use" ? users.length : nameOf(row);
}
