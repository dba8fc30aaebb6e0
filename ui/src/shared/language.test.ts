import { beforeEach, expect, test } from "vitest";
import { LanguageChoice, preferred } from "./language.svelte";
import { m } from "./messages/messages.js";

beforeEach(() => localStorage.clear());

test("the system's first language that the window speaks wins", () => {
  expect(preferred(["ko-KR", "en-US"])).toBe("ko");
  expect(preferred(["de-DE", "ko"])).toBe("ko");
  expect(preferred(["en-GB", "ko"])).toBe("en");
  expect(preferred(["kok-IN", "C"])).toBe("en");
  expect(preferred([])).toBe("en");
});

test("a choice changes every text, is told to screen readers and outlives the window", () => {
  const language = new LanguageChoice(["en"]);
  expect(m.nav_containers()).toBe("Containers");
  language.choose("ko");
  expect(m.nav_containers()).toBe("컨테이너");
  expect(document.documentElement.lang).toBe("ko");
  expect(new LanguageChoice(["en"]).current).toBe("ko");
});

test("nonsense in the store is not a language", () => {
  localStorage.setItem("berth.language", "xx");
  expect(new LanguageChoice(["ko"]).current).toBe("ko");
});
