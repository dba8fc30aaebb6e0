import { m } from "$shared/messages/messages.js";
import type { IconName } from "$shared/ui/Icon.svelte";

export type View = "containers" | "machine";

export interface Entry {
  view: View;
  icon: IconName;
  title: () => string;
  subtitle: () => string;
}

export const entries: readonly Entry[] = [
  { view: "containers", icon: "containers", title: m.nav_containers, subtitle: m.containers_subtitle },
  { view: "machine", icon: "machine", title: m.nav_machine, subtitle: m.machine_subtitle },
];

export class Navigation {
  #view = $state<View>("containers");

  get view(): View {
    return this.#view;
  }

  get entry(): Entry {
    // The type of the view is the set of the entries.
    return entries.find((entry) => entry.view === this.#view) as Entry;
  }

  go(view: View): void {
    this.#view = view;
  }

  /** Ctrl or Cmd with a digit goes to the view at that place. Tells whether it did. */
  press(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): boolean {
    if (event.ctrlKey === event.metaKey || event.altKey || event.shiftKey) return false;
    const entry = /^[1-9]$/.test(event.key) ? entries[Number(event.key) - 1] : undefined;
    if (entry) this.go(entry.view);
    return entry !== undefined;
  }
}
