"""The chat page in Chromium, with the real server and with a server whose answers the tests decide."""

import urllib.request

import pages
import pytest
from browser import Keys
from chat_page import CIRCLE, DIGITS, asked, bodies, kinds, last, over, say, uri
from conftest import ROOT

EXAMPLE = ROOT / "Public" / "examples" / "circle.png"
STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"


def button(browser, name):
    """Returns the button of the last turn with that name."""
    return [one for one in browser.all(".turn button") if one.text == name][-1]


# MARK: With the server


@pytest.mark.parametrize("question", ["Add 9 and 4.", STORY])
def test_a_reply_and_its_figures_equal_those_of_the_api(visit, server, question):
    expected = asked(server, question)
    visit.open(server.url)
    visit.until(lambda: visit.text("#model") == "r-tiny")
    say(visit, question)
    message, thinking, usage = expected["choices"][0]["message"], expected["thinking"], expected["usage"]
    assert last(visit, ".reply .text").text == message["content"]
    shown = kinds(visit)
    assert [shown[kind] for kind in ("thinking", "control", "answer")] == [
        thinking[f"{kind}_tokens"] for kind in ("thinking", "control", "answer")
    ]
    assert shown["thinking"] + shown["control"] + shown["answer"] == usage["completion_tokens"]
    assert shown["prompt-text"] + shown["prompt-image"] == usage["prompt_tokens"]
    assert float(last(visit, ".gauge").get_attribute("aria-valuenow")) == pytest.approx(thinking["p_think"], abs=1e-4)
    thought = last(visit, "details.thought")
    assert thought.is_displayed() == bool(message["reasoning_content"])
    if message["reasoning_content"]:
        assert f"{thinking['thinking_tokens']} tokens" in thought.text and thought.get_attribute("open") is None
        thought.find_element("css selector", "summary").click()
        assert last(visit, ".thought-text").text == message["reasoning_content"]
        thought.find_element("css selector", "summary").click()
        assert not last(visit, ".thought-text").is_displayed()


def test_an_image_is_answered(visit, server):
    visit.open(server.url)
    expected = asked(
        server,
        [{"type": "image_url", "image_url": {"url": uri(DIGITS)}}, {"type": "text", "text": "Add up the digits."}],
    )
    visit.one("#files").send_keys(str(DIGITS))
    visit.until("#images img")
    say(visit, "Add up the digits.")
    assert last(visit, ".reply .text").text == expected["choices"][0]["message"]["content"] == "9"
    assert kinds(visit)["prompt-image"] == expected["usage"]["prompt_tokens_details"]["image_tokens"] > 0


def test_an_example_is_one_click(visit, server):
    visit.open(server.url)
    visit.all(".example")[3].click()
    over(visit)
    assert last(visit, ".reply .text").text == "yellow" and not visit.one("#welcome").is_displayed()


# Holds back the page's own requests for images until `go()` is called.
HELD = """const real = window.fetch, wait = new Promise((resolve) => { window.go = resolve; });
  window.fetch = async (path, options) => path.endsWith?.(".png") ? (await wait, arguments[0] ? new Response("none", {status: 404}) : real(path, options)) : real(path, options)"""


def test_an_example_leaves_the_draft_alone(page, canned):
    page.script(HELD.replace("arguments[0]", "false"))
    page.one("#files").send_keys(str(DIGITS))
    page.until("#images img")
    page.one("#text").send_keys("a draft")
    page.all(".example")[3].click()
    assert not any(example.is_enabled() for example in page.all(".example")), "two at once would be two turns"
    page.script("go()")
    page.until(lambda: bodies(canned))
    over(page)
    assert bodies(canned)[0]["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": uri(EXAMPLE)}},
                {"type": "text", "text": "What color is the shape?"},
            ],
        }
    ]
    assert (
        page.one("#text").get_attribute("value") == "a draft"
        and page.one("#images img").get_attribute("alt") == DIGITS.name
    )
    page.one("#text").send_keys(Keys.ENTER)
    page.until(lambda: len(bodies(canned)) == 2)
    over(page)
    assert [part["type"] for part in bodies(canned)[1]["messages"][-1]["content"]] == ["image_url", "text"]


def test_an_example_without_its_image_is_not_sent(page, canned):
    page.script(HELD.replace("arguments[0]", "true") + "; go()")
    page.all(".example")[3].click()
    page.until(lambda: "Cannot load the image of the example." in page.text("#images-note"))
    assert page.all(".example")[3].is_enabled() and not page.all(".turn") and not bodies(canned)


def test_a_long_reply_of_the_server_stops(visit, server):
    before = server.metric("r4b_request_failures_total")
    visit.open(server.url)
    # Neither the end of the turn nor that of the thought can be sampled, so this continues until the context is full.
    visit.script(
        "const real = window.fetch; window.fetch = (path, options) => real(path, options.body ? {...options, body: JSON.stringify({...JSON.parse(options.body), "
        "logit_bias: {621: -100, 623: -100}, temperature: 1.5, stop_loops: false, answer_reserve: 0})} : options)"
    )
    visit.one('label:has([value="long"])').click()
    say(visit, "Tell me something", ends=False)
    visit.until("details.thought")
    visit.one("#stop").click()
    over(visit)
    assert "Stopped" in last(visit, ".after").text and last(visit, ".thought-text").get_attribute("textContent")
    visit.until(lambda: server.metric("r4b_request_failures_total") == before + 1)


def test_the_canned_server_has_the_policy_of_the_real_server(server):
    with urllib.request.urlopen(server.url + "/", timeout=10) as reply:
        assert reply.headers["content-security-policy"] == pages.POLICY


# MARK: Requests


def test_the_mode_and_the_settings_are_sent(page, canned):
    say(page, "one")
    page.one('label:has([value="long"])').click()
    page.one(".settings summary").click()
    for name, value in (("budget", "64"), ("limit", "256"), ("temperature", "0.7")):
        page.one(f"#{name}").send_keys(value)
    page.script("const bias = document.getElementById('bias'); bias.value = -4; bias.dispatchEvent(new Event('input'))")
    say(page, "two")
    page.one('label:has([value="short"])').click()
    say(page, "three")
    page.one('label:has([value="auto"])').click()
    say(page, "four")
    settings = [
        {name: value for name, value in body.items() if name not in ("messages", "model", "stream", "stream_options")}
        for body in bodies(canned)
    ]
    given = {"max_completion_tokens": 256, "temperature": 0.7}
    assert settings == [
        {"thinking_mode": "auto"},
        {"thinking_mode": "long", "thinking_budget": 64} | given,
        {"thinking_mode": "short"} | given,
        {"thinking_mode": "auto", "thinking_budget": 64, "think_bias": -4} | given,
    ]
    assert all(
        body["stream"]
        and body["stream_options"] == {"include_usage": True, "include_progress": True}
        and "model" not in body
        for body in bodies(canned)
    )


def test_a_setting_out_of_bounds_is_not_sent(page, canned):
    page.one(".settings summary").click()
    page.one("#temperature").send_keys("3")
    page.one("#text").send_keys("hello", Keys.ENTER)
    assert (
        page.script("return document.activeElement.id") == "temperature"
        and page.one("#text").get_attribute("value") == "hello"
        and not bodies(canned)
    )


@pytest.mark.parametrize("way", ["Ask again", "Try again", "Edit", "example"])
def test_a_setting_out_of_bounds_blocks_every_way_to_ask(page, canned, way):
    if way == "Try again":
        canned.replies, page.allowed = [pages.error(500, "server_error", "It failed.")], {500}
    if way != "example":
        say(page, "first")
    if way == "Edit":
        button(page, way).click()
        page.press(" again")
    page.one(".settings summary").click()
    page.one("#temperature").send_keys("3", Keys.ESCAPE)
    count = len(bodies(canned))
    if way == "Edit":
        page.one("textarea[aria-label='Your message']").send_keys(Keys.ENTER)
    else:
        (page.one(".example") if way == "example" else button(page, way)).click()
    assert page.script("return document.activeElement.id") == "temperature"
    page.press(Keys.BACKSPACE, Keys.ESCAPE)
    assert len(bodies(canned)) == count
    if way == "Edit":
        page.one("textarea[aria-label='Your message']").send_keys(Keys.ENTER)
    else:
        (page.one(".example") if way == "example" else button(page, way)).click()
    page.until(lambda: len(bodies(canned)) == count + 1)
    over(page)
    assert bodies(canned)[-1]["messages"] == [
        {"role": "user", "content": {"Edit": "first again", "example": "Add 9 and 4."}.get(way, "first")}
    ]


def test_earlier_turns_are_sent_without_thoughts_unless_switched_off(page, canned):
    canned.replies = [
        pages.reply(["Hm."], ["One."]),
        pages.error(500, "server_error", "It failed."),
        pages.reply([], ["Three."]),
    ]
    page.allowed = {500}
    for text in ("one", "two", "three"):
        say(page, text)
    assert bodies(canned)[2]["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "three"},
    ]
    page.one(".settings summary").click()
    page.one("#remember").click()
    say(page, "four")
    assert bodies(canned)[3]["messages"] == [{"role": "user", "content": "four"}]


def test_the_last_turn_can_be_edited_and_asked_again(page, canned):
    say(page, "first")
    page.one("#text").send_keys("a draft")
    button(page, "Edit").click()
    page.press(" and more", Keys.ESCAPE)
    assert page.text(".question") == "first"
    button(page, "Edit").click()
    canned.replies = [pages.reply([], ["Edited."])]
    page.press(" again", Keys.ENTER)
    page.until(lambda: page.all(".reply .text") and last(page, ".reply .text").text == "Edited.")
    over(page)
    button(page, "Ask again").click()
    page.until(lambda: len(bodies(canned)) == 3)
    over(page)
    assert [body["messages"] for body in bodies(canned)] == [
        [{"role": "user", "content": text}] for text in ("first", "first again", "first again")
    ]
    assert page.one("#text").get_attribute("value") == "a draft" and len(page.all(".turn")) == 1


def test_the_chat_continues_when_the_server_has_another_model(page, canned):
    canned.replies = [[chunk | {"model": "another"} for chunk in pages.reply([], ["Yes."])]]
    say(page, "first")
    assert last(page, ".reply .text").text == "Yes." and "model" not in bodies(canned)[0]
    assert page.text("#model") == page.one("#model").get_attribute("title") == "another"


def test_a_new_chat_forgets(page, canned):
    say(page, "first")
    page.one("#new").click()
    assert not page.all(".turn") and page.one("#welcome").is_displayed()
    say(page, "second")
    assert bodies(canned)[1]["messages"] == [{"role": "user", "content": "second"}]


def test_an_answer_can_be_copied(page, canned):
    page.run("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    canned.replies = [pages.reply(["Hm."], ["**One**", " two."])]
    say(page, "first")
    button(page, "Copy answer").click()
    page.until(lambda: "Copied" in last(page, ".tools").text)
    assert (
        page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0], arguments[0])")
        == "**One** two."
    )


# MARK: Accounts


def test_the_figures_of_a_reply(page, canned):
    canned.replies = [
        pages.reply(["a"] * 29, ["9"], p_think=0.9996),
        pages.reply([], ["9"], p_think=None, mode="short"),
    ]
    say(page, "one")
    assert kinds(page) == {
        "thinking": 29,
        "control": 4,
        "answer": 1,
        "prompt-text": 15,
        "prompt-image": 60,
        "cached": 8,
    }
    widths = [
        page.script("return arguments[0].getBoundingClientRect().width", part)
        for part in last(page, ".bar").find_elements("css selector", "span")
    ] + [0]
    account = last(page, ".account").text.replace("\u00a0", " ")
    assert (
        "> 0.999" in account
        and "\nthinking\n" in account
        and "26.1 tokens/s" in account
        and "first token 21.8 ms" in account.replace("\n", " ")
    )
    bar = page.all(".account .bar")[0].find_elements("css selector", "span")
    widths = [page.script("return arguments[0].getBoundingClientRect().width", part) for part in bar]
    assert widths[0] / sum(widths) == pytest.approx(29 / 34, abs=0.03)
    say(page, "two")
    assert "Requested mode short: non-thinking" in last(page, ".account").text and len(page.all(".gauge")) == 1


# MARK: Errors


def test_the_page_asks_for_a_key_and_stores_it_in_the_tab_only(visit, canned):
    canned.key = "secret"
    visit.allowed = {401}
    visit.open(canned.url)
    visit.until("dialog input").pop().send_keys("wrong", Keys.ENTER)
    visit.until(lambda: visit.all("dialog input") and visit.one("dialog input").get_attribute("value") == "")
    visit.one("dialog input").send_keys("secret", Keys.ENTER)
    visit.until(lambda: visit.text("#model") == "canned")
    say(visit, "hello")
    assert last(visit, ".reply .text").text == "Yes."
    assert visit.script("return [JSON.stringify(localStorage), document.cookie]") == ["{}", ""]
    assert visit.script("return Object.values(sessionStorage)") == ["secret"]


def test_a_key_that_no_header_can_contain_is_not_accepted(visit, canned):
    canned.key, visit.allowed = "secret", {401}
    visit.open(canned.url)
    visit.until("dialog input").pop().send_keys("secret…", Keys.ENTER)
    assert visit.all("dialog input:invalid") and visit.script("return sessionStorage.length") == 0
    visit.one("dialog input").send_keys(Keys.BACKSPACE, " ", Keys.ENTER)
    visit.until(lambda: visit.text("#model") == "canned")
    assert visit.script("return Object.values(sessionStorage)") == ["secret"]


def test_a_message_rejected_without_a_key_is_sent_again_with_the_key(page, canned):
    canned.key, page.allowed = "secret", {401}
    say(page, "hello")
    assert "An API key is required" in last(page, ".after").text
    page.until("dialog input").pop().send_keys("secret", Keys.ENTER)
    page.until(lambda: page.all(".reply .text") and last(page, ".reply .text").text == "Yes.")


ERRORS = [
    (429, "queue_full", "The server is busy", {"retry-after": "7"}),
    (503, "shutting_down", "The server is not ready", {"retry-after": "10"}),
    (413, "image_too_large", "Too large", {}),
    (400, "context_length_exceeded", "The server rejected the request", {}),
    (500, "server_error", "The server failed", {}),
]


@pytest.mark.parametrize("status, code, title, headers", ERRORS, ids=[str(error[0]) for error in ERRORS])
def test_a_rejection_is_shown_and_can_be_retried(page, canned, status, code, title, headers):
    canned.replies, page.allowed = [pages.error(status, code, "These are the server's words.", **headers)], {status}
    say(page, "hello")
    notice = last(page, ".notice").text
    assert title in notice and "These are the server's words." in notice
    assert all(f"waiting {value} seconds" in notice for value in headers.values())
    last(page, ".retry button").click()
    page.until(lambda: page.all(".reply .text") and last(page, ".reply .text").text == "Yes.")
    assert (
        len(page.all(".turn")) == 1
        and [body["messages"] for body in bodies(canned)] == [[{"role": "user", "content": "hello"}]] * 2
    )


def test_an_interrupted_stream_keeps_its_text(page, canned):
    canned.replies = [
        [*pages.reply([], ["Half", " an"])[:3], None],
        [pages.chunk({"content": "x"}), {"error": {"message": "Took too long.", "code": "deadline_exceeded"}}],
    ]
    say(page, "hello")
    assert last(page, ".reply .text").text == "Half an" and "The reply was interrupted" in last(page, ".notice").text
    last(page, ".retry button").click()
    page.until(lambda: page.all(".turn .notice") and "Took too long." in last(page, ".notice").text)
    assert "The server is not ready" in last(page, ".notice").text


def test_a_lost_network_loses_nothing(page, canned):
    page.allowed = {0}
    page.run("Network.enable", {})
    page.run(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    say(page, "hello")
    page.run(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    assert "No connection" in last(page, ".notice").text and page.text(".question") == "hello"
    last(page, ".retry button").click()
    page.until(lambda: page.all(".reply .text") and last(page, ".reply .text").text == "Yes.")


# MARK: Keyboard, themes, widths


def test_the_page_works_with_the_keyboard_alone(page, canned):
    page.press("line one", Keys.SHIFT, Keys.ENTER, Keys.NULL, "line two")
    assert page.one("#text").get_attribute("value") == "line one\nline two"
    seen = []
    for _ in range(4):
        page.press(Keys.TAB)
        seen.append(page.script("const e = document.activeElement; return e.id || e.value || e.tagName"))
    assert seen == ["attach", "auto", "SUMMARY", "send"]
    for keys in (
        [Keys.SHIFT, Keys.TAB],
        [Keys.SHIFT, Keys.TAB],
        [Keys.ARROW_RIGHT],
        [Keys.SHIFT, Keys.TAB],
        [Keys.SHIFT, Keys.TAB],
        [Keys.ENTER],
    ):
        page.press(*keys)
    over(page)
    assert (
        bodies(canned)[0]["thinking_mode"] == "long"
        and bodies(canned)[0]["messages"][0]["content"] == "line one\nline two"
    )
    outline = page.script(
        "const e = document.getElementById('new'); e.focus({focusVisible: true}); return getComputedStyle(e).outlineStyle"
    )
    assert outline == "solid"


def test_the_focus_is_never_lost(page, canned):
    focused = lambda: page.script("return document.activeElement.id || document.activeElement.tagName")
    slow = [*pages.reply([], ["Yes"])[:2], 0.4, *pages.reply([], ["Yes"])[2:]]
    canned.replies, page.allowed = [slow, pages.error(500, "server_error", "It failed."), slow, slow, slow], {500}
    page.press("hello", *[Keys.TAB] * 4)
    assert focused() == "send"
    page.press(Keys.ENTER)
    page.until(lambda: page.one("#stop").is_displayed())
    assert focused() == "stop"
    over(page)
    assert focused() == "text"
    for name in ("Ask again", "Try again", "Edit"):
        page.script("arguments[0].focus()", button(page, name))
        page.press(Keys.ENTER)
        if name == "Edit":
            page.press(Keys.TAB, Keys.TAB, Keys.ENTER)
        else:
            page.until(lambda: focused() in ("stop", "text"))
        over(page)
        assert focused() == "text", name
    # The page does not scroll a reader who is elsewhere.
    page.press("once more", Keys.ENTER)
    page.until(lambda: len(page.all(".turn")) == 2)
    page.script("document.getElementById('theme').focus()")
    over(page)
    assert focused() == "theme"


def test_the_theme_is_the_systems_until_another_is_chosen(page, canned):
    ground = lambda: page.script("return getComputedStyle(document.body).backgroundColor")
    light = ground()
    page.view(1280, "dark")
    dark = ground()
    assert light != dark
    page.one("#theme").send_keys("Light")
    assert ground() == light
    page.driver.get(canned.url + "/dashboard")
    assert ground() == light
    page.one("#theme").send_keys("System")
    assert ground() == dark


@pytest.mark.parametrize("width, theme", [(320, "dark"), (1440, "light")])
def test_every_state_of_the_chat_page_is_accessible(page, canned, width, theme):
    page.view(width, theme)
    found = {"empty": page.violations()}
    canned.replies = [
        pages.reply(["I see."], ["Two:\n\n- `a`\n\n```py\n" + "x" * 200 + "\n```"]),
        pages.error(429, "queue_full", "Busy.", **{"retry-after": "5"}),
        [*pages.reply(["I see", " five."])[:3], 9],
    ]
    page.allowed = {429}
    page.one("#files").send_keys(f"{DIGITS}\n{CIRCLE}")
    page.until("#images img")
    page.one(".settings summary").click()
    found["settings"] = page.violations()
    for state in ("reply", "error"):
        say(page, "hello")
        found[state] = page.violations()
    say(page, "hello", ends=False)
    page.until("details.thought[open]")
    found["thinking"] = page.violations()
    assert {state: list_ for state, list_ in found.items() if list_} == {} and page.overflow() == 0
