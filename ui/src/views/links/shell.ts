import { commands } from "$shared/bindings";
import type { Language } from "$shared/language.svelte";

/** Has the tray speak the language of the window. */
export function speak(language: Language): void {
  void commands.speak(language);
}

/** Puts a text where the desktop pastes from. */
export function copy(text: string): Promise<void> {
  return navigator.clipboard.writeText(text);
}
