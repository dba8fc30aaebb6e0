import type { ImageRow } from "$shared/bindings";

/** What docker shows for an image without a name. */
export const NONE = "<none>";

/** Tells the lines of the list apart. */
export function keyOf(row: ImageRow): string {
  return `${row.id} ${row.repository}:${row.tag}`;
}

/** As docker abbreviates an id. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

/** What a person calls it: its name, or its short id without one. */
export function nameOf(row: ImageRow): string {
  return row.tag === NONE ? shortId(row.id) : `${row.repository}:${row.tag}`;
}

/** What the engine is asked with. */
export function reference(row: ImageRow): string {
  return row.tag === NONE ? row.id : `${row.repository}:${row.tag}`;
}
