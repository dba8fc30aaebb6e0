/** The most points that are drawn of one line; more than a screen has columns say nothing. */
const POINTS = 360;

/** Takes the highest value of each stretch, so that a peak is not lost. */
export function thin(values: readonly (number | null)[], points = POINTS): (number | null)[] {
  const stretch = Math.ceil(values.length / points);
  if (stretch <= 1) return [...values];
  return Array.from({ length: Math.ceil(values.length / stretch) }, (_, at) => {
    const part = values.slice(at * stretch, (at + 1) * stretch).filter((value) => value !== null);
    return part.length > 0 ? Math.max(...part) : null;
  });
}

/** A round number at or above a value, so that an axis does not move with every sample: 1, 2 or 5 times a power. */
export function ceiling(value: number, base: 10 | 1024 = 10): number {
  if (value <= 0) return 1;
  const unit = base ** Math.floor(Math.log(value) / Math.log(base) + 1e-9);
  const steps = base === 10 ? [1, 2, 5, 10] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
  return unit * (steps.find((step) => unit * step >= value) ?? base);
}

/** An SVG path over a box of `width` and `height`, from 0 at its bottom to `most` at its top; gaps stay open. */
export function path(values: readonly (number | null)[], most: number, width: number, height: number): string {
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  let drawn = "";
  let open = false;
  values.forEach((value, at) => {
    if (value === null) {
      open = false;
      return;
    }
    const y = height - Math.min(1, value / most) * height;
    drawn += `${open ? "L" : "M"}${(at * step).toFixed(1)} ${y.toFixed(1)}`;
    open = true;
  });
  return drawn;
}
