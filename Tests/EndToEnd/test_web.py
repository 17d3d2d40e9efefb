"""The chat page in Chromium: against the server itself, and against a server whose answers are ours."""
import base64
import json
import time
import urllib.request

import pages
import pytest
from browser import Keys
from conftest import MODEL

STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"
DIGITS, CIRCLE = MODEL / "golden" / "12-sum.png", MODEL / "golden" / "00-easyvqa.png"


@pytest.fixture
def page(visit, canned):
    """The chat page of the canned server."""
    visit.open(canned.url)
    visit.until(lambda: visit.text("#model") == "canned")
    return visit


def say(browser, text, *, ends=True):
    """Types a message, sends it, and waits for the end of the reply."""
    replies = len(browser.all(".turn"))
    browser.one("#text").send_keys(text, Keys.ENTER)
    browser.until(lambda: len(browser.all(".turn")) == replies + 1)
    if ends:
        over(browser)


def over(browser):
    browser.until(lambda: browser.script("return [...document.querySelectorAll('.reply')].at(-1)?.getAttribute('aria-busy')") == "false")


def last(browser, selector):
    return browser.all(f".turn {selector}")[-1]


def bodies(canned):
    return [body for path, body in canned.seen if path == "/v1/chat/completions"]


def kinds(browser):
    """The numbers beside the bars of the last reply."""
    return {e.get_attribute("data-kind"): int(e.get_attribute("data-tokens")) for e in last(browser, ".account").find_elements("css selector", "[data-kind]")}


def asked(server, content):
    """What the server answers to a program that asks the same."""
    body = json.dumps({"messages": [{"role": "user", "content": content}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(server.url + "/v1/chat/completions", body, {"content-type": "application/json"}), timeout=60) as reply:
        return json.load(reply)


def uri(path):
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


# MARK: With the server

@pytest.mark.parametrize("question", ["Add 9 and 4.", STORY])
def test_a_reply_and_its_account_are_those_of_the_api(visit, server, question):
    expected = asked(server, question)
    visit.open(server.url)
    visit.until(lambda: visit.text("#model") == "r-tiny")
    say(visit, question)
    message, thinking, usage = expected["choices"][0]["message"], expected["thinking"], expected["usage"]
    assert last(visit, ".reply .text").text == message["content"]
    shown = kinds(visit)
    assert [shown[kind] for kind in ("thinking", "control", "answer")] == [thinking[f"{kind}_tokens"] for kind in ("thinking", "control", "answer")]
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


def test_a_picture_is_looked_at(visit, server):
    visit.open(server.url)
    expected = asked(server, [{"type": "image_url", "image_url": {"url": uri(DIGITS)}}, {"type": "text", "text": "Add up the digits."}])
    visit.one("#files").send_keys(str(DIGITS))
    visit.until("#pictures img")
    say(visit, "Add up the digits.")
    assert last(visit, ".reply .text").text == expected["choices"][0]["message"]["content"] == "9"
    assert kinds(visit)["prompt-image"] == expected["usage"]["prompt_tokens_details"]["image_tokens"] > 0


def test_an_example_is_one_click(visit, server):
    visit.open(server.url)
    visit.all(".example")[3].click()
    over(visit)
    assert last(visit, ".reply .text").text == "yellow" and not visit.one("#welcome").is_displayed()


def test_a_long_reply_of_the_server_stops(visit, server):
    before = server.metric("r4b_request_failures_total")
    visit.open(server.url)
    # Neither the end of the turn nor that of the thought can be drawn, so this goes on until the context is full.
    visit.script("const real = window.fetch; window.fetch = (path, options) => real(path, options.body ? {...options, body: JSON.stringify({...JSON.parse(options.body), "
                 "logit_bias: {621: -100, 623: -100}, temperature: 1.5, stop_loops: false, answer_reserve: 0})} : options)")
    visit.one('label:has([value="long"])').click()
    say(visit, "Tell me something", ends=False)
    visit.until("details.thought")
    visit.one("#stop").click()
    over(visit)
    assert "Stopped" in last(visit, ".after").text and last(visit, ".thought-text").get_attribute("textContent")
    visit.until(lambda: server.metric("r4b_request_failures_total") == before + 1)


def test_the_policy_of_the_canned_server_is_that_of_the_server(server):
    with urllib.request.urlopen(server.url + "/", timeout=10) as reply:
        assert reply.headers["content-security-policy"] == pages.POLICY


# MARK: Pictures

def drop(browser, kind, path):
    browser.script("""
      const [kind, name, data] = arguments;
      const file = new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, {type: "image/png"});
      const transfer = new DataTransfer();
      transfer.items.add(file);
      const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true})
        : new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true});
      document.getElementById("text").dispatchEvent(event);
    """, kind, path.name, base64.b64encode(path.read_bytes()).decode())


@pytest.mark.parametrize("way", ["files", "drop", "paste"])
def test_pictures_come_by_dialog_drop_and_paste(page, canned, way):
    for count, path in enumerate((DIGITS, CIRCLE), 1):
        if way == "files":
            page.one("#files").send_keys(str(path))
        else:
            drop(page, way, path)
        page.until(lambda: len(page.all("#pictures img")) == count)
    assert "2 pictures" in page.text("#pictures-note") and "64 MiB" in page.text("#pictures-note")
    say(page, "What is there?")
    content = bodies(canned)[0]["messages"][0]["content"]
    assert content == [{"type": "image_url", "image_url": {"url": uri(path)}} for path in (DIGITS, CIRCLE)] + [{"type": "text", "text": "What is there?"}]
    assert not page.all("#pictures img") and len(page.all(".turn .sent img")) == 2


def test_a_message_waits_for_its_picture(page, canned):
    page.script("""
      const bytes = new Uint8Array(8 << 20), transfer = new DataTransfer(), text = document.getElementById("text");
      transfer.items.add(new File([bytes], "large.png", {type: "image/png"}));
      dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
      text.value = "What is it?";
      text.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", cancelable: true}));
    """)
    page.until(lambda: bodies(canned))
    assert [part["type"] for part in bodies(canned)[0]["messages"][0]["content"]] == ["image_url", "text"]
    over(page)


def test_a_picture_can_be_taken_away_and_other_files_are_refused(page, canned, tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("no picture")
    page.one("#files").send_keys(f"{DIGITS}\n{CIRCLE}\n{other}")
    page.until(lambda: len(page.all("#pictures img")) == 2)
    assert "notes.txt is not a PNG" in page.text("#pictures-note")
    page.one(f'[aria-label="Remove {DIGITS.name}"]').click()
    assert page.script("return document.activeElement.getAttribute('aria-label')") == f"Remove {CIRCLE.name}"
    page.one("#text").send_keys(Keys.ENTER)
    over(page)
    assert bodies(canned)[0]["messages"][0]["content"] == [{"type": "image_url", "image_url": {"url": uri(CIRCLE)}}]


def test_a_picture_too_large_is_told_before_it_is_sent(page):
    page.script("""
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(33 << 20)], "large.png", {type: "image/png"}));
      dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
    """)
    page.until(lambda: "Larger than the 32 MiB a picture may have: large.png" in page.text("#pictures-note"))


# MARK: The stream

def test_a_thought_is_open_while_it_comes_and_folds_before_the_answer(page, canned):
    canned.replies = [[*pages.reply(["I see", " five."])[:3], 0.6, *pages.reply(["I see", " five."], ["5"])[3:]]]
    say(page, "What?", ends=False)
    page.until(lambda: page.all(".thought-text") and "five" in last(page, ".thought-text").text)
    assert last(page, "details.thought").get_attribute("open") and "Thinking · about 2 tokens" in last(page, "summary").text
    over(page)
    assert last(page, "details.thought").get_attribute("open") is None and "Thought · 2 tokens" in last(page, "summary").text


def test_a_thought_that_the_reader_folded_stays_folded(page, canned):
    canned.replies = [[*pages.reply(["I see"])[:2], 0.5, *pages.reply(["I see", " more"])[2:3], 0.5, *pages.reply(["I see", " more"], ["5"])[3:]]]
    say(page, "What?", ends=False)
    page.until("details.thought")
    last(page, "summary").click()
    page.until(lambda: "Thinking · about 2 tokens" in last(page, "summary").text)
    assert last(page, "details.thought").get_attribute("open") is None
    over(page)
    assert last(page, "details.thought").get_attribute("open") is None
    last(page, "summary").click()
    assert last(page, ".thought-text").is_displayed()


@pytest.mark.parametrize("way", ["button", "escape"])
def test_a_reply_stops_and_keeps_what_came(page, canned, way):
    canned.replies = [[*pages.reply([], ["It", " is", " so"])[:4], *[0.1, pages.chunk({"content": "."})] * 100]]
    say(page, "Why?", ends=False)
    page.until(lambda: page.all(".reply .text") and "It is so" in last(page, ".reply .text").text)
    if way == "button":
        page.one("#stop").click()
    else:
        page.press(Keys.ESCAPE)
    over(page)
    assert "Stopped" in last(page, ".after").text and last(page, ".reply .text").text.startswith("It is so")
    assert canned.left.wait(5)
    assert page.script("return document.activeElement.id") == "text" and page.one("#send").is_displayed()
    say(page, "And now?")
    assert [m["role"] for m in bodies(canned)[1]["messages"]] == ["user", "assistant", "user"]


def test_progress_is_told_before_the_first_token(page, canned):
    canned.replies = [[pages.chunk(progress={"choice": 0, "stage": "image", "image": 1, "done": 4, "total": 16}), 0.5, *pages.reply([], ["Yes"])]]
    say(page, "What?", ends=False)
    page.until(lambda: page.all(".waiting") and last(page, ".waiting").text == "Looking at picture 2… 25 %")
    over(page)
    assert not last(page, ".waiting").is_displayed()


def test_a_screen_reader_hears_little(page, canned):
    canned.replies = [[event for piece in pages.reply(["a "] * 60, ["b "] * 60) for event in (piece, 0.002)]]
    page.script("window.said = []; new MutationObserver(() => said.push(document.getElementById('status').textContent)).observe(document.getElementById('status'), {childList: true})")
    say(page, "What?")
    said = page.script("return said")
    assert said == ["Waiting for the reply.", "Thinking.", "Answering.", "Reply: " + "b " * 60]
    assert not page.all(".turn [aria-live], .turn [role=status], .turn [role=log]")


def test_events_are_read_wherever_the_bytes_are_cut(page):
    text = ": comment\n\ndata: {\"a\": 1}\n\ndata: zwei ✓ 🎉\r\n\r\nevent: x\ndata:one\rdata: two\r\rdata: three\r\ndata: four\r\n\r\ndata: lost"
    found = page.module("./stream.js", """
      const bytes = new TextEncoder().encode(a[0]), results = new Set();
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        const stream = new ReadableStream({start(c) { for (const part of [bytes.slice(0, cut), bytes.slice(cut)]) if (part.length) c.enqueue(part); c.close(); }});
        const list = [];
        for await (const data of m.events(stream)) list.push(data);
        results.add(JSON.stringify(list));
      }
      return [...results];""", text)
    assert [json.loads(one) for one in found] == [['{"a": 1}', "zwei ✓ 🎉", "one\ntwo", "three\nfour"]]


# MARK: Text

TEXTS = [
    ("", []),
    ("a\nb\n\nc", [{"kind": "paragraph", "text": "a\nb"}, {"kind": "paragraph", "text": "c"}]),
    ("# Head #\ntext", [{"kind": "heading", "text": "Head"}, {"kind": "paragraph", "text": "text"}]),
    ("- a\n\n- b\n  more\n1. c\n2) d", [{"kind": "list", "start": None, "items": ["a", "b\nmore"]}, {"kind": "list", "start": 1, "items": ["c", "d"]}]),
    ("7. x", [{"kind": "list", "start": 7, "items": ["x"]}]),
    ("```swift\nlet a = 1\n\n# no head\n```\nafter", [{"kind": "code", "language": "swift", "text": "let a = 1\n\n# no head\n"}, {"kind": "paragraph", "text": "after"}]),
    ("~~~\n```\n~~~", [{"kind": "code", "language": "", "text": "```\n"}]),
    ("````\n```\n````", [{"kind": "code", "language": "", "text": "```\n"}]),
    ("```\nopen", [{"kind": "code", "language": "", "text": "open\n"}]),
    ("- a\n\ntext", [{"kind": "list", "start": None, "items": ["a"]}, {"kind": "paragraph", "text": "text"}]),
    ("-5 and 2.5 and #tag", [{"kind": "paragraph", "text": "-5 and 2.5 and #tag"}]),
    ("a\r\nb", [{"kind": "paragraph", "text": "a\nb"}]),
]


def test_text_is_cut_into_blocks(page):
    found = page.module("./text.js", "return a[0].map(m.blocks)", [text for text, _ in TEXTS])
    assert found == [blocks for _, blocks in TEXTS]


def test_a_growing_text_is_shown_as_the_whole_one_is(page):
    text = "\n\n".join(text for text, _ in TEXTS if text)
    assert page.module("./text.js", """
      const grown = new m.TextView(), at = [];
      for (let end = 0; end <= a[0].length; end += 1) {
        const whole = new m.TextView();
        grown.update(a[0].slice(0, end));
        whole.update(a[0].slice(0, end));
        if (grown.element.innerHTML !== whole.element.innerHTML) at.push(end);
      }
      return at;""", text) == []


def test_code_and_bold_within_a_line(page):
    found = page.module("./text.js", """
      const p = document.createElement("p");
      return a[0].map((text) => { p.replaceChildren(...m.inline(text)); return p.innerHTML; });""",
                        ["a `b*` c", "``a`b``", "**bold** 2 ** 3 ** 4", "`open", "x ** y", "`a`b`", "<b>&amp;"])
    assert found == ["a <code>b*</code> c", "<code>a`b</code>", "<strong>bold</strong> 2 ** 3 ** 4", "`open", "x ** y", "<code>a</code>b`", "&lt;b&gt;&amp;amp;"]


def test_markup_of_a_model_is_text(page, canned):
    evil = "<img src=x onerror=alert(1)><b>bold</b>\n\n```<i>\n<script>alert(2)</script>\n```\n- <a href=javascript:alert(3)>x</a>"
    canned.replies = [pages.reply([evil], [evil])]
    say(page, evil.splitlines()[0])
    assert not page.all(".turn img, .turn b, .turn i, .turn script, .turn a")
    assert "<img src=x onerror=alert(1)><b>bold</b>" in last(page, ".reply .text").text == "\n".join(line for line in last(page, ".reply .text").text.splitlines())


def test_strange_texts_stay_within_the_page(page, canned):
    page.view(320)
    canned.replies = [pages.reply(["w" * 400], ["Donaudampfschiff" * 40 + "\n\nمرحبا بالعالم 🎉\n\n```\n" + "x" * 400 + "\n```"], finish="length"), pages.reply(["Hm."], [])]
    say(page, "u" * 300)
    assert page.overflow() == 0 and "Cut at the reply's limit" in last(page, ".after").text
    arabic = [p for p in page.all(".reply .text p") if "مرحبا" in p.text][0]
    assert page.script("return getComputedStyle(arguments[0]).direction", arabic) == "rtl"
    say(page, "nothing")
    assert "The answer is empty." in last(page, ".after").text and page.overflow() == 0


def test_a_long_reply_does_not_slow_the_page(page, canned):
    canned.replies = [pages.reply([], ["word "] * 3000 + ["\n\n- item"] * 300)]
    begin = time.monotonic()
    say(page, "Go on")
    assert time.monotonic() - begin < 10 and kinds(page)["answer"] == 3300


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
    settings = [{name: value for name, value in body.items() if name not in ("messages", "model", "stream", "stream_options")} for body in bodies(canned)]
    given = {"max_completion_tokens": 256, "temperature": 0.7}
    assert settings == [{"thinking_mode": "auto"}, {"thinking_mode": "long", "thinking_budget": 64} | given, {"thinking_mode": "short"} | given,
                        {"thinking_mode": "auto", "thinking_budget": 64, "think_bias": -4} | given]
    assert all(body["stream"] and body["stream_options"] == {"include_usage": True, "include_progress": True} and body["model"] == "canned" for body in bodies(canned))


def test_a_setting_out_of_bounds_is_not_sent(page, canned):
    page.one(".settings summary").click()
    page.one("#temperature").send_keys("3")
    page.one("#text").send_keys("hello", Keys.ENTER)
    assert page.script("return document.activeElement.id") == "temperature" and page.one("#text").get_attribute("value") == "hello" and not bodies(canned)


def test_earlier_turns_are_sent_again_without_thoughts_unless_told_not_to(page, canned):
    canned.replies = [pages.reply(["Hm."], ["One."]), pages.error(500, "server_error", "It failed."), pages.reply([], ["Three."])]
    page.allowed = {500}
    for text in ("one", "two", "three"):
        say(page, text)
    assert bodies(canned)[2]["messages"] == [{"role": "user", "content": "one"}, {"role": "assistant", "content": "One."}, {"role": "user", "content": "three"}]
    page.one(".settings summary").click()
    page.one("#remember").click()
    say(page, "four")
    assert bodies(canned)[3]["messages"] == [{"role": "user", "content": "four"}]


def test_the_last_turn_can_be_edited_and_asked_again(page, canned):
    say(page, "first")
    page.one("#text").send_keys("a draft")
    [button for button in page.all(".turn .tools button") if button.text == "Edit"][0].click()
    page.press(" and more", Keys.ESCAPE)
    assert page.text(".question") == "first"
    [button for button in page.all(".turn .tools button") if button.text == "Edit"][0].click()
    canned.replies = [pages.reply([], ["Edited."])]
    page.press(" again", Keys.ENTER)
    page.until(lambda: page.all(".reply .text") and last(page, ".reply .text").text == "Edited.")
    over(page)
    [button for button in page.all(".turn .tools button") if button.text == "Ask again"][0].click()
    page.until(lambda: len(bodies(canned)) == 3)
    over(page)
    assert [body["messages"] for body in bodies(canned)] == [[{"role": "user", "content": text}] for text in ("first", "first again", "first again")]
    assert page.one("#text").get_attribute("value") == "a draft" and len(page.all(".turn")) == 1


def test_a_new_chat_forgets(page, canned):
    say(page, "first")
    page.one("#new").click()
    assert not page.all(".turn") and page.one("#welcome").is_displayed()
    say(page, "second")
    assert bodies(canned)[1]["messages"] == [{"role": "user", "content": "second"}]


def test_an_answer_is_copied(page, canned):
    page.run("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    canned.replies = [pages.reply(["Hm."], ["**One**", " two."])]
    say(page, "first")
    [button for button in page.all(".turn .tools button") if button.text == "Copy answer"][0].click()
    page.until(lambda: "Copied" in last(page, ".tools").text)
    assert page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0], arguments[0])") == "**One** two."


# MARK: Accounts

def test_the_account_of_a_reply(page, canned):
    canned.replies = [pages.reply(["a"] * 29, ["9"], p_think=0.9996), pages.reply([], ["9"], p_think=None, mode="short")]
    say(page, "one")
    assert kinds(page) == {"thinking": 29, "control": 4, "answer": 1, "prompt-text": 15, "prompt-image": 60, "cached": 8}
    widths = [page.script("return arguments[0].getBoundingClientRect().width", part) for part in last(page, ".bar").find_elements("css selector", "span")] + [0]
    account = last(page, ".account").text.replace("\u00a0", " ")
    assert "> 0.999" in account and "thought" in account and "26.1 tokens/s" in account and "first token 21.8 ms" in account.replace("\n", " ")
    bar = page.all(".account .bar")[0].find_elements("css selector", "span")
    widths = [page.script("return arguments[0].getBoundingClientRect().width", part) for part in bar]
    assert widths[0] / sum(widths) == pytest.approx(29 / 34, abs=0.03)
    say(page, "two")
    assert "Mode short: answered directly" in last(page, ".account").text and len(page.all(".gauge")) == 1


# MARK: Errors

def test_a_key_is_asked_for_and_kept_in_the_tab_only(visit, canned):
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


def test_a_message_refused_for_want_of_a_key_is_sent_once_there_is_one(page, canned):
    canned.key, page.allowed = "secret", {401}
    say(page, "hello")
    assert "A key is needed" in last(page, ".after").text
    page.until("dialog input").pop().send_keys("secret", Keys.ENTER)
    page.until(lambda: page.all(".reply .text") and last(page, ".reply .text").text == "Yes.")


ERRORS = [(429, "queue_full", "The server is busy", {"retry-after": "7"}), (503, "shutting_down", "The server is not ready", {"retry-after": "10"}),
          (413, "image_too_large", "Too large", {}), (400, "context_length_exceeded", "The server refused this", {}), (500, "server_error", "The server failed", {})]


@pytest.mark.parametrize("status, code, title, headers", ERRORS, ids=[str(error[0]) for error in ERRORS])
def test_a_refusal_is_told_and_tried_again(page, canned, status, code, title, headers):
    canned.replies, page.allowed = [pages.error(status, code, "These are the server's words.", **headers)], {status}
    say(page, "hello")
    notice = last(page, ".notice").text
    assert title in notice and "These are the server's words." in notice
    assert all(f"waiting {value} seconds" in notice for value in headers.values())
    last(page, ".retry button").click()
    page.until(lambda: page.all(".reply .text") and last(page, ".reply .text").text == "Yes.")
    assert len(page.all(".turn")) == 1 and [body["messages"] for body in bodies(canned)] == [[{"role": "user", "content": "hello"}]] * 2


def test_a_stream_that_breaks_off_keeps_what_came(page, canned):
    canned.replies = [[*pages.reply([], ["Half", " an"])[:3], None], [pages.chunk({"content": "x"}), {"error": {"message": "Took too long.", "code": "deadline_exceeded"}}]]
    say(page, "hello")
    assert last(page, ".reply .text").text == "Half an" and "The reply broke off" in last(page, ".notice").text
    last(page, ".retry button").click()
    page.until(lambda: page.all(".turn .notice") and "Took too long." in last(page, ".notice").text)
    assert "The server is not ready" in last(page, ".notice").text


def test_a_lost_network_loses_nothing(page, canned):
    page.allowed = {0}
    page.run("Network.enable", {})
    page.run("Network.emulateNetworkConditions", {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    say(page, "hello")
    page.run("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    assert "No connection" in last(page, ".notice").text and page.text(".question") == "hello"
    last(page, ".retry button").click()
    page.until(lambda: page.all(".reply .text") and last(page, ".reply .text").text == "Yes.")


# MARK: Keyboard, themes, widths

def test_the_keyboard_is_enough(page, canned):
    page.press("line one", Keys.SHIFT, Keys.ENTER, Keys.NULL, "line two")
    assert page.one("#text").get_attribute("value") == "line one\nline two"
    seen = []
    for _ in range(4):
        page.press(Keys.TAB)
        seen.append(page.script("const e = document.activeElement; return e.id || e.value || e.tagName"))
    assert seen == ["attach", "auto", "SUMMARY", "send"]
    for keys in ([Keys.SHIFT, Keys.TAB], [Keys.SHIFT, Keys.TAB], [Keys.ARROW_RIGHT], [Keys.SHIFT, Keys.TAB], [Keys.SHIFT, Keys.TAB], [Keys.ENTER]):
        page.press(*keys)
    over(page)
    assert bodies(canned)[0]["thinking_mode"] == "long" and bodies(canned)[0]["messages"][0]["content"] == "line one\nline two"
    outline = page.script("const e = document.getElementById('new'); e.focus({focusVisible: true}); return getComputedStyle(e).outlineStyle")
    assert outline == "solid"


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
    canned.replies = [pages.reply(["I see."], ["Two:\n\n- `a`\n\n```py\n" + "x" * 200 + "\n```"]), pages.error(429, "queue_full", "Busy.", **{"retry-after": "5"}),
                      [*pages.reply(["I see", " five."])[:3], 9]]
    page.allowed = {429}
    page.one("#files").send_keys(f"{DIGITS}\n{CIRCLE}")
    page.until("#pictures img")
    page.one(".settings summary").click()
    found["settings"] = page.violations()
    for state in ("reply", "error"):
        say(page, "hello")
        found[state] = page.violations()
    say(page, "hello", ends=False)
    page.until("details.thought[open]")
    found["thinking"] = page.violations()
    assert {state: list_ for state, list_ in found.items() if list_} == {} and page.overflow() == 0
