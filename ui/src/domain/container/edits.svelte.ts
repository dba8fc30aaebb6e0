import type { ContainerRow, LimitsForm, Problem } from "$shared/bindings";
import { m } from "$shared/messages/messages.js";
import type { Outcome } from "$shared/outcome";

/** How a container is changed. */
export interface EditLink {
  rename(id: string, name: string): Promise<Outcome<null>>;
  update(id: string, limits: LimitsForm, restart: string): Promise<Outcome<null>>;
  commit(id: string, reference: string, message: string): Promise<Outcome<string>>;
}

export type Edit = "rename" | "limits" | "commit";

type Say = (title: () => string) => void;

/** The one change of a container that a dialog is open for. */
export class Edits {
  #open = $state.raw<{ edit: Edit; row: ContainerRow }>();
  #busy = $state(false);
  #problem = $state.raw<Problem>();
  readonly #link: EditLink;
  readonly #say: Say;

  constructor(link: EditLink, say: Say) {
    this.#link = link;
    this.#say = say;
  }

  get open(): { edit: Edit; row: ContainerRow } | undefined {
    return this.#open;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** Why it was refused: shown in the dialog, where it can be put right. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  show(edit: Edit, row: ContainerRow): void {
    this.#problem = undefined;
    this.#open = { edit, row };
  }

  close(): void {
    this.#open = undefined;
  }

  rename(name: string): Promise<void> {
    return this.#do((row) => this.#link.rename(row.id, name.trim()));
  }

  limit(limits: LimitsForm, restart: string): Promise<void> {
    return this.#do(
      (row) => this.#link.update(row.id, limits, restart),
      (row) => m.limits_done({ name: row.name }),
    );
  }

  commit(reference: string, message: string): Promise<void> {
    return this.#do(
      (row) => this.#link.commit(row.id, reference.trim(), message),
      () => m.commit_done({ name: reference.trim() }),
    );
  }

  async #do(
    ask: (row: ContainerRow) => Promise<Outcome<unknown>>,
    done?: (row: ContainerRow) => string,
  ): Promise<void> {
    const open = this.#open;
    if (!open || this.#busy) return;
    this.#busy = true;
    this.#problem = undefined;
    const outcome = await ask(open.row);
    this.#busy = false;
    if (outcome.status === "error") {
      this.#problem = outcome.error;
      return;
    }
    if (this.#open === open) this.close();
    if (done) this.#say(() => done(open.row));
  }
}
