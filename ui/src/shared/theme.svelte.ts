export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const KEY = "berth.theme";

/** The look of the window. "system" follows the desktop while the window is open. */
export class ThemeChoice {
  #current = $state<Theme>("system");
  readonly #systemDark = window.matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    this.#current = themes.find((theme) => theme === localStorage.getItem(KEY)) ?? "system";
    this.#systemDark.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  get current(): Theme {
    return this.#current;
  }

  choose(theme: Theme): void {
    this.#current = theme;
    localStorage.setItem(KEY, theme);
    this.#apply();
  }

  #apply(): void {
    const dark = this.#current === "system" ? this.#systemDark.matches : this.#current === "dark";
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }
}
