import type { Outcome } from "./outcome";

/** Something that streams in: when it has ended, and the way to end it earlier. */
export interface Follow {
  ended: Promise<Outcome<null>>;
  end(): void;
}
