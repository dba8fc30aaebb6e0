import { expect, test } from "vitest";
import { Navigation } from "./navigation.svelte";

function key(key: string, held: Partial<KeyboardEvent> = {}) {
  return { key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held };
}

test("Ctrl or Cmd with a digit goes to that view", () => {
  const navigation = new Navigation();
  expect(navigation.press(key("2", { ctrlKey: true }))).toBe(true);
  expect(navigation.view).toBe("images");
  expect(navigation.press(key("1", { metaKey: true }))).toBe(true);
  expect(navigation.view).toBe("containers");
});

test.each([
  ["a bare digit", key("2")],
  ["a view that is not there", key("9", { ctrlKey: true })],
  ["another modifier", key("2", { ctrlKey: true, shiftKey: true })],
  ["both at once", key("2", { ctrlKey: true, metaKey: true })],
])("%s goes nowhere", (_, event) => {
  const navigation = new Navigation();
  expect(navigation.press(event)).toBe(false);
  expect(navigation.view).toBe("containers");
});

test("back leads to where it was, tab by tab is no step, and from an object to its list", () => {
  const navigation = new Navigation();
  navigation.go("machine");
  navigation.go("containers", "a", "logs");
  navigation.go("containers", "a", "stats");
  expect(navigation.route).toEqual({ view: "containers", id: "a", tab: "stats" });
  expect(navigation.press(key("ArrowLeft", { altKey: true }))).toBe(true);
  expect(navigation.route.view).toBe("machine");
  navigation.back();
  navigation.back();
  expect(navigation.route).toEqual({ view: "containers" });
});
