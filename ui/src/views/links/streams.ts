import { commands } from "$shared/bindings";
import { settle, type Outcome } from "$shared/outcome";
import type { Reply } from "$shared/outcome";
import type { Follow } from "$shared/follow";

let next = 1;

/** Opens a stream under a number of its own; it ends by itself or when it is told to. */
export function follow(open: (stream: number) => Reply<null>): Follow {
  const stream = next++;
  const ended: Promise<Outcome<null>> = settle(open(stream));
  return { ended, end: () => void commands.endStream(stream) };
}
