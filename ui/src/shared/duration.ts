import { m } from "./messages/messages.js";
import { getLocale } from "./messages/runtime.js";

/** A length of time for people: `320 ms`, `1.84 s`, `2 min 5 s`. */
export function duration(millis: number): string {
  if (millis < 1000) return m.duration_millis({ value: Math.round(millis) });
  const seconds = millis / 1000;
  // 59.95 s and more would round up to 60.0 s.
  if (seconds < 59.95) {
    const digits = seconds < 9.995 ? 2 : 1;
    const value = seconds.toLocaleString(getLocale(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return m.duration_seconds({ value });
  }
  const whole = Math.round(seconds);
  return m.duration_minutes({ minutes: Math.floor(whole / 60), seconds: whole % 60 });
}
