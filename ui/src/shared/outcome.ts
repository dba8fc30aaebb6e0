import type { Problem } from "./bindings";

/** What a command came to. A command never throws: its failure is a value that someone has to look at. */
export type Outcome<T> = { status: "ok"; data: T } | { status: "error"; error: Problem };

/** What a generated command really gives: besides problems, Tauri itself rejects with bare text. */
export type Reply<T> = Promise<{ status: "ok"; data: T } | { status: "error"; error: unknown }>;

export async function settle<T>(reply: Reply<T>): Promise<Outcome<T>> {
  try {
    const outcome = await reply;
    return outcome.status === "ok" ? outcome : { status: "error", error: asProblem(outcome.error) };
  } catch (thrown) {
    return { status: "error", error: asProblem(thrown) };
  }
}

function asProblem(error: unknown): Problem {
  if (typeof error === "object" && error !== null && "code" in error && "message" in error) return error as Problem;
  return { code: "io", message: error instanceof Error ? error.message : String(error), hint: null };
}
