import type { ImageDetailLink } from "$domain/images/image-detail.svelte";
import type { ImageLink } from "$domain/images/images.svelte";
import type { PullLink } from "$domain/images/pulls.svelte";
import { commands } from "$shared/bindings";
import { settle } from "$shared/outcome";
import { Channel } from "@tauri-apps/api/core";
import { onEngineChanged } from "./events";
import { follow } from "./streams";

/** The real images. */
export const imageLink: ImageLink = {
  list: () => settle(commands.listImages()),
  users: () => settle(commands.imageUsers()),
  tag: (image, name) => settle(commands.tagImage(image, name)),
  remove: (name, force) => settle(commands.removeImage(name, force)),
  prune: (all) => settle(commands.pruneImages(all)),
  onChanged: (hear) => Promise.all([onEngineChanged("image", hear), onEngineChanged("container", hear)]),
};

export const imageDetailLink: ImageDetailLink = {
  explore: (id) => settle(commands.exploreImage(id)),
  history: (id) => settle(commands.imageHistory(id)),
};

export const pullLink: PullLink = (reference, hear) =>
  follow((stream) => commands.pullImage(stream, reference, new Channel(hear)));
