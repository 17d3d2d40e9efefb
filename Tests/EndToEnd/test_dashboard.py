"""The dashboard in Chromium, with known usage."""

import datetime
import re
import threading
import time
import zoneinfo

import pages
import pytest
import usage_data
from browser import Keys
from conftest import Server
from test_usage import get, post
from wire import question

DAY = 86400


@pytest.fixture
def dash(visit, canned):
    """Opens the dashboard with `count` requests of the last `seconds` and waits for its figures. A range starts up to
    one bucket later than its name says."""

    def open_(query="?range=24h", seconds=DAY - 2 * 3600, count=400):
        now = int(time.time())
        canned.rows = usage_data.requests(now - seconds, now - 1, count)
        visit.open(f"{canned.url}/dashboard{query}")
        visit.until(lambda: "Updated at" in visit.text("#updated"))
        return visit

    return open_


def queries(canned):
    return [query for path, query in canned.seen if path == "/v1/usage"]


def cards(browser):
    return dict(
        zip(
            (e.text for e in browser.all(".card dt")),
            (
                (
                    card.find_element("css selector", ".value").text.replace("\u00a0", " "),
                    card.find_element("css selector", ".words").text.replace("\u00a0", " "),
                )
                for card in browser.all(".card")
            ),
        )
    )


def chart(browser, title):
    return next(e for e in browser.all(".chart") if e.find_element("css selector", "h2").text == title)


def numbers(browser, title):
    """Returns the columns of a chart's table by name, the first one as text."""
    figure = chart(browser, title)
    if not figure.find_element("css selector", "details").get_attribute("open"):
        figure.find_element("css selector", "summary").click()
    heads, *rows = browser.script(
        "return [...arguments[0].querySelectorAll('tr')].map((row) => [...row.children].map((cell) => cell.textContent))",
        browser.until(lambda: figure.find_elements("css selector", "table"))[0],
    )
    return {head: [row[index] for row in rows] for index, head in enumerate(heads)}


def total(column):
    return sum(int(value.replace(",", "")) for value in column)


# MARK: Figures


def test_the_figures_are_those_of_the_ledger(dash, canned):
    browser = dash()
    rows = canned.rows
    auto = [row for row in rows if row["requested_mode"] == "auto"]
    thinking = [row for row in rows if row["mode"] == "thinking"]
    shown = cards(browser)
    assert shown["Requests"] == ("400", f"{len(thinking)} thinking, {400 - len(thinking)} non-thinking")
    assert shown["Think rate"] == (
        f"{100 * sum(row['mode'] == 'thinking' for row in auto) / len(auto):.0f} %",
        f"of {len(auto)} requests in mode auto",
    )
    mean = sum(row["thinking"] + row["control"] + row["answer"] for row in rows) / 400
    assert float(shown["Tokens per answer"][0]) == pytest.approx(mean, abs=0.5 if mean >= 100 else 0.05)
    assert shown["Tokens saved"] == (
        "48,211",
        f"41 % less than always thinking\n95 % CI 40,100 to 56,020\nn = 64 of {len(auto)}",
    )
    assert f"Of {len(auto)} requests in mode auto, 64 were also answered with thinking" in browser.text(
        "#charts .panel"
    )
    assert "91 second answers, with or without thinking, cost 12,345 tokens and 6.66 min." in browser.text(
        "#charts .panel"
    )
    assert shown["Time saved"] == (
        "25.2 min",
        f"38 % less than always thinking\n95 % CI 19.8 min to 30.4 min\nn = 64 of {len(auto)}",
    )


def test_the_charts_hold_every_request_and_token(dash, canned):
    browser = dash()
    rows = canned.rows
    requests = numbers(browser, "Requests")
    assert (total(requests["thinking"]), total(requests["non-thinking"])) == tuple(
        sum(row["mode"] == mode for row in rows) for mode in ("thinking", "non_thinking")
    )
    tokens = numbers(browser, "Tokens")
    for name in ("thinking", "control", "answer", "prompt text", "prompt image"):
        assert total(tokens[name]) == sum(row[name.replace(" ", "_")] for row in rows), name
    browser.one('label:has([name="tokens"][value="non_thinking"])').click()
    tokens = numbers(browser, "Tokens")
    assert total(tokens["thinking"]) == 0 and total(tokens["answer"]) == sum(
        row["answer"] for row in rows if row["mode"] == "non_thinking"
    )
    assert "tokens=non_thinking" in browser.driver.current_url
    bins = numbers(browser, "P(think) at the decision")
    assert total(bins["requests"]) == sum(row["p"] is not None for row in rows)


def test_bars_are_as_high_as_their_numbers(dash):
    browser = dash()
    requests = numbers(browser, "Requests")
    sizes = browser.script(
        "return [...arguments[0].querySelectorAll('svg > rect[fill$=\"-thinking)\"]')].map((r) => Number(r.getAttribute('height')))",
        chart(browser, "Requests"),
    )
    values = [int(value) for value in requests["thinking"] if value != "0"]
    assert len(sizes) == len(values) > 5
    assert [size / sizes[0] for size in sizes] == pytest.approx([value / values[0] for value in values], rel=1e-3)


def test_the_tables_by_mode_and_key(dash, canned):
    browser = dash()
    tables = [
        [
            [cell.text for cell in row.find_elements("css selector", "th, td")]
            for row in table.find_elements("css selector", "tbody tr")
        ]
        for table in browser.all("#tables table")
    ]
    for table, field in zip(tables, ("requested_mode", "key")):
        counts = {
            value: sum(row[field] == value for row in canned.rows) for value in {row[field] for row in canned.rows}
        }
        assert [(name, int(requests)) for name, requests, *_ in table] == sorted(
            counts.items(), key=lambda item: -item[1]
        )


def test_long_ranges_merge_buckets_and_lose_nothing(dash, canned):
    for name, seconds, unit in (
        ("1y", 360 * DAY, "day"),
        ("7d", 6.9 * DAY, "hour"),
        ("6h", 5.9 * 3600, "minute"),
        ("15m", 780, "minute"),
    ):
        canned.seen.clear()
        browser = dash(f"?range={name}", seconds, 300)
        assert {query["bucket"] for query in queries(canned) if "bucket" in query} == {unit}
        # The server rejects minutes over more than six hours.
        assert unit != "minute" or all(int(query["to"]) - int(query["from"]) <= 6 * 3600 for query in queries(canned))
        requests = numbers(browser, "Requests")
        assert total(requests["thinking"]) + total(requests["non-thinking"]) == 300, name
        intervals = (
            int(chart(browser, "Requests").find_element("css selector", ".plot").get_attribute("aria-valuemax")) + 1
        )
        assert 10 <= intervals <= 64, name


def test_without_an_estimate_the_page_shows_the_reason(dash, canned):
    canned.saved = None
    browser = dash()
    reason = canned.canned({"from": "0", "to": "1", "group_by": "mode"})[2]["savings"]["reason"]
    assert cards(browser)["Tokens saved"] == ("–", f"No estimate. {reason}")
    assert f"There is no estimate. {reason}" in browser.text("#charts .panel").splitlines()


def test_an_empty_range(dash):
    browser = dash("?range=1h", count=0)
    assert cards(browser)["Requests"] == ("0", "None in this range.") and cards(browser)["Think rate"][0] == "–"
    assert browser.all("#tables p")[0].text == "No requests in this range." and len(browser.all(".chart svg")) == 5


def test_a_huge_ledger_and_strange_keys(dash, canned):
    def huge(query):
        status, headers, body = canned.canned(query)
        for one in (body["totals"], *body["groups"]):
            one["requests"] = 12_345_678_901
            one["answer_tokens"]["total"] = 9_876_543_210_123
            if "key" in one:
                one["key"] = "<b>key</b>" * 30
        return status, headers, body

    canned.usage = huge
    browser = dash("?range=1h", 3000, 40)
    assert cards(browser)["Requests"][0] == "12.3bn" and not browser.all("#tables b") and browser.overflow() == 0
    browser.view(320)
    browser.until(lambda: browser.overflow() == 0)


def test_the_cards_show_the_ledger_of_a_real_server(visit, tmp_path):
    """With every auto request shadowed there is an estimate; without shadows there is the server's reason."""
    for fraction in (0, 1):
        with Server(
            ["--set", f"ledger.path={tmp_path}/{fraction}.sqlite", "--set", f"shadow.fraction={fraction}"]
        ) as server:
            for text, mode in [
                ("Add 9 and 4.", "auto"),
                ("Add 57 and 68.", "auto"),
                ("Add 2 and 3.", "auto"),
                ("Add 9 and 4.", "long"),
                ("Add 9 and 4.", "short"),
            ]:
                post(server, {"messages": question(text), "thinking_mode": mode})
            deadline = time.monotonic() + 30
            while (usage := get(server)[1])["totals"]["requests"] < 5 or usage["savings"]["shadow"][
                "requests"
            ] < 3 * fraction:
                assert time.monotonic() < deadline, usage
                time.sleep(0.05)
            visit.open(server.url + "/dashboard")
            visit.until(lambda: "Updated at" in visit.text("#updated"))
            totals, savings, groups = (
                usage["totals"],
                usage["savings"],
                {group["mode"]: group for group in get(server, group_by="mode")[1]["groups"]},
            )
            written = lambda form, *values: [
                text.replace("\u00a0", " ") for text in visit.module("./format.js", f"return a.map(m.{form})", *values)
            ]
            means = written(
                "figure",
                totals["tokens_per_answer"],
                *(groups[mode]["tokens_per_answer"] for mode in ("thinking", "non_thinking")),
            )
            shown = cards(visit)
            assert shown["Requests"] == (
                "5",
                f"{groups['thinking']['requests']} thinking, {groups['non_thinking']['requests']} non-thinking",
            )
            assert shown["Think rate"] == (written("percent", totals["think_rate"])[0], "of 3 requests in mode auto")
            assert shown["Tokens per answer"] == (means[0], f"thinking {means[1]}, non-thinking {means[2]}")
            for title, estimate, form in (
                ("Tokens saved", savings["tokens"], "figure"),
                ("Time saved", savings["seconds"], "duration"),
            ):
                value, words = shown[title]
                if fraction:
                    assert value == written(form, estimate["saved"])[0] and f"n = {savings['shadowed']} of 3" in words
                else:
                    assert (value, words) == ("–", f"No estimate. {savings['reason']}") and words.endswith("above 0.")


# MARK: Ranges


def test_the_range_is_in_the_address(dash, canned):
    browser = dash("?range=7d")
    assert browser.one("#ranges :checked").get_attribute("value") == "7d"
    browser.one('label:has([value="1h"])').click()
    browser.until(lambda: queries(canned)[-1].get("bucket", queries(canned)[-2].get("bucket")) == "minute")
    assert browser.driver.current_url.endswith("?range=1h")
    query = queries(canned)[-1]
    assert (
        3540 <= int(query["to"]) - int(query["from"]) <= 3600
        and int(query["from"]) % 60 == 0
        and abs(int(query["to"]) - time.time()) < 5
    )
    assert {query["group_by"] for query in queries(canned)} == {"mode", "requested_mode", "key"}


def test_a_custom_range_is_in_local_time(dash, canned):
    browser = dash("?from=1764000000&to=1764003600", 10, 0)
    assert browser.one("#from").get_attribute("value") == "2025-11-24T17:00"  # Berlin is one hour ahead of UTC then
    assert {(query["from"], query["to"], query.get("bucket", "minute")) for query in queries(canned)} == {
        ("1764000000", "1764003600", "minute")
    }
    browser.script(
        "document.getElementById('from').value = '2025-11-20T00:00'; document.getElementById('to').value = '2025-11-24T00:00'"
    )
    canned.seen.clear()
    browser.one("#custom button").click()
    browser.until(lambda: len(queries(canned)) == 3)
    # They arrive in any order, and the query by key has no buckets.
    assert {(query["from"], query["to"], query.get("bucket", "hour")) for query in queries(canned)} == {
        ("1763593200", "1763938800", "hour")
    }
    assert [query["group_by"] for query in queries(canned) if "bucket" not in query] == ["key"]
    assert (
        browser.driver.current_url.endswith("?from=1763593200&to=1763938800") and not browser.one("#live").is_enabled()
    )
    browser.script("document.getElementById('to').value = '2025-11-19T00:00'")
    browser.one("#custom button").click()
    assert (
        browser.script("return document.querySelectorAll('#custom :invalid').length") == 1 and len(queries(canned)) == 3
    )


def test_ticks_are_round_local_times(dash):
    browser = dash()
    berlin = 1_793_491_200 - 3600 * 12  # noon of 31 October 2026 in Berlin is at 11 UTC
    found = browser.module(
        "./scale.js",
        "return a[0].map(([from, to]) => m.timeTicks(from, to, 8).map((tick) => tick.text))",
        [[berlin, berlin + 900], [berlin, berlin + DAY], [berlin, berlin + 30 * DAY], [berlin, berlin + 365 * DAY]],
    )
    assert all(re.fullmatch(r"\d\d:\d[05]|\d\d:\d\d", text) for text in found[0])
    assert all(re.fullmatch(r"\d\d:00|\d+ \w+", text) for text in found[1]) and any(
        re.fullmatch(r"\d+ \w+", text) for text in found[1]
    )
    assert 3 <= min(map(len, found)) and max(map(len, found)) <= 9
    assert all(re.fullmatch(r"\d+ \w+", text) for text in found[2]) and all(
        re.fullmatch(r"\w+ 20\d\d", text) for text in found[3]
    )


@pytest.mark.parametrize(
    "day, hours, step",
    [
        # The clocks go back at 3: the second hour from 2 to 3 has no tick.
        ("2026-10-25", [0, 1, 2, 3, 4, 5, 6, 7], 1),
        ("2026-10-25", [0, 3, 6, 9, 12, 15, 18, 21], 3),
        # They go forward at 2, which is 3.
        ("2026-03-29", [0, 1, 3, 4, 5, 6, 7, 8], 1),
        ("2026-03-29", [0, 3, 4, 6, 8, 10, 12, 14], 2),
    ],
)
def test_ticks_stay_at_round_hours_when_the_clocks_change(dash, day, hours, step):
    browser = dash()
    times = [
        datetime.datetime.fromisoformat(f"{day} {hour:02}:00")
        .replace(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
        .timestamp()
        for hour in hours
    ]
    found = browser.module(
        "./scale.js",
        "return m.timeTicks(a[0], a[1], a[2]).map(({at, text}) => [at, text])",
        times[0],
        times[-1],
        (times[-1] - times[0]) / 3600 / step,
    )
    date = datetime.date.fromisoformat(day)
    assert found == [[at, f"{hour:02}:00" if hour else f"{date.day} {date:%b}"] for at, hour in zip(times, hours)]


def test_ticks_a_week_apart_are_mondays(dash):
    browser = dash()
    start = 1_788_000_000
    found = browser.module(
        "./scale.js", "return m.timeTicks(a[0], a[1], 10).map((tick) => tick.at)", start, start + 60 * DAY
    )
    days = [datetime.datetime.fromtimestamp(at, zoneinfo.ZoneInfo("Europe/Berlin")) for at in found]
    assert len(days) == 9 and {(day.weekday(), day.hour, day.minute) for day in days} == {(0, 0, 0)}


@pytest.mark.parametrize("unit", ["minute", "hour", "day"])
def test_every_bucket_is_in_one_interval(dash, unit):
    browser = dash("?range=15m", 10, 0)
    size, start = usage_data.SECONDS[unit], 1_788_000_000 // 86400 * 86400
    for count in (1, 59, 60, 61, 200, 360):
        # The ends of the range cut the first and the last bucket, as on the server.
        document = {
            "from": start + 7,
            "to": start + count * size - 5,
            "bucket": unit,
            "buckets": [{"start": max(start + 7, start + index * size), "groups": []} for index in range(count)],
        }
        for name in ("intervals", "eachBucket"):
            found = browser.module("./range.js", f"return m.{name}(a[0])", document)
            starts = [bucket["start"] for interval in found for bucket in interval["buckets"]]
            assert starts == [bucket["start"] for bucket in document["buckets"]], (name, count)
            assert all(
                interval["start"] <= bucket["start"] < interval["end"]
                for interval in found
                for bucket in interval["buckets"]
            )
            assert len(found) <= (62 if name == "intervals" else count)


def test_number_ticks(dash):
    browser = dash()
    found = browser.module(
        "./scale.js",
        "return [m.ticks(97, 4), m.ticks(1, 4), m.ticks(3, 4, true), m.ticks(0, 4), m.ticks(0.07, 4), m.logTicks(0.3, 40), m.logTicks(2, 3), m.logTicks(5, 5), m.logTicks(Infinity, 0)]",
    )
    assert found == [
        [0, 50, 100],
        [0, 0.5, 1],
        [0, 1, 2, 3],
        [0, 1],
        [0, 0.02, 0.04, 0.06, 0.08],
        [0.1, 1, 10, 100],
        [2, 5],
        [5, 10],
        [0.1, 1],
    ]


# MARK: Reading on

FAST = "const real = setTimeout; window.setTimeout = (f, t, ...a) => real(f, t >= 5000 ? t / 50 : t, ...a)"


def test_the_page_refreshes_until_paused_or_hidden(dash, canned):
    browser = dash("?range=1h")
    browser.script(FAST + "; document.getElementById('live').click(); document.getElementById('live').click()")
    count = len(queries(canned))
    browser.until(lambda: len(queries(canned)) >= count + 9)
    for stop, resume in (
        ("document.getElementById('live').click()",) * 2,
        # A page that is hidden while it loads aborts, and nothing follows.
        (
            "document.getElementById('live').click(); document.getElementById('live').click(); Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))",
            "Object.defineProperty(document, 'hidden', {value: false, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))",
        ),
    ):
        browser.script(stop)
        browser.until(lambda: browser.script("return document.body.getAttribute('aria-busy')") == "false")
        count = len(queries(canned))
        time.sleep(0.5)
        assert len(queries(canned)) == count
        browser.script(resume)
        browser.until(lambda: len(queries(canned)) >= count + 6)


@pytest.mark.parametrize("width", [320, 800, 1440])
def test_nothing_moves_when_the_numbers_arrive(visit, canned, width):
    visit.view(width)
    gate, real = threading.Event(), canned.canned
    now = int(time.time())
    canned.rows = usage_data.requests(now - DAY + 2 * 3600, now - 1, 200)
    canned.usage = lambda query: (gate.wait(10), real(query))[1]
    positions = lambda: visit.script(
        "return [...document.querySelectorAll('.card, .chart, .plot, #charts .panel')].map((e) => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })"
    )
    visit.open(canned.url + "/dashboard")
    visit.until(".loading")
    before = positions()
    gate.set()
    visit.until(lambda: not visit.all(".loading"))
    assert positions() == before and len(before) == 16


# MARK: Errors


def test_the_page_shows_how_to_switch_the_ledger_on(visit, canned):
    canned.usage = lambda _: pages.error(404, "ledger_off", "No ledger is kept.")
    visit.allowed = {404}
    faster = visit.run("Page.addScriptToEvaluateOnNewDocument", {"source": FAST})
    visit.open(canned.url + "/dashboard")
    visit.run("Page.removeScriptToEvaluateOnNewDocument", faster)
    visit.until("#notice")
    assert '"ledger": {"path": "ledger.sqlite"}' in visit.text("#notice") and not visit.one("#figures").is_displayed()
    time.sleep(1)
    assert len(queries(canned)) == 3


def test_the_page_reports_gaps_in_the_ledger(dash, canned):
    canned.ledger = {"state": "degraded", "reason": "the disk is full", "dropped": 1234, "lost": 1}
    browser = dash()
    assert (
        browser.text("#ledger")
        == "The ledger is degraded: the disk is full. 1,234 requests dropped because the disk was too slow, 1 request lost; the figures below do not include them."
    )


def test_an_error_keeps_the_last_figures(dash, canned):
    browser = dash()
    browser.allowed = {500}
    before = cards(browser)
    canned.usage = lambda _: pages.error(500, "server_error", "It failed.")
    browser.one('label:has([value="1h"])').click()
    browser.until("#notice")
    assert "It failed. The figures below are older." in browser.text("#notice") and cards(browser) == before
    canned.usage = canned.canned
    browser.one("#notice button").click()
    browser.until(lambda: not browser.one("#notice").is_displayed())


def test_the_page_asks_for_a_key(visit, canned):
    canned.key, visit.allowed = "secret", {401}
    visit.open(canned.url + "/dashboard")
    visit.until("dialog input").pop().send_keys("secret", Keys.ENTER)
    visit.until(lambda: "Updated at" in visit.text("#updated"))
    assert not visit.one("#notice").is_displayed()
    canned.seen.clear()
    visit.script(
        "window.saved = []; HTMLAnchorElement.prototype.click = function () { saved.push([this.href, this.download]); }"
    )
    visit.script(
        "document.getElementById('csv').dispatchEvent(new MouseEvent('click', {cancelable: true, bubbles: true}))"
    )
    visit.until(lambda: visit.script("return saved.length"))
    assert queries(canned)[-1]["format"] == "csv" and visit.script("return saved")[0][1] == "usage.csv"


def test_the_page_asks_for_a_key_only_once(visit, canned):
    canned.key, visit.allowed = "secret", {401}
    visit.open(canned.url + "/dashboard")
    visit.until("dialog button")[0].click()
    visit.until("#notice")
    assert "An API key is required" in visit.text("#notice") and not visit.all("dialog")


def test_the_csv_file_covers_the_range(dash, canned):
    browser = dash("?range=6h")
    href = browser.one("#csv").get_attribute("href")
    query = queries(canned)[-1]
    assert href == f"{canned.url}/v1/usage?from={query['from']}&to={query['to']}&group_by=mode&bucket=minute&format=csv"


# MARK: Keyboard and readers


def test_the_keyboard_reads_charts(dash):
    browser = dash()
    plot = chart(browser, "Requests").find_element("css selector", ".plot")
    table = numbers(browser, "Requests")
    browser.script("arguments[0].focus()", plot)
    plot.send_keys(Keys.END)
    words = lambda: plot.get_attribute("aria-valuetext").replace("\u00a0", " ")
    assert words() == f"{table['Time'][-1]}: thinking {table['thinking'][-1]}, non-thinking {table['non-thinking'][-1]}"
    plot.send_keys(Keys.ARROW_LEFT)
    assert words() == f"{table['Time'][-2]}: thinking {table['thinking'][-2]}, non-thinking {table['non-thinking'][-2]}"
    tip = chart(browser, "Requests").find_element("css selector", ".tip")
    assert tip.is_displayed() and table["Time"][-2] in tip.text
    plot.send_keys(Keys.ESCAPE)
    assert not tip.is_displayed()
    plot.send_keys(Keys.HOME)
    assert plot.get_attribute("aria-valuenow") == "0"
    # Keys with a modifier belong to the browser, for example Alt and Left to go back.
    passed = browser.script(
        "return ['altKey', 'ctrlKey', 'metaKey', 'shiftKey'].map((name) => arguments[0].dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'ArrowRight', [name]: true, cancelable: true})))",
        plot,
    )
    assert passed == [True, True, True, False] and plot.get_attribute("aria-valuenow") == "1"


def test_a_chart_announces_existing_intervals_only(dash):
    browser = dash()
    plot = chart(browser, "Requests").find_element("css selector", ".plot")
    values = lambda: [int(plot.get_attribute(f"aria-value{name}")) for name in ("min", "now", "max")]
    assert 20 < values()[1] <= values()[2], "the last one with requests is said before a key is pressed"
    browser.script("arguments[0].focus()", plot)
    browser.one('label:has([value="15m"])').click()
    browser.until(lambda: values()[2] <= 20)
    assert values()[0] <= values()[1] <= values()[2]


@pytest.mark.parametrize("width, theme", [(320, "dark"), (1440, "light")])
def test_every_state_of_the_dashboard_is_accessible(dash, canned, width, theme):
    canned.ledger = {"state": "degraded", "reason": "the disk is full"}
    browser = dash("?from=1764000000&to=1764003600", 10, 0)
    browser.view(width, theme)
    found = {"empty": browser.violations()}
    browser = dash()
    numbers(browser, "Tokens")
    browser.script("arguments[0].focus()", chart(browser, "Tokens").find_element("css selector", ".plot"))
    found["figures"] = browser.violations()
    assert browser.overflow() == 0
    canned.usage, browser.allowed = (lambda _: pages.error(404, "ledger_off", "No ledger is kept.")), {404}
    browser.driver.get(canned.url + "/dashboard")
    browser.until("#notice")
    found["off"] = browser.violations()
    canned.key, browser.allowed = "secret", {404, 401}
    browser.driver.get(canned.url + "/dashboard")
    browser.until("dialog input")
    found["key"] = browser.violations()
    assert {state: list_ for state, list_ in found.items() if list_} == {} and browser.overflow() == 0
