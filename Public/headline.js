// The figures at the top of the dashboard, the chart of savings, and notices about the ledger.
import {element, shape} from "./element.js";
import {count, counted, duration, figure, percent} from "./format.js";
import {ticks} from "./scale.js";

const CARDS = ["Requests", "Think rate", "Tokens per answer", "Tokens saved", "Time saved"];

/** The row of figures. */
export class Headline {
  #cards = CARDS.map((title) => {
    const value = element("dd", {class: "value figures"}, "\u00a0"),
      words = element("dd", {class: "words figures"}, "\u00a0");
    return {element: element("div", {class: "card loading"}, element("dt", {}, title), value, words), value, words};
  });

  constructor(container) {
    container.replaceChildren(...this.#cards.map((card) => card.element));
  }

  update({totals, groups, savings}) {
    const of = (mode) => groups.find((group) => group.mode === mode);
    const thinking = of("thinking"),
      nonThinking = of("non_thinking");
    const texts = [
      [
        figure(totals.requests),
        totals.requests === 0
          ? "None in this range."
          : `${count(thinking?.requests ?? 0)} thinking, ${count(nonThinking?.requests ?? 0)} non-thinking`,
      ],
      [percent(totals.think_rate), `of ${counted(totals.decided_requests, "request")} in mode auto`],
      [
        figure(totals.tokens_per_answer),
        `thinking ${figure(thinking?.tokens_per_answer)}, non-thinking ${figure(nonThinking?.tokens_per_answer)}`,
      ],
      saved(savings, savings.tokens, figure),
      saved(savings, savings.seconds, duration),
    ];
    this.#cards.forEach((card, index) => {
      const [value, words] = texts[index];
      card.element.classList.remove("loading");
      card.value.textContent = value;
      card.words.textContent = words;
    });
  }
}

function saved(savings, estimate, format) {
  if (!estimate) return [format(null), `No estimate. ${savings.reason ?? ""}`];
  const interval = `${format(estimate.low)} to ${format(estimate.high)}`;
  return [
    format(estimate.saved),
    [
      `${percent(estimate.share)} less than always thinking`,
      `${percent(savings.confidence)} CI ${interval}`,
      `n\u00a0=\u00a0${count(savings.shadowed)} of ${count(savings.requests)}`,
    ].join("\n"),
  ];
}

/** The panel of savings: shares with their intervals, and the cost of the shadows. */
export class Savings {
  constructor() {
    this.chart = element("div", {class: "interval", role: "img"});
    this.words = element("p", {class: "figures"});
    this.element = element(
      "section",
      {class: "panel loading", "aria-labelledby": "savings-title"},
      element("div", {class: "head"}, element("h2", {id: "savings-title"}, "Saved compared with always thinking")),
      this.chart,
      this.words,
    );
    new ResizeObserver(() => this.#draw()).observe(this.chart);
  }

  update({savings}) {
    this.savings = savings;
    this.element.classList.remove("loading");
    const {tokens, shadow} = savings;
    this.words.textContent = tokens
      ? `Of ${counted(savings.requests, "request")} in mode auto, ${count(savings.shadowed)} were also answered with thinking ` +
        `for comparison, hidden from their clients. ${counted(shadow.requests, "second answer")}, with or without thinking, cost ${counted(shadow.tokens, "token")} and ${duration(shadow.seconds)}. ` +
        `A request saves ${figure(tokens.per_request)} tokens${savings.seconds ? ` and ${duration(savings.seconds.per_request)}` : ""}.`
      : `There is no estimate. ${savings.reason ?? ""}`;
    this.#draw();
  }

  #draw() {
    const width = this.chart.clientWidth;
    if (!this.savings || width === 0) return;
    const rows = [
      ["tokens", this.savings.tokens],
      ["time", this.savings.seconds],
    ];
    const said = rows.map(([name, one]) =>
      one
        ? `${name}: ${percent(one.share)} saved, between ${percent(one.share_low)} and ${percent(one.share_high)}`
        : `${name}: no estimate`,
    );
    this.chart.setAttribute("aria-label", said.join("; "));
    const left = 52,
      right = 12,
      ends = rows.flatMap(([, one]) => (one ? [one.share_low, one.share_high] : []));
    const high = Math.max(0.2, ...ends),
      low = Math.min(0, ...ends);
    const up = ticks(high, 4),
      down =
        low < 0
          ? ticks(-low, 3)
              .slice(1)
              .map((value) => -value)
          : [];
    const [first, last] = [Math.min(0, ...down), up.at(-1)];
    const x = (value) => left + ((width - left - right - 96) * (value - first)) / (last - first);
    const parts = [...down, ...up].flatMap((value) => [
      shape("line", {class: value === 0 ? "base" : "grid", x1: x(value), x2: x(value), y1: 6, y2: 84}),
      shape("text", {class: "tick", x: x(value), y: 100, "text-anchor": "middle"}, percent(value)),
    ]);
    rows.forEach(([name, one], index) => {
      const y = 26 + 36 * index;
      parts.push(shape("text", {class: "tick", x: 0, y: y + 4}, name));
      if (!one) return;
      parts.push(
        shape("path", {
          class: "whisker",
          d: `M${x(one.share_low)} ${y}H${x(one.share_high)}M${x(one.share_low)} ${y - 6}v12M${x(one.share_high)} ${y - 6}v12`,
        }),
        shape("circle", {class: "estimate", cx: x(one.share), cy: y, r: 5}),
        shape("text", {class: "tick strong", x: width, y: y + 4, "text-anchor": "end"}, percent(one.share)),
      );
    });
    this.chart.replaceChildren(shape("svg", {width, height: 106, "aria-hidden": "true"}, parts));
  }
}

/** The notice about the ledger; null if it has no problem. */
export function ledgerNotice(ledger) {
  const losses = [
    ledger.dropped > 0 && `${counted(ledger.dropped, "request")} dropped because the disk was too slow`,
    ledger.lost > 0 && `${ledger.lost_is_exact === false ? "at least " : ""}${counted(ledger.lost, "request")} lost`,
  ].filter(Boolean);
  if (ledger.state === "ok" && losses.length === 0) return null;
  const state =
    ledger.state === "degraded"
      ? "The ledger is degraded"
      : ledger.state === "off"
        ? "The ledger is off"
        : "The ledger has gaps";
  return `${state}${ledger.reason ? `: ${ledger.reason}` : ""}. ${losses.length ? `${losses.join(", ")}; the figures below do not include them.` : ""}`.trim();
}
