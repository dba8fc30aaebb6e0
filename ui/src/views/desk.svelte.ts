import { Detail } from "$domain/container/detail.svelte";
import { dockerRun } from "$domain/container/docker-run";
import { Edits } from "$domain/container/edits.svelte";
import { ContainerList } from "$domain/containers/container-list.svelte";
import { Containers } from "$domain/containers/containers.svelte";
import { UsageBoard } from "$domain/containers/usage.svelte";
import { ImageDetail } from "$domain/images/image-detail.svelte";
import { Images } from "$domain/images/images.svelte";
import { Pulls } from "$domain/images/pulls.svelte";
import { LogBook } from "$domain/logs/log-book.svelte";
import { Machine } from "$domain/machine/machine.svelte";
import { Networks } from "$domain/networks/networks.svelte";
import { Notices } from "$domain/notices/notices.svelte";
import { Ports } from "$domain/ports/ports.svelte";
import { RunDesk } from "$domain/run/run.svelte";
import { Terminals } from "$domain/terminal/terminals.svelte";
import { xtermScreen } from "$domain/terminal/xterm-screen";
import type { ContainerRow, Problem } from "$shared/bindings";
import { LanguageChoice } from "$shared/language.svelte";
import { m } from "$shared/messages/messages.js";
import { ThemeChoice } from "$shared/theme.svelte";
import { detailLink, editLink, logLink } from "./links/container";
import { containerLink } from "./links/containers";
import { imageDetailLink, imageLink, pullLink } from "./links/images";
import { machineLink } from "./links/machine";
import { networkLink } from "./links/networks";
import { portLink } from "./links/ports";
import { runLink } from "./links/run";
import { copy } from "./links/shell";
import { terminalLink } from "./links/terminal";
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
  readonly edits = new Edits(editLink, (title) => this.notices.say(title));
  readonly images = new Images(imageLink, {
    tell: (title, problem, help) => this.notices.tell(title, problem, help),
    say: (title) => this.notices.say(title),
    showUsers: (row) => this.navigation.go("images", row.id, "containers"),
  });
  readonly imageDetail = new ImageDetail(imageDetailLink);
  readonly pulls = new Pulls(pullLink, {
    tell: (title, problem) => this.notices.tell(title, problem),
    say: (title) => this.notices.say(title),
  });
  readonly networks = new Networks(networkLink, {
    tell: (title, problem, help) => this.notices.tell(title, problem, help),
    say: (title) => this.notices.say(title),
    show: (row) => this.navigation.go("networks", row.id),
  });
  readonly ports = new Ports(portLink, (title, problem) => this.notices.tell(title, problem));
  readonly run = new RunDesk(
    runLink,
    (title, problem) => this.notices.tell(title, problem),
    (id) => void this.#started(id),
  );
  readonly terminals = new Terminals(terminalLink, xtermScreen, (title, problem) => this.notices.tell(title, problem));
  readonly log = new LogBook(logLink);
  readonly list = new ContainerList(this.containers, this.usage);

  /** Begins to listen, then connects. */
  async open(): Promise<void> {
    await this.containers.open();
    await this.images.open();
    await this.networks.open();
    await this.machine.open();
  }

  /** Reads every list when the engine answers, and forgets them when it is gone. */
  engine(answers: boolean): void {
    if (answers) {
      void this.containers.refresh();
      void this.images.refresh();
      void this.networks.refresh();
      this.ports.open();
    } else {
      this.images.clear();
      this.networks.clear();
      this.pulls.clear();
      this.ports.clear();
      this.containers.clear();
      this.terminals.clear();
    }
  }

  /** Copies the command that makes another container such as this one. */
  async copyRun(row: ContainerRow): Promise<void> {
    const outcome = await detailLink.inspect(row.id);
    if (outcome.status === "ok") await this.copy(dockerRun(JSON.parse(outcome.data)));
    else this.notices.tell(() => m.failed_inspect({ name: row.name }), outcome.error);
  }

  async copy(text: string): Promise<void> {
    await copy(text);
    this.notices.say(m.copied);
  }

  async #started(id: string): Promise<void> {
    await this.containers.refresh();
    const name = this.containers.find(id)?.name ?? id.slice(0, 12);
    this.notices.say(() => m.run_started({ name }));
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
