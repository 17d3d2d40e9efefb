// The dashboard: shows `/v1/usage` for the chosen range and refreshes it while the page is visible. The last figures
// stay until newer ones arrive.
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
let isRejected = false;

// MARK: Reading

function address(query, groupBy, more = {}) {
  return `v1/usage?${new URLSearchParams({from: query.from, to: query.to, group_by: groupBy, ...more})}`;
}

/** Reads the range once and aborts a request that is still running. */
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
    at("updated").textContent = `Updated at ${clock.format(new Date())}`;
    notify(null);
    isRejected = false;
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

/** Schedules the next refresh, unless the range is fixed, the page is paused or hidden, or the server rejected it. */
function schedule() {
  clearTimeout(timer);
  const isLive = choice.name !== "custom";
  at("live").disabled = !isLive;
  at("live").textContent = isPaused || !isLive ? "Resume" : "Pause";
  if (isLive && !isPaused && !isRejected && !document.hidden)
    timer = setTimeout(refresh, RANGES[choice.name].every * 1000);
}

function show() {
  headline.update(shown.byMode);
  savings.update(shown.byMode);
  panels.update(shown, tokens);
  const ledger = ledgerNotice(shown.byMode.ledger);
  at("ledger").hidden = ledger === null;
  at("ledger").textContent = ledger ?? "";
  at("rows").textContent = `The ledger holds ${count(shown.byMode.ledger.rows)} requests.`;
}

// MARK: Errors

async function fail(error) {
  if (error.status === 401 && (await askForKey(error.message))) {
    queueMicrotask(refresh);
    return;
  }
  // The server would reject the same request again, so only the reader retries.
  isRejected = error.status >= 400 && error.status < 500 && error.status !== 429;
  at("figures").hidden = shown === null;
  if (!shown) at("updated").textContent = "";
  if (!(error instanceof ServerError)) {
    console.error(error);
    notify(element("p", {}, "The page could not show the figures."), true);
  } else if (error.code === "ledger_off") {
    notify([
      element(
        "p",
        {},
        element("strong", {}, "The ledger is off."),
        " Name its file in config.json and restart the server:",
      ),
      element(
        "pre",
        {tabindex: "0", role: "region", "aria-label": "Setting"},
        element("code", {}, '"ledger": {"path": "ledger.sqlite"}'),
      ),
    ]);
  } else {
    const old = shown ? " The figures below are older." : "";
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

// MARK: Events

function choose(next) {
  choice = next;
  at("custom").hidden = choice.name !== "custom";
  writeAddress(choice, tokens);
  refresh();
}

/** Formats a Unix time for `datetime-local`, in local time. */
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
    at("to").setCustomValidity(to > from ? "" : "The end must be after the start.");
    if (at("custom").reportValidity()) choose({name: "custom", from, to});
  });
  for (const id of ["from", "to"]) at(id).addEventListener("input", () => at("to").setCustomValidity(""));
}

function prepareTokens() {
  const names = [
    ["all", "all"],
    ["thinking", "thinking"],
    ["non_thinking", "non-thinking"],
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

/** Fetches the file with the API key, which a link cannot carry, and saves it. */
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
  else if (!isPaused && !isRejected && choice.name !== "custom") refresh();
});
refresh();
