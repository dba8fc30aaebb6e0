import { overwriteGetLocale } from "$shared/messages/runtime.js";
import { beforeEach, expect, test } from "vitest";
import { accelerationName, isGuestStep, stepName } from "./machine-text";

beforeEach(() => overwriteGetLocale(() => "en"));

const step = (name: string) => ({ name, state: "done" as const, millis: 1, error: null });

test("steps of host and guest have a name for people", () => {
  expect(stepName(step("kernel"))).toBe("Boot the kernel");
  expect(stepName(step("guest-modules"))).toBe("Kernel modules");
  expect(stepName(step("disk"))).not.toBe(stepName(step("guest-disk")));
  expect([step("disk"), step("guest-disk")].map(isGuestStep)).toEqual([false, true]);
});

test("what a newer host names is shown as it came", () => {
  expect(stepName(step("guest-balloon"))).toBe("guest-balloon");
  expect(stepName(step("toString"))).toBe("toString");
  expect(accelerationName("whp")).toBe("whp");
});
