// The panels of the dashboard: which numbers of `/v1/usage` each chart and table shows.
import {Chart} from "./chart.js";
import {element} from "./element.js";
import {compact, count, duration, figure, percent, shortDuration} from "./format.js";
import {eachBucket, intervals} from "./range.js";
import {span} from "./scale.js";
import {dataTable} from "./table.js";

const MODES = [
  {mode: "thinking", name: "thinking", style: "thinking"},
  {mode: "non_thinking", name: "non-thinking", style: "answer"},
];
const KINDS = [
  {field: "thinking_tokens", name: "thinking", style: "thinking"},
  {field: "control_tokens", name: "control", style: "control"},
  {field: "answer_tokens", name: "answer", style: "answer"},
  {field: "prompt_text_tokens", name: "prompt text", style: "prompt-text"},
  {field: "prompt_image_tokens", name: "prompt image", style: "prompt-image"},
];

const TIMES = MODES.flatMap(({mode, name, style}) =>
  ["p50", "p95"].map((quantile) => ({mode, quantile, name: `${name}, ${quantile}`, style, dash: quantile === "p95"})),
);

const withText = (list) => list.map((interval) => ({...interval, text: span(interval.start, interval.end)}));
const groups = (interval, isWanted) => interval.buckets.flatMap((bucket) => bucket.groups).filter(isWanted);
const sum = (list, value) => list.reduce((total, one) => total + value(one), 0);

/** The charts in their order. `update(documents, tokens)` shows `byMode`, `byRequest` and `byKey` of `documents`. */
export class Panels {
  requests = new Chart({title: "Requests", series: MODES, kind: "bars", format: count, axis: compact, isWhole: true});
  rate = new Chart({
    title: "Think rate",
    series: [MODES[0]],
    kind: "lines",
    format: percent,
    top: 1,
    note: "of requests in mode auto",
  });
  tokens = new Chart({title: "Tokens", series: KINDS, kind: "bars", format: count, axis: compact, isWhole: true});
  decisions = new Chart({
    title: "P(think) at the decision",
    series: [{name: "requests", style: "thinking"}],
    kind: "bars",
    format: count,
    axis: compact,
    isWhole: true,
    note: "mean –",
  });
  latency = new Chart({
    title: "Time to the first answer token",
    series: TIMES,
    kind: "lines",
    format: duration,
    axis: shortDuration,
    isLogarithmic: true,
  });
  byRequest = tablePanel("By requested mode");
  byKey = tablePanel("By key");

  get charts() {
    return [this.requests, this.rate, this.tokens, this.latency, this.decisions];
  }

  update({byMode, byRequest, byKey}, tokens) {
    const bars = withText(intervals(byMode));
    this.requests.update({
      isTime: true,
      intervals: bars,
      values: MODES.map(({mode}) =>
        bars.map((interval) =>
          sum(
            groups(interval, (group) => group.mode === mode),
            (group) => group.requests,
          ),
        ),
      ),
    });
    const isWanted = (group) => tokens === "all" || group.mode === tokens;
    this.tokens.update({
      isTime: true,
      intervals: bars,
      values: KINDS.map(({field}) =>
        bars.map((interval) => sum(groups(interval, isWanted), (group) => group[field].total)),
      ),
    });

    const auto = withText(intervals(byRequest));
    this.rate.update({isTime: true, intervals: auto, values: [auto.map(rateOf)]});

    const fine = withText(eachBucket(byMode));
    this.latency.update({
      isTime: true,
      intervals: fine,
      values: TIMES.map(({mode, quantile}) =>
        fine.map(
          (interval) =>
            groups(interval, (group) => group.mode === mode)[0]?.first_answer_token_seconds[quantile] ?? null,
        ),
      ),
    });

    const {bins, mean} = byMode.think_probability;
    const width = 1 / bins.length;
    this.decisions.note.textContent = mean === null ? "mean –" : `mean ${mean.toFixed(2)}`;
    this.decisions.update({
      isTime: false,
      values: [bins],
      intervals: bins.map((_, index) => ({
        start: index * width,
        end: (index + 1) * width,
        text: `${(index * width).toFixed(2)} – ${((index + 1) * width).toFixed(2)}`,
      })),
    });

    fillTable(this.byRequest, "By requested mode", "mode", byRequest.groups, "requested_mode");
    fillTable(this.byKey, "By key", "key", byKey.groups, "key");
  }
}

/** The think rate of an interval: the share among decided requests, weighted by how many each bucket has. */
function rateOf(interval) {
  const auto = groups(interval, (group) => group.requested_mode === "auto" && group.think_rate !== null);
  const all = sum(auto, (group) => group.decided_requests);
  return all === 0 ? null : sum(auto, (group) => group.think_rate * group.decided_requests) / all;
}

function tablePanel(title) {
  const id = `panel-${title.replace(/\W+/g, "-").toLowerCase()}`;
  const content = element("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": `${title}, table`});
  return {
    element: element(
      "section",
      {class: "panel loading", "aria-labelledby": id},
      element("div", {class: "head"}, element("h2", {id}, title)),
      content,
    ),
    content,
  };
}

function fillTable(panel, title, first, list, field) {
  panel.element.classList.remove("loading");
  if (list.length === 0) {
    panel.content.replaceChildren(element("p", {class: "quiet"}, "No requests in this range."));
    return;
  }
  const heads = [
    first,
    "requests",
    "share",
    "think rate",
    "tokens / answer",
    "time / answer",
    "first answer token p50",
    "first answer token p95",
    "thinking tokens",
    "answer tokens",
    "prompt tokens",
  ];
  const rows = [...list]
    .sort((a, b) => b.requests - a.requests)
    .map((group) => [
      element("span", {class: "name", title: group[field] || "none", dir: "auto"}, group[field] || "none"),
      count(group.requests),
      percent(group.share),
      percent(group.think_rate),
      figure(group.tokens_per_answer),
      duration(group.seconds_per_answer),
      duration(group.first_answer_token_seconds.p50),
      duration(group.first_answer_token_seconds.p95),
      compact(group.thinking_tokens.total),
      compact(group.answer_tokens.total),
      compact(group.prompt_text_tokens.total + group.prompt_image_tokens.total),
    ]);
  panel.content.replaceChildren(dataTable(title, heads, rows));
}
