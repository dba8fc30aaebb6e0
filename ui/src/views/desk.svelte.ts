import { Detail } from "$domain/container/detail.svelte";
import { ContainerList } from "$domain/containers/container-list.svelte";
import { Containers } from "$domain/containers/containers.svelte";
import { UsageBoard } from "$domain/containers/usage.svelte";
import { LogBook } from "$domain/logs/log-book.svelte";
import { Machine } from "$domain/machine/machine.svelte";
import { Notices } from "$domain/notices/notices.svelte";
import type { Problem } from "$shared/bindings";
import { LanguageChoice } from "$shared/language.svelte";
import { m } from "$shared/messages/messages.js";
import { ThemeChoice } from "$shared/theme.svelte";
import { detailLink, logLink } from "./links/container";
import { containerLink } from "./links/containers";
import { machineLink } from "./links/machine";
import { copy } from "./links/shell";
import { Navigation } from "./navigation.svelte";

/** Everything that the window works with. A view gets this and takes what it needs. */
export class Desk {
  readonly language = new LanguageChoice();
  readonly theme = new ThemeChoice();
  readonly navigation = new Navigation();
  readonly notices = new Notices((problem) => this.#help(problem));
  readonly machine = new Machine(machineLink, (title, problem) => this.notices.tell(title, problem));
  readonly containers = new Containers(containerLink, (title, problem) => this.notices.tell(title, problem));
  readonly usage = new UsageBoard(containerLink.usage);
  readonly detail = new Detail(detailLink, (title, problem) => this.notices.tell(title, problem));
  readonly log = new LogBook(logLink);
  readonly list = new ContainerList(this.containers, this.usage);

  /** Begins to listen, then connects. */
  async open(): Promise<void> {
    await this.containers.open();
    await this.machine.open();
  }

  /** Reads every list when the engine answers, and forgets them when it is gone. */
  engine(answers: boolean): void {
    if (answers) void this.containers.refresh();
    else this.containers.clear();
  }

  async copy(text: string): Promise<void> {
    await copy(text);
    this.notices.say(m.copied);
  }

  /** The one button beside a failure. */
  #help(problem: Problem) {
    if (problem.code === "machine-stopped" || problem.code === "machine-failed") {
      return { label: m.notice_start_machine, run: () => void this.machine.start() };
    }
    const text = [problem.message, problem.hint].filter(Boolean).join("\n");
    return { label: m.notice_copy, run: () => void this.copy(text) };
  }
}
