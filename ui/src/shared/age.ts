import { getLocale } from "./messages/runtime.js";

const units = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;

/** How long ago for people, of seconds since the Unix epoch: `3 days ago`, `now`. Before 1971 nobody built an image. */
export function age(seconds: number, now = Date.now() / 1000): string {
  if (seconds < 31_536_000) return "";
  const format = new Intl.RelativeTimeFormat(getLocale(), { numeric: "auto" });
  const past = Math.max(0, now - seconds);
  const [unit, length] = units.find(([, length]) => past >= length) ?? ["second", Infinity];
  return format.format(-Math.floor(past / length) || 0, unit);
}
