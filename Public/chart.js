// A chart in SVG: stacked bars or lines over time or over a number. The keyboard reaches it as one slider: arrow keys
// move from interval to interval, and screen readers read the values. A table below has the same numbers. Colours are
// combined with patterns or dashes.
import {element, shape} from "./element.js";
import {dataTable} from "./table.js";
import {logTicks, ticks, timeTicks} from "./scale.js";

const HEIGHT = 190,
  LEFT = 46,
  RIGHT = 10,
  TOP = 8,
  BOTTOM = 22;
let made = 0;

/**
 * A chart in a `figure`. `series` are `{name, style, dash}`, `kind` is "bars" or "lines". `format` formats a value,
 * `axis` a value at the axis. `top` fixes the end of the axis. Lines may be logarithmic.
 */
export class Chart {
  #active = null;
  #data = null;

  constructor({
    title,
    series,
    kind,
    format,
    axis = format,
    isWhole = false,
    isLogarithmic = false,
    top = null,
    note = "",
  }) {
    Object.assign(this, {title, series, kind, format, axis, isWhole, isLogarithmic, top, id: `chart-${(made += 1)}`});
    this.note = element("span", {class: "quiet figures"}, note);
    const legend = series.map(({name, style, dash}) =>
      element(
        "li",
        {},
        element("span", {
          class: kind === "bars" ? `swatch of-${style}` : `stroke of-${style}${dash ? " dashed" : ""}`,
          "aria-hidden": "true",
        }),
        name,
      ),
    );
    this.svg = shape("svg", {"aria-hidden": "true", height: HEIGHT});
    this.tip = element("div", {class: "tip figures", hidden: true, "aria-hidden": "true"});
    this.plot = element(
      "div",
      {
        class: "plot",
        role: "slider",
        tabindex: "0",
        "aria-label": title,
        "aria-valuemin": "0",
        "aria-valuemax": "0",
        "aria-valuenow": "0",
        "aria-valuetext": "Loading",
        onkeydown: (event) => this.#onKey(event),
        onfocus: () => this.#show(this.#active ?? this.#lastFilled()),
        onblur: () => this.#show(null),
        onpointermove: (event) => this.#onPointer(event),
        onpointerleave: () => this.#leave(),
      },
      this.svg,
      this.tip,
    );
    this.table = element("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": `${title}, table`});
    this.details = element(
      "details",
      {class: "numbers", ontoggle: () => this.#fillTable()},
      element("summary", {}, "Numbers"),
      this.table,
    );
    this.element = element(
      "figure",
      {class: "chart loading", "aria-labelledby": this.id},
      element("div", {class: "head"}, element("h2", {id: this.id}, title), note && this.note),
      element("ul", {class: "legend"}, legend),
      this.plot,
      this.details,
    );
    new ResizeObserver(() => this.#draw()).observe(this.plot);
  }

  /**
   * Shows `intervals: [{start, end, text}]` and, for each series, its `values` there; null is a gap. `isTime` says
   * whether start and end are times.
   */
  update({intervals, values, isTime}) {
    const data = (this.#data = {
      intervals,
      isTime,
      series: this.series.map((one, index) => ({...one, values: values[index]})),
    });
    this.element.classList.remove("loading");
    this.plot.setAttribute("aria-valuemax", Math.max(0, data.intervals.length - 1));
    if (this.#active !== null && this.#active >= data.intervals.length) this.#active = null;
    this.#say(this.#active ?? this.#lastFilled());
    this.#draw();
    this.#fillTable();
  }

  // MARK: Drawing

  #draw() {
    const width = this.plot.clientWidth;
    if (!this.#data || width === 0) return;
    const {intervals, series, isTime} = this.#data;
    const [low, high] = [intervals[0].start, intervals.at(-1).end];
    const levels = this.#levels();
    const x = (value) => LEFT + ((width - LEFT - RIGHT) * (value - low)) / (high - low);
    const [floor, roof] = [levels[0], levels.at(-1)];
    const part = this.isLogarithmic
      ? (value) => Math.log(Math.max(value, floor) / floor) / Math.log(roof / floor)
      : (value) => value / roof;
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - part(value));
    this.scale = {x, y, width};
    this.band = shape("rect", {class: "band", y: TOP, height: HEIGHT - TOP - BOTTOM, width: 0});
    this.svg.setAttribute("width", width);
    this.svg.replaceChildren(
      shape(
        "defs",
        {},
        series.map(({style}) => this.#pattern(style)),
      ),
      this.band,
      ...levels.flatMap((level) => [
        shape("line", {
          class: level === floor ? "base" : "grid",
          x1: LEFT,
          x2: width - RIGHT,
          y1: y(level),
          y2: y(level),
        }),
        shape("text", {class: "tick", x: LEFT - 6, y: y(level) + 4, "text-anchor": "end"}, this.axis(level)),
      ]),
      ...this.#xTicks(low, high, isTime, width).map(({at, text, anchor}) =>
        shape("text", {class: "tick", x: x(at), y: HEIGHT - 6, "text-anchor": anchor ?? "middle"}, text),
      ),
      ...(this.kind === "bars" ? this.#bars(x, y) : this.#lines(x, y)),
    );
    this.#mark();
  }

  #levels() {
    if (!this.isLogarithmic) return ticks(this.top ?? this.#max(), 4, this.isWhole);
    const values = this.#data.series.flatMap((one) => one.values.filter((value) => value > 0));
    return logTicks(
      values.reduce((least, value) => Math.min(least, value), Infinity),
      this.#max(),
    );
  }

  #max() {
    const {intervals, series} = this.#data;
    if (this.kind === "bars")
      return Math.max(0, ...intervals.map((_, index) => series.reduce((sum, {values}) => sum + values[index], 0)));
    return series.flatMap(({values}) => values).reduce((most, value) => Math.max(most, value ?? 0), 0);
  }

  #xTicks(low, high, isTime, width) {
    if (!isTime) return [0, 0.25, 0.5, 0.75, 1].map((at) => ({at, text: String(at)}));
    const inside = (at) => ((at - low) / (high - low)) * (width - LEFT - RIGHT);
    // A label is about 60 px wide and would be cut at an edge.
    return timeTicks(low, high, Math.max(2, width / 85)).filter(({at}) => inside(at) < width - LEFT - RIGHT - 18);
  }

  #pattern(style) {
    const lines = {answer: "M-1 1L1 -1M0 6L6 0M5 7L7 5", control: "M1 0V6M4 0V6", "prompt-image": "M0 1H6M0 4H6"}[
      style
    ];
    return shape(
      "pattern",
      {id: `${this.id}-${style}`, width: 6, height: 6, patternUnits: "userSpaceOnUse"},
      shape("rect", {class: `fill-${style}`, width: 6, height: 6}),
      lines ? shape("path", {class: "hatch", d: lines}) : null,
    );
  }

  #bars(x, y) {
    const {intervals, series} = this.#data;
    return intervals.flatMap(({start, end}, index) => {
      const [left, right] = [x(start), x(end)];
      const gap = right - left > 4 ? 1 : right - left > 2 ? 0.5 : 0;
      let sum = 0;
      return series
        .map(({style, values}) => {
          const [from, to] = [y(sum), y((sum += values[index]))];
          return from - to <= 0
            ? null
            : shape("rect", {
                x: left + gap,
                width: Math.max(0.5, right - left - 2 * gap),
                y: to,
                height: from - to,
                fill: `url(#${this.id}-${style})`,
              });
        })
        .filter(Boolean);
    });
  }

  #lines(x, y) {
    const {intervals, series} = this.#data;
    return series.flatMap(({style, dash, values}) => {
      let path = "",
        isOpen = false;
      const dots = [];
      values.forEach((value, index) => {
        if (value === null) {
          isOpen = false;
          return;
        }
        const [px, py] = [x((intervals[index].start + intervals[index].end) / 2), y(value)];
        path += `${isOpen ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
        isOpen = true;
        // Marks all points if there are few; otherwise only isolated ones, which no line shows.
        const isAlone = (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
        if (values.length <= 60 || isAlone) dots.push(mark(style, px, py));
      });
      return [shape("path", {class: `line stroke-${style}${dash ? " dashed" : ""}`, d: path || "M0 0"}), ...dots];
    });
  }

  // MARK: One interval

  #words(index) {
    const {intervals, series} = this.#data;
    if (index === null || !intervals[index]) return "No data";
    return `${intervals[index].text}: ${series.map(({name, values}) => `${name} ${this.format(values[index])}`).join(", ")}`;
  }

  #lastFilled() {
    if (!this.#data) return null;
    const {intervals, series} = this.#data;
    for (let index = intervals.length - 1; index >= 0; index -= 1)
      if (series.some(({values}) => values[index])) return index;
    return intervals.length ? intervals.length - 1 : null;
  }

  #show(index) {
    this.#active = index;
    if (index !== null) this.#say(index);
    this.#mark();
  }

  #say(index) {
    this.plot.setAttribute("aria-valuenow", index ?? 0);
    this.plot.setAttribute("aria-valuetext", this.#words(index));
  }

  #mark() {
    const index = this.#active,
      {intervals, series} = this.#data ?? {};
    this.tip.hidden = index === null || !this.scale;
    this.band?.setAttribute("width", 0);
    if (this.tip.hidden) return;
    const {start, end, text} = intervals[index],
      {x, width} = this.scale;
    this.band.setAttribute("x", x(start));
    this.band.setAttribute("width", Math.max(1, x(end) - x(start)));
    this.tip.replaceChildren(
      element("p", {class: "when"}, text),
      ...series.map(({name, style, values}) =>
        element(
          "p",
          {},
          element("span", {class: `swatch of-${style}`}),
          element("span", {}, name),
          element("b", {}, this.format(values[index])),
        ),
      ),
    );
    const middle = x((start + end) / 2),
      room = this.tip.offsetWidth;
    const left = middle + room + 14 < width ? middle + 10 : middle - room - 10;
    this.tip.style.left = `${Math.min(Math.max(0, left), Math.max(0, width - room))}px`;
  }

  #onPointer(event) {
    if (!this.scale) return;
    const at = event.clientX - this.plot.getBoundingClientRect().left;
    const index = this.#data.intervals.findIndex(({start, end}) => this.scale.x(start) <= at && at < this.scale.x(end));
    this.#show(index < 0 ? null : index);
  }

  #leave() {
    if (document.activeElement !== this.plot) this.#show(null);
  }

  #onKey(event) {
    if (!this.#data || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = this.#data.intervals.length - 1,
      now = this.#active ?? this.#lastFilled() ?? 0;
    const to = {
      ArrowLeft: now - 1,
      ArrowDown: now - 1,
      ArrowRight: now + 1,
      ArrowUp: now + 1,
      PageDown: now - 10,
      PageUp: now + 10,
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Escape") this.#show(null);
    if (to === undefined) return;
    event.preventDefault();
    this.#show(Math.min(last, Math.max(0, to)));
  }

  /** Fills the table when it is open. */
  #fillTable() {
    if (!this.details.open || !this.#data) return;
    const {intervals, series} = this.#data;
    const isFilled = (index) => series.some(({values}) => values[index]);
    const rows = intervals
      .map(({text}, index) => [text, ...series.map(({values}) => this.format(values[index]))])
      .filter((_, index) => isFilled(index));
    this.table.replaceChildren(
      rows.length
        ? dataTable(this.title, [this.#data.isTime ? "Time" : "From – to", ...series.map(({name}) => name)], rows)
        : element("p", {class: "quiet"}, "No numbers in this range."),
    );
  }
}

/** A round dot for thinking, a square one otherwise, so that colour is not the only difference. */
function mark(style, x, y) {
  return style === "thinking"
    ? shape("circle", {class: `fill-${style}`, cx: x, cy: y, r: 2.5})
    : shape("rect", {class: `fill-${style}`, x: x - 2.25, y: y - 2.25, width: 4.5, height: 4.5});
}
