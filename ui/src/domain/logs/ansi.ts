/** A stretch of text in one look. */
export interface Stretch {
  text: string;
  /** Classes: `fg-1`, `bg-12`, `bold`, `dim`, `italic`, `underline`. */
  classes: string;
}

interface Look {
  fg: number | undefined;
  bg: number | undefined;
  inverse: boolean;
  marks: Set<string>;
}

// Colours and looks (SGR), other control sequences (CSI), titles and links (OSC), and single escapes.
// eslint-disable-next-line no-control-regex
const ESCAPE = /\x1b\[([\d;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;
// Other bytes without a picture; a tab has its width.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;

const on: Record<number, string> = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strike" };

/** What a line says, without its looks: for finding and copying. */
export function plain(line: string): string {
  return line.includes("\x1b") ? line.replace(ESCAPE, "").replace(CONTROL, "") : line.replace(CONTROL, "");
}

/** The cube and the greys of 256 colours are taken to the nearest of the 16 that have a contrast of their own. */
function nearest(index: number): number {
  if (index < 16) return index;
  if (index >= 232) return index < 238 ? 8 : index < 247 ? 7 : 15;
  const [red, green, blue] = [Math.floor((index - 16) / 36), Math.floor((index - 16) / 6) % 6, (index - 16) % 6];
  return fromRgb(red * 51, green * 51, blue * 51);
}

function fromRgb(red: number, green: number, blue: number): number {
  const most = Math.max(red, green, blue);
  if (most < 64) return 8;
  const bit = (value: number, weight: number) => (value > most / 2 ? weight : 0);
  const hue = bit(red, 1) + bit(green, 2) + bit(blue, 4);
  return most > 192 ? hue + 8 : hue;
}

/** The colour after 38 or 48, and how many codes it took. */
function extended(codes: readonly number[], at: number): [number | undefined, number] {
  if (codes[at + 1] === 5) return [nearest(codes[at + 2] ?? 0), 2];
  if (codes[at + 1] === 2) return [fromRgb(codes[at + 2] ?? 0, codes[at + 3] ?? 0, codes[at + 4] ?? 0), 4];
  return [undefined, 0];
}

function apply(look: Look, codes: readonly number[]): void {
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    const mark = on[code];
    if (code === 0) Object.assign(look, { fg: undefined, bg: undefined, inverse: false, marks: new Set<string>() });
    else if (mark) look.marks.add(mark);
    else if (code === 22) ["bold", "dim"].forEach((name) => look.marks.delete(name));
    else if (code >= 23 && code <= 29 && code !== 27) look.marks.delete(on[code - 20] ?? "");
    else if (code === 7 || code === 27) look.inverse = code === 7;
    else if (code >= 30 && code <= 37) look.fg = code - 30;
    else if (code >= 90 && code <= 97) look.fg = code - 82;
    else if (code === 39) look.fg = undefined;
    else if (code >= 40 && code <= 47) look.bg = code - 40;
    else if (code >= 100 && code <= 107) look.bg = code - 92;
    else if (code === 49) look.bg = undefined;
    else if (code === 38 || code === 48) {
      const [color, took] = extended(codes, at);
      look[code === 38 ? "fg" : "bg"] = color;
      at += took;
    }
  }
}

function classes(look: Look): string {
  const [fg, bg] = look.inverse ? [look.bg ?? "canvas", look.fg ?? "text"] : [look.fg, look.bg];
  const names = [...look.marks];
  if (fg !== undefined) names.push(`fg-${fg}`);
  if (bg !== undefined) names.push(`bg-${bg}`);
  return names.join(" ");
}

/** A line in the looks that its control sequences ask for; everything else they ask for is ignored. */
export function stretches(line: string): Stretch[] {
  if (!line.includes("\x1b")) return [{ text: line.replace(CONTROL, ""), classes: "" }];
  const look: Look = { fg: undefined, bg: undefined, inverse: false, marks: new Set() };
  const found: Stretch[] = [];
  const add = (text: string) => {
    const clean = text.replace(CONTROL, "");
    if (clean) found.push({ text: clean, classes: classes(look) });
  };
  let from = 0;
  for (const match of line.matchAll(ESCAPE)) {
    add(line.slice(from, match.index));
    from = match.index + match[0].length;
    const codes = match[1];
    if (codes !== undefined) apply(look, codes.split(/[;:]/).map(Number));
  }
  add(line.slice(from));
  return found;
}
