import type { Problem } from "./bindings";

/** What a person can do about a problem, on a button. */
export interface Help {
  label: () => string;
  run: () => void;
}

/** Tells a person what failed, by a title that follows the language. */
export type Tell = (title: () => string, problem: Problem, help?: Help) => void;
