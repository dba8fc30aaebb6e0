import type { ImageRow } from "$shared/bindings";
import { m } from "$shared/messages/messages.js";
import type { MenuItem } from "$shared/ui/Menu.svelte";
import { nameOf, NONE } from "./image-text";
import type { Images } from "./images.svelte";

/** Where an action leads that the list cannot do itself. */
export interface ImageSteps {
  show(row: ImageRow): void;
  /** Opens the dialog that runs a container. */
  run(row: ImageRow): void;
  copy(text: string): void;
}

/** What may be done to an image. */
export function imageActions(row: ImageRow, images: Images, steps: ImageSteps): readonly (MenuItem | undefined)[] {
  const named: MenuItem[] =
    row.tag === NONE
      ? []
      : [{ key: "copy-name", icon: "copy", label: m.image_copy_name(), run: () => steps.copy(nameOf(row)) }];
  return [
    { key: "run", icon: "start", label: m.image_run(), shortcut: "r", run: () => steps.run(row) },
    { key: "tag", icon: "tag", label: m.image_tag(), shortcut: "t", run: () => images.ask({ ask: "tag", row }) },
    undefined,
    ...named,
    { key: "copy-id", icon: "copy", label: m.image_copy_id(), run: () => steps.copy(row.id) },
    undefined,
    {
      key: "remove",
      icon: "remove",
      label: m.action_remove(),
      shortcut: "d",
      tone: "danger",
      run: () => void images.remove(row),
    },
  ];
}
