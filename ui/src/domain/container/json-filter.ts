import type { Json } from "./detail.svelte";

/** Whether a key, its value or something in it has the filter. */
export function fits(key: string, value: Json, filter: string): boolean {
  if (!filter || key.toLowerCase().includes(filter)) return true;
  if (typeof value !== "object" || value === null) return String(value).toLowerCase().includes(filter);
  return Object.entries(value).some(([name, one]) => fits(name, one as Json, filter));
}
