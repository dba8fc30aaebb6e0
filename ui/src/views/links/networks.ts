import type { NetworkLink } from "$domain/networks/networks.svelte";
import { commands } from "$shared/bindings";
import { settle } from "$shared/outcome";
import { onEngineChanged } from "./events";

/** The real networks. */
export const networkLink: NetworkLink = {
  list: () => settle(commands.listNetworks()),
  create: (form) => settle(commands.createNetwork(form)),
  remove: (id) => settle(commands.removeNetwork(id)),
  prune: () => settle(commands.pruneNetworks()),
  connect: (id, container) => settle(commands.connectNetwork(id, container)),
  disconnect: (id, container) => settle(commands.disconnectNetwork(id, container)),
  onChanged: (hear) => Promise.all([onEngineChanged("network", hear), onEngineChanged("container", hear)]),
};
