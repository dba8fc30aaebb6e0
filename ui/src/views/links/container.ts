import type { DetailLink } from "$domain/container/detail.svelte";
import type { EditLink } from "$domain/container/edits.svelte";
import type { LogLink } from "$domain/logs/log-book.svelte";
import { commands } from "$shared/bindings";
import { settle } from "$shared/outcome";
import { Channel } from "@tauri-apps/api/core";
import { follow } from "./streams";

/** The one container that is open. */
export const detailLink: DetailLink = {
  inspect: (id) => settle(commands.inspectContainer(id)),
};

export const editLink: EditLink = {
  rename: (id, name) => settle(commands.renameContainer(id, name)),
  update: (id, limits, restart) => settle(commands.updateContainer(id, limits, restart)),
  commit: (id, reference, message) => settle(commands.commitContainer(id, reference, message)),
};

export const logLink: LogLink = (id, tail, hear) =>
  follow((stream) => commands.followLogs(stream, id, tail, new Channel(hear)));
