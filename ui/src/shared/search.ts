import type { Sort } from "./ui/DataTable.svelte";

/** The words of a query, in lower case. */
export function words(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

/** Whether every word of a query is somewhere in the texts. */
export function fits(query: string, texts: readonly string[]): boolean {
  const text = texts.join(" ").toLowerCase();
  return words(query).every((word) => text.includes(word));
}

/** Rows in the order of a value: numbers by size, texts as a person counts. Without a sort they stay as they are. */
export function ordered<T>(
  rows: readonly T[],
  sort: Sort | undefined,
  value: (row: T, key: string) => string | number,
): readonly T[] {
  if (!sort) return rows;
  const compare = (a: T, b: T) => {
    const [left, right] = [value(a, sort.key), value(b, sort.key)];
    if (typeof left === "number" && typeof right === "number") return left - right;
    return String(left).localeCompare(String(right), undefined, { numeric: true });
  };
  return [...rows].sort((a, b) => (sort.down ? -compare(a, b) : compare(a, b)));
}
