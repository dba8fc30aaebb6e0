import type { DetailLink } from "$domain/container/detail.svelte";
import type { LogLink } from "$domain/logs/log-book.svelte";
import { commands } from "$shared/bindings";
import { settle } from "$shared/outcome";
import { Channel } from "@tauri-apps/api/core";
import { follow } from "./streams";

/** The one container that is open. */
export const detailLink: DetailLink = {
  inspect: (id) => settle(commands.inspectContainer(id)),
};

export const logLink: LogLink = (id, tail, hear) =>
  follow((stream) => commands.followLogs(stream, id, tail, new Channel(hear)));
