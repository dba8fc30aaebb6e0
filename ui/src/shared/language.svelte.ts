import { overwriteGetLocale } from "./messages/runtime.js";

export const languages = ["en", "ko"] as const;
export type Language = (typeof languages)[number];

/** Each language by its own name. */
export const languageNames: Record<Language, string> = { en: "English", ko: "한국어" };

const KEY = "berth.language";

/** The first of the system's languages that the window speaks; English when it speaks none. */
export function preferred(system: readonly string[]): Language {
  for (const tag of system) {
    const primary = tag.toLowerCase().split("-")[0];
    const spoken = languages.find((language) => language === primary);
    if (spoken) return spoken;
  }
  return "en";
}

function stored(): Language | undefined {
  return languages.find((language) => language === localStorage.getItem(KEY));
}

/** The language of the window. Follows the system until a person chooses. */
export class LanguageChoice {
  #current = $state<Language>("en");

  constructor(system: readonly string[] = navigator.languages) {
    this.#current = stored() ?? preferred(system);
    // Every message reads the rune, so what is on screen changes with it.
    overwriteGetLocale(() => this.#current);
    this.#apply();
  }

  get current(): Language {
    return this.#current;
  }

  choose(language: Language): void {
    this.#current = language;
    localStorage.setItem(KEY, language);
    this.#apply();
  }

  #apply(): void {
    document.documentElement.lang = this.#current;
  }
}
