import type { ContainerRow } from "$shared/bindings";
import { m } from "$shared/messages/messages.js";
import type { MenuItem } from "$shared/ui/Menu.svelte";
import { isLive, type Containers } from "./containers.svelte";

/** Where an action leads that the list cannot do itself. */
export interface Ways {
  show(row: ContainerRow, tab?: string): void;
  /** Opens a dialog that changes it. */
  edit(what: "rename" | "limits" | "commit", row: ContainerRow): void;
  /** Copies the command that makes another such one. */
  copyRun(row: ContainerRow): void;
  copy(text: string): void;
}

function page(row: ContainerRow): string | undefined {
  if (row.state !== "running") return undefined;
  return row.ports.find((port) => port.url)?.url ?? undefined;
}

/** What may be done to a container now, with the keys of lazydocker. */
export function actions(row: ContainerRow, containers: Containers, ways: Ways): readonly (MenuItem | undefined)[] {
  const url = page(row);
  const live = isLive(row);
  const item = (key: string, icon: MenuItem["icon"], label: string, run: () => void, shortcut?: string): MenuItem => {
    return { key, icon, label, run, shortcut };
  };
  const power = live
    ? [
        item("stop", "stop", m.action_stop(), () => void containers.stop(row), "s"),
        item("restart", "restart", m.action_restart(), () => void containers.restart(row), "r"),
        row.state === "paused"
          ? item("unpause", "start", m.action_unpause(), () => void containers.unpause(row), "p")
          : item("pause", "pause", m.action_pause(), () => void containers.pause(row), "p"),
        item("kill", "kill", m.action_kill(), () => void containers.kill(row)),
      ]
    : [item("start", "start", m.action_start(), () => void containers.start(row), "s")];
  const looks = [
    ...(url ? [item("open", "open", m.action_open(), () => void containers.openPage(url), "w")] : []),
    item("logs", "logs", m.action_logs(), () => ways.show(row, "logs"), "m"),
    ...(row.state === "running"
      ? [item("terminal", "terminal", m.action_terminal(), () => ways.show(row, "terminal"), "E")]
      : []),
    item("inspect", "inspect", m.action_inspect(), () => ways.show(row, "inspect"), "i"),
  ];
  const remove: MenuItem = {
    ...item("remove", "remove", m.action_remove(), () => void containers.remove(row), "d"),
    tone: "danger",
  };
  const edits = [
    item("rename", "edit", m.action_rename(), () => ways.edit("rename", row)),
    item("limits", "limits", m.action_limits(), () => ways.edit("limits", row)),
    item("commit", "image", m.action_commit(), () => ways.edit("commit", row)),
    item("copy-run", "copy", m.action_copy_run(), () => ways.copyRun(row)),
    item("copy-id", "copy", m.action_copy_id(), () => ways.copy(row.id)),
  ];
  return [...power, undefined, ...looks, undefined, ...edits, undefined, remove];
}

/** Does what a key means for a container; tells whether it means something. */
export function press(key: string, row: ContainerRow, containers: Containers, ways: Ways): boolean {
  const found = actions(row, containers, ways).find((action) => action?.shortcut === key);
  found?.run();
  return found !== undefined;
}
