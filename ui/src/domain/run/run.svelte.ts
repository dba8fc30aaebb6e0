import type { ImageRow, PortUse, Problem, PullProgress, RunForm } from "$shared/bindings";
import { commandLine, words } from "$shared/command-line";
import { m } from "$shared/messages/messages.js";
import type { Outcome } from "$shared/outcome";
import type { Tell } from "$shared/tell";
import { SvelteMap } from "svelte/reactivity";

/** How a container is run. */
export interface RunLink {
  images(): Promise<Outcome<ImageRow[]>>;
  portUse(port: number, udp: boolean): Promise<Outcome<PortUse>>;
  run(form: RunForm, onProgress: (progress: PullProgress) => void): Promise<Outcome<string>>;
}

/** A port of the container and where it is published; empty texts are not given. */
export interface PortLine {
  host: string;
  inside: string;
}

export interface Pair {
  key: string;
  value: string;
}

/** What is known of a port of this computer. */
export type PortNote = { state: "free" | "wrong" } | { state: "program" } | { state: "container"; name: string };

function port(text: string): number | undefined {
  const number = /^\d{1,5}$/.test(text.trim()) ? Number(text) : 0;
  return number >= 1 && number <= 65_535 ? number : undefined;
}

/** The form of one container to run, and how far its start is. */
export class Run {
  image = $state("");
  name = $state("");
  readonly ports = $state<PortLine[]>([{ host: "", inside: "" }]);
  readonly env = $state<Pair[]>([]);
  readonly volumes = $state<Pair[]>([]);
  command = $state("");
  user = $state("");
  memory = $state("");
  cpus = $state("");
  processes = $state("");
  restart = $state<"no" | "always" | "unless-stopped" | "on-failure">("no");
  network = $state("");
  #images = $state.raw<readonly ImageRow[]>([]);
  #busy = $state(false);
  #problem = $state.raw<Problem>();
  readonly #layers = new SvelteMap<string, PullProgress>();
  readonly #uses = new SvelteMap<number, PortUse>();
  readonly #link: RunLink;

  constructor(link: RunLink, image = "") {
    this.#link = link;
    this.image = image;
  }

  /** Names of the images that are here. */
  readonly images = $derived.by(() => {
    const named = this.#images.filter((image) => image.repository !== "<none>" && image.tag !== "<none>");
    return named.map((image) => `${image.repository}:${image.tag}`);
  });

  get busy(): boolean {
    return this.#busy;
  }

  /** Why it did not start. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** Layers that are here, of those that the pull has named. */
  readonly pulled = $derived.by(() => {
    const layers = [...this.#layers.values()];
    const done = layers.filter((layer) => /^(Pull complete|Already exists)/.test(layer.status)).length;
    return layers.length > 0 ? { done, count: layers.length } : undefined;
  });

  readonly form = $derived.by((): RunForm => {
    const ports = this.ports.filter((line) => line.inside.trim());
    const pairs = (all: readonly Pair[], by: string) =>
      all.filter((pair) => pair.key.trim()).map((pair) => `${pair.key.trim()}${by}${pair.value}`);
    return {
      image: this.image.trim(),
      name: this.name.trim(),
      publish: ports.map((line) => (line.host.trim() ? `${line.host.trim()}:` : "") + line.inside.trim()),
      env: pairs(this.env, "="),
      volumes: pairs(this.volumes, ":"),
      command: words(this.command),
      user: this.user.trim(),
      restart: this.restart,
      network: this.network.trim(),
      limits: { memory: this.memory.trim(), cpus: this.cpus.trim(), processes: this.processes.trim() },
    };
  });

  /** What a person would type instead. */
  readonly line = $derived.by(() => {
    const { limits, ...form } = this.form;
    return commandLine({ ...form, ...limits, image: form.image || "IMAGE" });
  });

  /** What is known of the port that a line asks for; nothing while nothing is asked. */
  note(line: PortLine): PortNote | undefined {
    if (!line.host.trim()) return undefined;
    const number = port(line.host);
    if (number === undefined) return { state: "wrong" };
    const use = this.#uses.get(number);
    if (use?.by === "container") return { state: "container", name: use.name };
    return use && { state: use.by };
  }

  async open(): Promise<void> {
    const outcome = await this.#link.images();
    if (outcome.status === "ok") this.#images = outcome.data;
  }

  /** Asks who has the ports that are asked for; what has changed meanwhile is asked again. */
  async check(): Promise<void> {
    const numbers = this.ports.map((line) => port(line.host)).filter((number) => number !== undefined);
    await Promise.all(
      numbers.map(async (number) => {
        const outcome = await this.#link.portUse(number, false);
        if (outcome.status === "ok") this.#uses.set(number, outcome.data);
      }),
    );
  }

  /** Runs it; gives the container's id once it has started. */
  async start(): Promise<string | undefined> {
    if (this.#busy || !this.form.image) return undefined;
    this.#busy = true;
    this.#problem = undefined;
    this.#layers.clear();
    const outcome = await this.#link.run(this.form, (progress) => {
      if (progress.id && /^[0-9a-f]{12}$/.test(progress.id)) this.#layers.set(progress.id, progress);
    });
    this.#busy = false;
    if (outcome.status === "ok") return outcome.data;
    this.#problem = outcome.error;
    void this.check();
    return undefined;
  }
}

/** The dialog, while it is open; a start goes on behind a closed one. */
export class RunDesk {
  #open = $state.raw<Run>();
  readonly #link: RunLink;
  readonly #tell: Tell;
  readonly #done: (id: string) => void;

  constructor(link: RunLink, tell: Tell, done: (id: string) => void) {
    this.#link = link;
    this.#tell = tell;
    this.#done = done;
  }

  get open(): Run | undefined {
    return this.#open;
  }

  show(image = ""): void {
    this.#open = new Run(this.#link, image);
    void this.#open.open();
  }

  close(): void {
    this.#open = undefined;
  }

  async start(): Promise<void> {
    const run = this.#open;
    if (!run) return;
    const id = await run.start();
    const seen = this.#open === run;
    if (id !== undefined) {
      if (seen) this.close();
      this.#done(id);
    } else if (run.problem && !seen) this.#tell(() => m.failed_run({ image: run.form.image }), run.problem);
  }
}
