// The dashboard: reads `/v1/usage` for the chosen range, again and again while the page is seen, and shows it. What was
// read last stays until something newer is there.
import {ServerError, json, key, request} from "./api.js";
import {element} from "./element.js";
import {count} from "./format.js";
import {Headline, Savings, ledgerNotice} from "./headline.js";
import {askForKey} from "./key.js";
import {Panels} from "./panels.js";
import {RANGES, readAddress, resolve, writeAddress} from "./range.js";

const at = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
const headline = new Headline(at("headline")),
  panels = new Panels(),
  savings = new Savings();

let choice = readAddress();
let tokens =
  ["thinking", "non_thinking"].find((mode) => mode === new URLSearchParams(location.search).get("tokens")) ?? "all";
let shown = null;
let reading = null;
let timer = null;
let isPaused = false;
let isRefused = false;

// MARK: Reading

function address(query, groupBy, more = {}) {
  return `v1/usage?${new URLSearchParams({from: query.from, to: query.to, group_by: groupBy, ...more})}`;
}

/** Reads the range once; a reading that is still under way is given up. */
async function refresh() {
  clearTimeout(timer);
  reading?.abort();
  const {signal} = (reading = new AbortController());
  const query = resolve(choice);
  at("csv").href = address(query, "mode", {bucket: query.bucket, format: "csv"});
  document.body.setAttribute("aria-busy", "true");
  try {
    const {bucket} = query;
    const [byMode, byRequest, byKey] = await Promise.all(
      [address(query, "mode", {bucket}), address(query, "requested_mode", {bucket}), address(query, "key")].map((one) =>
        json(one, {signal}),
      ),
    );
    shown = {byMode, byRequest, byKey};
    show();
    at("updated").textContent = `Read at ${clock.format(new Date())}`;
    notify(null);
    isRefused = false;
    at("figures").hidden = false;
  } catch (error) {
    if (error.name === "AbortError") return;
    await fail(error);
  } finally {
    if (reading?.signal === signal) {
      reading = null;
      document.body.setAttribute("aria-busy", "false");
      schedule();
    }
  }
}

/** The next reading, unless the range is past, reading is paused or refused, or nobody looks. */
function schedule() {
  clearTimeout(timer);
  const isLive = choice.name !== "custom";
  at("live").disabled = !isLive;
  at("live").textContent = isPaused || !isLive ? "Resume" : "Pause";
  if (isLive && !isPaused && !isRefused && !document.hidden)
    timer = setTimeout(refresh, RANGES[choice.name].every * 1000);
}

function show() {
  headline.update(shown.byMode);
  savings.update(shown.byMode);
  panels.update(shown, tokens);
  const ledger = ledgerNotice(shown.byMode.ledger);
  at("ledger").hidden = ledger === null;
  at("ledger").textContent = ledger ?? "";
  at("kept").textContent = `The ledger holds ${count(shown.byMode.ledger.rows)} requests.`;
}

// MARK: Errors

async function fail(error) {
  if (error.status === 401 && (await askForKey(error.message))) {
    queueMicrotask(refresh);
    return;
  }
  // What the server refuses now it refuses again; whoever wants to may try.
  isRefused = error.status >= 400 && error.status < 500 && error.status !== 429;
  at("figures").hidden = shown === null;
  if (!shown) at("updated").textContent = "";
  if (!(error instanceof ServerError)) {
    console.error(error);
    notify(element("p", {}, "The figures could not be shown."), true);
  } else if (error.code === "ledger_off") {
    notify([
      element(
        "p",
        {},
        element("strong", {}, "Usage is not kept."),
        " Name a file for the ledger in config.json and start the server again:",
      ),
      element(
        "pre",
        {tabindex: "0", role: "region", "aria-label": "Setting"},
        element("code", {}, '"ledger": {"path": "ledger.sqlite"}'),
      ),
    ]);
  } else {
    const old = shown ? " The figures below are from before." : "";
    notify(
      [
        element("p", {}, element("strong", {}, error.title), `. ${error.message}${old}`),
        element("div", {class: "row"}, element("button", {type: "button", onclick: refresh}, "Try again")),
      ],
      true,
    );
  }
}

/** Shows a notice above the figures, or none. */
function notify(nodes, isBad = false) {
  const notice = at("notice");
  notice.hidden = nodes === null;
  notice.classList.toggle("bad", isBad);
  notice.replaceChildren(...(nodes === null ? [] : [nodes].flat()));
}

// MARK: What the reader does

function choose(next) {
  choice = next;
  at("custom").hidden = choice.name !== "custom";
  writeAddress(choice, tokens);
  refresh();
}

/** A Unix time as `datetime-local` writes it, in local time. */
function local(seconds) {
  return new Date((seconds - new Date(seconds * 1000).getTimezoneOffset() * 60) * 1000).toISOString().slice(0, 16);
}

function setCustom({from, to}) {
  [at("from").value, at("to").value] = [local(from), local(to)];
}

function prepareRanges() {
  const names = [...Object.entries(RANGES).map(([name, {text}]) => [name, text]), ["custom", "custom"]];
  at("ranges").append(
    ...names.map(([name, text]) =>
      element(
        "label",
        {},
        element("input", {
          type: "radio",
          name: "range",
          value: name,
          checked: name === choice.name,
          onchange: () => {
            const now = resolve(choice);
            if (name === "custom") setCustom(now);
            choose(name === "custom" ? {name, from: now.from, to: now.to} : {name});
          },
        }),
        text,
      ),
    ),
  );
  at("custom").hidden = choice.name !== "custom";
  if (choice.name === "custom") setCustom(choice);
  at("custom").addEventListener("submit", (event) => {
    event.preventDefault();
    const [from, to] = ["from", "to"].map((id) => Math.floor(new Date(at(id).value).getTime() / 1000));
    at("to").setCustomValidity(to > from ? "" : "The end must be after the beginning.");
    if (at("custom").reportValidity()) choose({name: "custom", from, to});
  });
  for (const id of ["from", "to"]) at(id).addEventListener("input", () => at("to").setCustomValidity(""));
}

function prepareTokens() {
  const names = [
    ["all", "all"],
    ["thinking", "thinking"],
    ["non_thinking", "direct"],
  ];
  panels.tokens.element.querySelector(".head").append(
    element(
      "fieldset",
      {class: "choice small"},
      element("legend", {class: "unseen"}, "Tokens of replies"),
      names.map(([name, text]) =>
        element(
          "label",
          {},
          element("input", {
            type: "radio",
            name: "tokens",
            value: name,
            checked: name === tokens,
            onchange: () => {
              tokens = name;
              writeAddress(choice, tokens);
              if (shown) show();
            },
          }),
          text,
        ),
      ),
    ),
  );
}

/** A link cannot carry a key: with one, the file is fetched and then saved. */
async function saveCSV(event) {
  if (!key.get()) return;
  event.preventDefault();
  try {
    const url = URL.createObjectURL(await (await request(at("csv").href)).blob());
    element("a", {href: url, download: "usage.csv"}).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    fail(error);
  }
}

at("charts").append(...panels.charts.map((chart) => chart.element), savings.element);
at("tables").append(panels.byRequest.element, panels.byKey.element);
prepareRanges();
prepareTokens();
at("csv").addEventListener("click", saveCSV);
at("live").addEventListener("click", () => {
  isPaused = !isPaused;
  if (isPaused) schedule();
  else refresh();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (!isPaused && !isRefused && choice.name !== "custom") refresh();
});
refresh();
