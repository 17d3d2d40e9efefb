// Axes: ticks at round numbers and at round local times.

/**
 * Returns about `wanted` round numbers from 0 to at least `max`, 1, 2 or 5 times a power of ten apart; integers with
 * `isWhole`.
 */
export function ticks(max, wanted, isWhole = false) {
  if (!(max > 0)) return [0, 1];
  const rough = max / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999);
  if (isWhole) step = Math.max(1, step);
  const last = Math.ceil(max / step - 1e-9);
  return Array.from({length: last + 1}, (_, index) => Number((index * step).toPrecision(12)));
}

/**
 * Returns ticks of a logarithmic axis around `min` to `max`: powers of ten, with 2 and 5 between them if there are few.
 */
export function logTicks(min, max) {
  if (!(max > 0)) return [0.1, 1];
  const first = Math.floor(Math.log10(min) + 1e-9),
    last = Math.max(first + 1, Math.ceil(Math.log10(max) - 1e-9));
  const factors = last - first < 3 ? [1, 2, 5] : [1];
  const all = Array.from({length: last - first + 1}, (_, index) =>
    factors.map((factor) => Number((factor * 10 ** (first + index)).toPrecision(3))),
  ).flat();
  const from = all.findLastIndex((value) => value <= min * 1.001),
    to = all.findIndex((value) => value >= max * 0.999);
  return all.slice(from, Math.max(to, from + 1) + 1);
}

const MINUTE = 60,
  HOUR = 3600,
  DAY = 86_400;
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((size) => ({unit: "minute", size, seconds: size * MINUTE})),
  ...[1, 2, 3, 6, 12].map((size) => ({unit: "hour", size, seconds: size * HOUR})),
  ...[1, 2, 7, 14].map((size) => ({unit: "day", size, seconds: size * DAY})),
  ...[1, 2, 3, 6, 12].map((size) => ({unit: "month", size, seconds: size * 30.4 * DAY})),
];

/**
 * Returns at most about `wanted` round local times between two Unix times in seconds, with their labels: `{at, text}`.
 */
export function timeTicks(from, to, wanted) {
  const step = STEPS.find(({seconds}) => (to - from) / seconds <= wanted) ?? STEPS.at(-1);
  const result = [];
  const time = new Date(from * 1000);
  time.setSeconds(0, 0);
  if (step.unit === "minute") time.setMinutes(Math.floor(time.getMinutes() / step.size) * step.size);
  else time.setMinutes(0);
  if (step.unit === "hour") time.setHours(Math.floor(time.getHours() / step.size) * step.size);
  if (step.unit === "day" || step.unit === "month") time.setHours(0);
  if (step.unit === "day" && step.size >= 7) time.setDate(time.getDate() - ((time.getDay() + 6) % 7));
  if (step.unit === "month") time.setMonth(Math.floor(time.getMonth() / step.size) * step.size, 1);
  while (time.getTime() / 1000 <= to) {
    const at = time.getTime() / 1000;
    if (at >= from) result.push({at, text: tickText(time, step.unit)});
    // Local calendar steps, so that ticks stay at round hours when the clocks change.
    if (step.unit === "minute") time.setTime(time.getTime() + step.size * 60_000);
    else if (step.unit === "hour") time.setHours(Math.floor(time.getHours() / step.size + 1) * step.size);
    else if (step.unit === "day") time.setDate(time.getDate() + step.size);
    else time.setMonth(time.getMonth() + step.size);
    if (time.getTime() / 1000 <= at) time.setTime((at + step.seconds) * 1000);
  }
  return result;
}

const clock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit"});
const date = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short"});
const month = new Intl.DateTimeFormat("en-GB", {month: "short", year: "numeric"});

function tickText(time, unit) {
  if (unit === "month") return month.format(time);
  const isMidnight = time.getHours() === 0 && time.getMinutes() === 0;
  return unit === "day" || isMidnight ? date.format(time) : clock.format(time);
}

const moment = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});

/** Formats a span of local time: `Thu 26 Nov, 14:00 – 15:00`. */
export function span(start, end) {
  const [first, last] = [new Date(start * 1000), new Date(end * 1000)];
  if (end - start > 23 * HOUR) {
    const final = new Date((end - 1) * 1000);
    return first.toDateString() === final.toDateString() || end - start < 25 * HOUR
      ? date.format(first)
      : `${date.format(first)} – ${date.format(final)}`;
  }
  return `${moment.format(first)} – ${clock.format(last)}`;
}
