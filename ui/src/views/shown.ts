import type { Outcome } from "$shared/outcome";
import axe from "axe-core";
import { flushSync, unmount } from "svelte";
import { afterEach, beforeEach, vi } from "vitest";

// For tests that have axe look at a part. It looks at everything with every rule: seconds on a machine that does something
// else too.
vi.setConfig({ testTimeout: 60_000 });

export const ok = <T>(data: T): Outcome<T> => ({ status: "ok", data });
export const never = new Promise<Outcome<null>>(() => undefined);
let mounted: Record<string, unknown> | undefined;

beforeEach(() => {
  // What jsdom has no layout and no top layer for.
  vi.spyOn(Element.prototype, "clientHeight", "get").mockReturnValue(600);
  vi.spyOn(Element.prototype, "clientWidth", "get").mockReturnValue(900);
  HTMLDialogElement.prototype.showModal = function () {
    this.open = true;
  };
  HTMLDialogElement.prototype.close = function () {
    this.open = false;
  };
});

afterEach(hide);

/** Takes away what is shown. */
export async function hide(): Promise<void> {
  if (mounted) await unmount(mounted);
  mounted = undefined;
}

export function show(draw: (target: HTMLElement) => Record<string, unknown>): void {
  mounted = draw(document.body);
  flushSync();
}

/** What axe finds wrong. Contrast is measured in tokens.test.ts: here nothing is drawn. */
export async function wrong(): Promise<string[]> {
  const rules = { "color-contrast": { enabled: false }, region: { enabled: false } };
  const { violations } = await axe.run(document.body, { rules });
  return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}
