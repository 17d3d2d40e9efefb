// The figures below a reply: the decision with P(think), tokens by kind as bars with numbers, and times.
import {element} from "./element.js";
import {compact, count, counted, duration, figure, probability} from "./format.js";

/** The figures below a finished reply, from `usage`, `thinking` and `timings` of the last chunk. */
export function account(reply) {
  const {usage, thinking, timings} = reply;
  return element(
    "div",
    {class: "account figures"},
    decision(thinking),
    generated(usage, thinking),
    prompt(usage),
    timings && times(usage, timings),
  );
}

function decision({requested_mode: asked, mode, p_think: p}) {
  const effective = mode === "thinking" ? "thinking" : "non-thinking";
  const row = element("div", {class: "row decision"});
  if (p == null) {
    row.append(element("span", {}, `Requested mode ${asked}: ${effective}. The model made no decision.`));
    return row;
  }
  const fill = element("span", {class: "fill"});
  fill.style.width = `${100 * p}%`;
  row.append(
    element("span", {class: "label"}, "P(think)"),
    element(
      "span",
      {
        class: "gauge",
        role: "meter",
        "aria-label": "P(think)",
        "aria-valuemin": "0",
        "aria-valuemax": "1",
        "aria-valuenow": p,
        "aria-valuetext": probability(p),
      },
      fill,
    ),
    element("span", {class: "value"}, probability(p)),
    element("span", {class: "quiet"}, effective),
  );
  return row;
}

function bar(label, kinds, total) {
  const shown = kinds.filter((kind) => kind.tokens > 0);
  const strip = element(
    "div",
    {class: "bar", "aria-hidden": "true"},
    shown.map((kind) => {
      const part = element("span", {class: `of-${kind.name}`, title: `${kind.words}: ${count(kind.tokens)}`});
      part.style.flexGrow = kind.tokens;
      return part;
    }),
  );
  const words = kinds.map((kind) =>
    element(
      "li",
      {"data-kind": kind.name, "data-tokens": kind.tokens},
      element("span", {class: `swatch of-${kind.name}`, "aria-hidden": "true"}),
      element("span", {}, `${count(kind.tokens)} ${kind.words}`),
    ),
  );
  return element(
    "div",
    {class: "row tokens"},
    element("span", {class: "label"}, label),
    strip,
    element("ul", {class: "kinds", "aria-label": `${label}: ${counted(total, "token")}`}, words),
  );
}

function generated(usage, thinking) {
  return bar(
    "Reply",
    [
      {name: "thinking", words: "thinking", tokens: thinking.thinking_tokens},
      {name: "control", words: "control", tokens: thinking.control_tokens},
      {name: "answer", words: "answer", tokens: thinking.answer_tokens},
    ],
    usage.completion_tokens,
  );
}

function prompt(usage) {
  const {text_tokens: text, image_tokens: image, cached_tokens: cached} = usage.prompt_tokens_details;
  const row = bar(
    "Prompt",
    [
      {name: "prompt-text", words: "text", tokens: text},
      {name: "prompt-image", words: "image", tokens: image},
    ],
    usage.prompt_tokens,
  );
  row
    .querySelector(".kinds")
    .append(
      element("li", {class: "quiet", "data-kind": "cached", "data-tokens": cached}, `${count(cached)} of them cached`),
    );
  return row;
}

function times(usage, timings) {
  const seconds = (name) => timings[name] / 1000;
  const rate =
    timings.decode_ms > 0 && usage.completion_tokens > 1 ? (usage.completion_tokens - 1) / seconds("decode_ms") : null;
  const parts = [
    ["queue", seconds("queue_ms")],
    usage.prompt_tokens_details.image_tokens > 0 && ["images", seconds("image_ms")],
    ["prefill", seconds("prefill_ms")],
    ["first token", seconds("first_token_ms")],
    timings.first_answer_token_ms != null && ["first answer token", seconds("first_answer_token_ms")],
    ["decode", seconds("decode_ms")],
  ].filter(Boolean);
  return element(
    "dl",
    {class: "row times"},
    parts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, duration(value)))),
    rate !== null &&
      element(
        "div",
        {},
        element("dt", {}, "speed"),
        element("dd", {}, `${rate < 1000 ? figure(rate) : compact(rate)} tokens/s`),
      ),
  );
}
