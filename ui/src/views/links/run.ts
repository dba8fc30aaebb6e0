import type { RunLink } from "$domain/run/run.svelte";
import { commands } from "$shared/bindings";
import { settle } from "$shared/outcome";
import { Channel } from "@tauri-apps/api/core";

/** Running real containers. */
export const runLink: RunLink = {
  images: () => settle(commands.listImages()),
  portUse: (port, udp) => settle(commands.portUse(port, udp)),
  run: (form, onProgress) => settle(commands.runContainer(form, new Channel(onProgress))),
};
