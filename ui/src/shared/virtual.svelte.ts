import {
  elementScroll,
  measureElement,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualItem,
} from "@tanstack/virtual-core";

interface Options {
  count: number;
  /** The height of a row before it was measured, pixels. */
  height: number;
  key: (index: number) => string | number;
}

/** The rows of a long list that are in sight. Its box is the scrolling element. */
export class VirtualRows {
  #items = $state.raw<readonly VirtualItem[]>([]);
  #total = $state(0);
  #box: HTMLElement | undefined;
  readonly #virtualizer: Virtualizer<HTMLElement, HTMLElement>;
  #options: Options = { count: 0, height: 40, key: (index) => index };

  constructor() {
    this.#virtualizer = new Virtualizer<HTMLElement, HTMLElement>(this.#all());
  }

  get items(): readonly VirtualItem[] {
    return this.#items;
  }

  /** The height of all rows, pixels. */
  get total(): number {
    return this.#total;
  }

  /** Takes over what the list is now; to be called from an effect. */
  set(options: Options): void {
    this.#options = options;
    this.#virtualizer.setOptions(this.#all());
    this.#virtualizer._willUpdate();
    this.#draw();
  }

  /** For `{@attach}` on the scrolling element. */
  readonly box = (element: HTMLElement): (() => void) => {
    this.#box = element;
    const unmount = this.#virtualizer._didMount();
    this.#virtualizer._willUpdate();
    this.#draw();
    return () => {
      unmount();
      this.#box = undefined;
    };
  };

  /** For `{@attach}` on a row whose height is its own; it carries `data-index`. */
  readonly row = (element: HTMLElement): void => {
    this.#virtualizer.measureElement(element);
  };

  show(index: number, align: "auto" | "start" | "center" | "end" = "auto"): void {
    if (index >= 0 && index < this.#options.count) this.#virtualizer.scrollToIndex(index, { align });
  }

  /** Forgets measured heights: they are others now. */
  measure(): void {
    this.#virtualizer.measure();
  }

  #draw(): void {
    this.#items = this.#virtualizer.getVirtualItems();
    this.#total = this.#virtualizer.getTotalSize();
  }

  #all() {
    return {
      count: this.#options.count,
      estimateSize: () => this.#options.height,
      getItemKey: this.#options.key,
      getScrollElement: () => this.#box ?? null,
      observeElementRect,
      observeElementOffset,
      measureElement,
      scrollToFn: elementScroll,
      overscan: 8,
      onChange: () => this.#draw(),
    };
  }
}
