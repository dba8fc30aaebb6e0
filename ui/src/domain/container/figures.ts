import type { Usage } from "$shared/bindings";

/** A look at a container; `at` is milliseconds since the Unix epoch. */
type Look = Usage & { at: number };
type Counted = "received" | "sent" | "read" | "written";

/** What charts draw: a value for each moment, rates as bytes a second. */
export interface Figures {
  /** Seconds since the Unix epoch. */
  times: number[];
  cpu: number[];
  memory: number[];
  received: (number | null)[];
  sent: (number | null)[];
  read: (number | null)[];
  written: (number | null)[];
  waitCpu: number[];
  waitMemory: number[];
  waitIo: number[];
  last: Look;
  /** The newest rates. */
  rates: Record<Counted, number>;
}

/** Looks further apart than this, milliseconds, have a gap between them: nobody looked, or it did not run. */
const GAP = 5000;

/** What was counted between two looks, a second; a container that was started anew counts from nothing. */
function rate(looks: readonly Look[], field: Counted): (number | null)[] {
  return looks.map((look, index) => {
    const before = looks[index - 1];
    if (!before || look.at - before.at > GAP || look.at <= before.at || look[field] < before[field]) return null;
    return ((look[field] - before[field]) * 1000) / (look.at - before.at);
  });
}

/** From at least one look, oldest first. */
export function figures(looks: readonly Look[]): Figures {
  const rates = {
    received: rate(looks, "received"),
    sent: rate(looks, "sent"),
    read: rate(looks, "read"),
    written: rate(looks, "written"),
  };
  const newest = (field: Counted) => rates[field].at(-1) ?? 0;
  return {
    times: looks.map((look) => look.at / 1000),
    cpu: looks.map((look) => look.cpu),
    memory: looks.map((look) => look.memory),
    ...rates,
    waitCpu: looks.map((look) => look.pressure.cpu),
    waitMemory: looks.map((look) => look.pressure.memory),
    waitIo: looks.map((look) => look.pressure.io),
    last: looks.at(-1) as Look,
    rates: { received: newest("received"), sent: newest("sent"), read: newest("read"), written: newest("written") },
  };
}
