import type { ContainerLink } from "$domain/containers/containers.svelte";
import { commands } from "$shared/bindings";
import { settle } from "$shared/outcome";
import { Channel } from "@tauri-apps/api/core";
import { onEngineChanged } from "./events";
import { follow } from "./streams";

/** The real containers. */
export const containerLink: ContainerLink = {
  list: () => settle(commands.listContainers()),
  start: (id) => settle(commands.startContainer(id)),
  stop: (id) => settle(commands.stopContainer(id)),
  restart: (id) => settle(commands.restartContainer(id)),
  pause: (id) => settle(commands.pauseContainer(id)),
  unpause: (id) => settle(commands.unpauseContainer(id)),
  kill: (id) => settle(commands.killContainer(id)),
  remove: (id, force) => settle(commands.removeContainer(id, force)),
  runWelcome: (onStage) => settle(commands.runWelcome(new Channel(onStage))),
  openPage: (url) => settle(commands.openPage(url)),
  usage: (id, hear) => follow((stream) => commands.followUsage(stream, id, new Channel(hear))),
  onChanged: (hear) => onEngineChanged("container", hear),
};
