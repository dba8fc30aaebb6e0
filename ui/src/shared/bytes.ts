import { m } from "./messages/messages.js";
import { getLocale } from "./messages/runtime.js";

const units = [m.bytes_unit_b, m.bytes_unit_kb, m.bytes_unit_mb, m.bytes_unit_gb, m.bytes_unit_tb];

/** A size for people, in units of 1024 and three digits: `512 B`, `1.21 MB`, `48.2 GB`. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  // 999.5 and more would be written with four digits.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  const text = value.toLocaleString(getLocale(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (units[unit] ?? m.bytes_unit_b)({ value: text });
}

/** A share for people: `0.4%`, `12%`, `203%`. */
export function percent(share: number): string {
  const digits = share < 9.95 ? 1 : 0;
  return `${share.toLocaleString(getLocale(), { minimumFractionDigits: digits, maximumFractionDigits: digits })}%`;
}
