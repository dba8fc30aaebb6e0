import { beforeEach, expect, test, vi } from "vitest";
import { ThemeChoice } from "./theme.svelte";

const system = new EventTarget() as EventTarget & { matches: boolean };

beforeEach(() => {
  localStorage.clear();
  system.matches = false;
  vi.stubGlobal("matchMedia", () => system);
});

function shown() {
  return document.documentElement.dataset.theme;
}

test("the window follows the desktop, also when that changes", () => {
  new ThemeChoice();
  expect(shown()).toBe("light");
  system.matches = true;
  system.dispatchEvent(new Event("change"));
  expect(shown()).toBe("dark");
});

test("a choice stands against the desktop and outlives the window", () => {
  new ThemeChoice().choose("dark");
  expect(shown()).toBe("dark");
  const again = new ThemeChoice();
  expect(again.current).toBe("dark");
  again.choose("system");
  expect(shown()).toBe("light");
});
