// The time range of the dashboard. The address contains it, so that it can be shared: `?range=24h` or
// `?from=UNIX&to=UNIX`.

const HOUR = 3600,
  DAY = 86_400;
const UNITS = {minute: 60, hour: HOUR, day: DAY};
const FACTORS = {minute: [1, 2, 5, 10, 15, 30], hour: [1, 2, 3, 6, 12], day: [1, 7, 14, 28]};
const MOST = 60;

/** The ranges: length in seconds, and seconds between refreshes. */
export const RANGES = {
  "15m": {text: "15 min", seconds: 900, every: 5},
  "1h": {text: "1 h", seconds: HOUR, every: 10},
  "6h": {text: "6 h", seconds: 6 * HOUR, every: 20},
  "24h": {text: "24 h", seconds: DAY, every: 30},
  "7d": {text: "7 d", seconds: 7 * DAY, every: 60},
  "30d": {text: "30 d", seconds: 30 * DAY, every: 60},
  "1y": {text: "1 y", seconds: 365 * DAY, every: 120},
};

/** Returns the range in the address: `{name}`, or `{name: "custom", from, to}`. */
export function readAddress() {
  const query = new URLSearchParams(location.search);
  const [from, to] = ["from", "to"].map((name) => Number.parseInt(query.get(name), 10));
  if (from >= 0 && to > from) return {name: "custom", from, to};
  return {name: Object.hasOwn(RANGES, query.get("range") ?? "") ? query.get("range") : "24h"};
}

/** Writes the range and the selected tokens into the address. */
export function writeAddress(choice, tokens) {
  const query = new URLSearchParams(
    choice.name === "custom" ? {from: choice.from, to: choice.to} : {range: choice.name},
  );
  if (tokens !== "all") query.set("tokens", tokens);
  history.replaceState(null, "", `?${query}`);
}

// The longest range that the server splits into minutes.
const LONGEST_OF_MINUTES = 6 * HOUR;

/**
 * Returns the query of a range at the time `now`: `{from, to, bucket}` in whole seconds. The last bucket is the
 * incomplete one that contains `now`.
 */
export function resolve(choice, now = Date.now() / 1000) {
  const length = choice.name === "custom" ? choice.to - choice.from : RANGES[choice.name].seconds;
  const bucket = length <= LONGEST_OF_MINUTES ? "minute" : length <= 8 * DAY ? "hour" : "day";
  if (choice.name === "custom") return {from: choice.from, to: choice.to, bucket};
  const to = Math.ceil(now),
    unit = UNITS[bucket];
  return {from: Math.ceil(to / unit) * unit - length, to, bucket};
}

/**
 * Returns at most about 60 intervals of a chart for a usage document, each with the buckets that start in it: `{start,
 * end, buckets}`.
 */
export function intervals({from, to, bucket, buckets}) {
  const unit = UNITS[bucket];
  const factor =
    FACTORS[bucket].find((size) => (to - from) / (size * unit) <= MOST) ?? Math.ceil((to - from) / unit / MOST);
  const size = factor * unit;
  // Intervals start at round local times; the server's days start at midnight UTC.
  const shift = bucket === "day" ? 0 : Math.round((new Date(from * 1000).getTimezoneOffset() * 60) / unit) * unit;
  const first = factor === 1 ? Math.floor(from / unit) * unit : Math.floor((from - shift) / size) * size + shift;
  const result = Array.from({length: Math.max(1, Math.ceil((to - first) / size))}, (_, index) => ({
    start: first + index * size,
    end: first + (index + 1) * size,
    buckets: [],
  }));
  for (const one of buckets) {
    const index = Math.floor((one.start - first) / size);
    result[Math.min(result.length - 1, Math.max(0, index))].buckets.push(one);
  }
  return result;
}

/** Returns every bucket of a document, also empty ones: `{start, end, buckets}` with at most one bucket. */
export function eachBucket(document) {
  const unit = UNITS[document.bucket],
    first = Math.floor(document.from / unit) * unit;
  const found = new Map(document.buckets.map((one) => [Math.floor((one.start - first) / unit), one]));
  return Array.from({length: Math.max(1, Math.ceil((document.to - first) / unit))}, (_, index) => ({
    start: first + index * unit,
    end: first + (index + 1) * unit,
    buckets: found.has(index) ? [found.get(index)] : [],
  }));
}
