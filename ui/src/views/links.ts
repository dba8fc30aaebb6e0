import { commands, events } from "$shared/bindings";
import { settle } from "$shared/outcome";
import type { ContainerLink } from "$domain/containers/containers.svelte";
import type { MachineLink } from "$domain/machine/machine.svelte";
import { Channel } from "@tauri-apps/api/core";

/** The real machine and the real containers, through the program around this page. */
export const machineLink: MachineLink = {
  connect: () => settle(commands.connect()),
  status: () => settle(commands.machineStatus()),
  start: () => settle(commands.startMachine()),
  stop: () => settle(commands.stopMachine()),
  onChanged: (hear) => events.machineChanged.listen((event) => hear(event.payload)),
  onLost: (hear) => events.machineLost.listen((event) => hear(event.payload)),
};

export const containerLink: ContainerLink = {
  list: () => settle(commands.listContainers()),
  start: (id) => settle(commands.startContainer(id)),
  stop: (id) => settle(commands.stopContainer(id)),
  remove: (id, force) => settle(commands.removeContainer(id, force)),
  runWelcome: (onStage) => settle(commands.runWelcome(new Channel(onStage))),
  openPage: (url) => settle(commands.openPage(url)),
  onChanged: (hear) => events.containersChanged.listen(() => hear()),
};
