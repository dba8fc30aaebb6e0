import type { MachineLink } from "$domain/machine/machine.svelte";
import { commands, events } from "$shared/bindings";
import { settle } from "$shared/outcome";

/** The real machine, through the program around this page. */
export const machineLink: MachineLink = {
  connect: () => settle(commands.connect()),
  status: () => settle(commands.machineStatus()),
  start: () => settle(commands.startMachine()),
  stop: () => settle(commands.stopMachine()),
  onChanged: (hear) => events.machineChanged.listen((event) => hear(event.payload)),
  onLost: (hear) => events.machineLost.listen((event) => hear(event.payload)),
};
