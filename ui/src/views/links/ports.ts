import type { PortLink } from "$domain/ports/ports.svelte";
import { commands } from "$shared/bindings";
import { settle } from "$shared/outcome";
import { Channel } from "@tauri-apps/api/core";
import { follow } from "./streams";

/** The real ports, as berthd publishes them. */
export const portLink: PortLink = {
  follow: (hear) => follow((stream) => commands.followPorts(stream, new Channel(hear))),
  share: (port, on) => settle(commands.sharePort(port, on)),
  openPage: (url) => settle(commands.openPage(url)),
};
