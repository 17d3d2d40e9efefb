// Numbers and durations for people: three significant digits, with the unit on the same line.

const whole = new Intl.NumberFormat("en-GB", {maximumFractionDigits: 0});
const short = new Intl.NumberFormat("en-GB", {notation: "compact", maximumSignificantDigits: 3});
const three = new Intl.NumberFormat("en-GB", {maximumSignificantDigits: 3});
const NONE = "–",
  GAP = "\u00a0";

/** A count in full: 12,345. */
export const count = (value) => (value == null ? NONE : whole.format(value));

/** A short count: 12.3K. */
export const compact = (value) =>
  value == null ? NONE : Math.abs(value) < 1000 ? three.format(value) : short.format(value);

/** A mean or an estimate: three digits below 1000, integers above, short from a million on. */
export const figure = (value) =>
  value == null
    ? NONE
    : Math.abs(value) < 1000
      ? three.format(value)
      : Math.abs(value) < 1e6
        ? whole.format(value)
        : short.format(value);

/** A fraction as a percentage. */
export function percent(value) {
  if (value == null) return NONE;
  const digits = Math.abs(value) < 0.0995 ? 1 : 0;
  return `${Number((value * 100).toFixed(digits))}${GAP}%`;
}

/** A probability that is not rounded to 0 or 1. */
export function probability(value) {
  if (value == null) return NONE;
  if (value > 0 && value < 0.001) return "< 0.001";
  if (value < 1 && value > 0.999) return "> 0.999";
  return value.toFixed(3);
}

/** A duration given in seconds: 19 ms, 1.24 s, 25.2 min, 3.4 h. */
export function duration(value) {
  if (value == null) return NONE;
  const size = Math.abs(value);
  if (size === 0) return `0${GAP}s`;
  if (size < 0.9995) return `${three.format(value * 1000)}${GAP}ms`;
  if (size < 99.5) return `${three.format(value)}${GAP}s`;
  if (size < 3600) return `${three.format(value / 60)}${GAP}min`;
  if (size < 48 * 3600) return `${three.format(value / 3600)}${GAP}h`;
  return `${three.format(value / 86_400)}${GAP}d`;
}

/** A duration in seconds for an axis: 100 ms, 20 s. */
export const shortDuration = (value) =>
  value < 1 ? `${three.format(value * 1000)}${GAP}ms` : `${three.format(value)}${GAP}s`;

/** A number of bytes: 1.2 MiB. */
export function bytes(value) {
  for (const [size, unit] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ]) {
    if (value >= size) return `${three.format(value / size)}${GAP}${unit}`;
  }
  return `${value}${GAP}B`;
}

/** `1 token`, `2 tokens`. */
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
