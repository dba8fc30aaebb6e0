import { expect, test } from "vitest";
import { settle } from "./outcome";

test("a problem of the host passes unchanged", async () => {
  const error = { code: "port-in-use", message: "taken", hint: "free it" };
  expect(await settle(Promise.resolve({ status: "error", error }))).toEqual({ status: "error", error });
});

test("bare text and thrown errors become problems too", async () => {
  const refused = { status: "error" as const, error: { code: "io", message: "not allowed", hint: null } };
  expect(await settle(Promise.resolve({ status: "error", error: "not allowed" }))).toEqual(refused);
  expect(await settle(Promise.reject(new Error("not allowed")))).toEqual(refused);
});
