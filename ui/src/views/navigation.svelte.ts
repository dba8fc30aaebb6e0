/** The views that work, in the order of the navigation. One joins in the commit in which it works. */
export const views = ["containers", "images", "networks", "ports", "machine", "settings"] as const;
export type View = (typeof views)[number];

/** Where the window is: a view, or one object of it. */
export interface Route {
  view: View;
  id?: string | undefined;
  tab?: string | undefined;
}

type Key = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** How many steps back are kept. */
const LIMIT = 50;

export class Navigation {
  #route = $state.raw<Route>({ view: "containers" });
  #before: Route[] = [];

  get route(): Route {
    return this.#route;
  }

  get view(): View {
    return this.#route.view;
  }

  /** To a view, or to one object of it. */
  go(view: View, id?: string, tab?: string): void {
    const { view: from, id: of } = this.#route;
    // Another tab of the same object is no step.
    if (from !== view || of !== id) this.#before = [...this.#before, this.#route].slice(-LIMIT);
    this.#route = { view, id, tab };
  }

  /** To where it was before, or from an object to its view. */
  back(): void {
    const before = this.#before.at(-1);
    this.#before = this.#before.slice(0, -1);
    this.#route = before ?? { view: this.#route.view };
  }

  /** Ctrl or Cmd with a digit goes to the view at that place, Alt with the left arrow back. Tells whether it did. */
  press(event: Key): boolean {
    if (event.altKey && event.key === "ArrowLeft" && !event.ctrlKey && !event.metaKey) {
      this.back();
      return true;
    }
    if (event.ctrlKey === event.metaKey || event.altKey || event.shiftKey) return false;
    const view = /^[1-8]$/.test(event.key) ? views[Number(event.key) - 1] : undefined;
    if (view) this.go(view);
    return view !== undefined;
  }
}
