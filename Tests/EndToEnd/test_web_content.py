"""What passes through the chat page: images in, the stream and its text out."""

import base64
import json
import time

import pages
import pytest
from browser import Keys
from chat_page import CIRCLE, DIGITS, bodies, kinds, last, over, say, uri

# MARK: Images


def drop(browser, kind, path):
    browser.script(
        """
      const [kind, name, data] = arguments;
      const file = new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, {type: "image/png"});
      const transfer = new DataTransfer();
      transfer.items.add(file);
      const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true})
        : new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true});
      document.getElementById("text").dispatchEvent(event);
    """,
        kind,
        path.name,
        base64.b64encode(path.read_bytes()).decode(),
    )


@pytest.mark.parametrize("way", ["files", "drop", "paste"])
def test_images_arrive_by_dialog_drop_and_paste(page, canned, way):
    for count, path in enumerate((DIGITS, CIRCLE), 1):
        if way == "files":
            page.one("#files").send_keys(str(path))
        else:
            drop(page, way, path)
        page.until(lambda: len(page.all("#images img")) == count)
    assert "2 images" in page.text("#images-note") and "64 MiB" in page.text("#images-note")
    say(page, "What is there?")
    content = bodies(canned)[0]["messages"][0]["content"]
    assert content == [{"type": "image_url", "image_url": {"url": uri(path)}} for path in (DIGITS, CIRCLE)] + [
        {"type": "text", "text": "What is there?"}
    ]
    assert not page.all("#images img") and len(page.all(".turn .sent img")) == 2


def test_cells_of_a_spreadsheet_are_pasted_as_text(page):
    is_left_to_the_browser = page.script("""
      const transfer = new DataTransfer(), text = document.getElementById("text");
      transfer.items.add("1\\t2", "text/plain");
      transfer.items.add(new File([new Uint8Array(9)], "image.png", {type: "image/png"}));
      return text.dispatchEvent(new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true}));""")
    page.driver.execute_async_script("setTimeout(arguments[0], 100)")
    assert is_left_to_the_browser and not page.all("#images img")


def test_a_message_waits_for_its_image(page, canned):
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


def test_an_image_can_be_removed_and_other_files_are_rejected(page, canned, tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("no image")
    page.one("#files").send_keys(f"{DIGITS}\n{CIRCLE}\n{other}")
    page.until(lambda: len(page.all("#images img")) == 2)
    assert "notes.txt is not a PNG" in page.text("#images-note")
    page.one(f'[aria-label="Remove {DIGITS.name}"]').click()
    assert page.script("return document.activeElement.getAttribute('aria-label')") == f"Remove {CIRCLE.name}"
    page.one("#text").send_keys(Keys.ENTER)
    over(page)
    assert bodies(canned)[0]["messages"][0]["content"] == [{"type": "image_url", "image_url": {"url": uri(CIRCLE)}}]


def test_an_image_too_large_is_reported_before_it_is_sent(page):
    page.script("""
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(33 << 20)], "large.png", {type: "image/png"}));
      dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
    """)
    page.until(lambda: "Larger than the limit of 32 MiB per image: large.png" in page.text("#images-note"))


def test_images_beyond_the_limit_are_not_sent_again(page, canned):
    for turn, (paths, text) in enumerate(
        [
            ([DIGITS], ""),
            ([DIGITS, CIRCLE], "two"),
            ([CIRCLE] * 5, "five"),
            ([], "none"),
            ([DIGITS, CIRCLE], "more"),
            ([CIRCLE] * 8, "eight"),
        ]
    ):
        for path in paths:
            page.one("#files").send_keys(str(path))
        page.until(lambda: len(page.all("#images img")) == len(paths))
        say(page, text)
    sent = [
        [
            sum(part["type"] == "image_url" for part in m["content"]) if isinstance(m["content"], list) else 0
            for m in body["messages"]
            if m["role"] == "user"
        ]
        for body in bodies(canned)
    ]
    # A turn sends all of its images or none. The first turn has only its image; without it, the turn is omitted.
    assert sent == [[1], [1, 2], [1, 2, 5], [1, 2, 5, 0], [0, 5, 0, 2], [0, 0, 0, 0, 8]]
    assert [m["content"] for m in bodies(canned)[5]["messages"][:8:2]] == ["two", "five", "none", "more"]
    assert all(m["role"] == ("user", "assistant")[index % 2] for index, m in enumerate(bodies(canned)[5]["messages"]))


def test_images_too_large_together_are_not_sent_again(page):
    found = page.module(
        "./conversation.js",
        """
      const conversation = new m.Conversation(), image = {name: "p", url: "x".repeat(a[0]), bytes: 1};
      for (const text of ["one", "two", "three"]) {
        const turn = conversation.add(text, [image]);
        turn.reply.answer = "Yes.";
      }
      return conversation.messages(conversation.last, true).map((message) => typeof message.content);""",
        24 << 20,
    )
    assert found == ["string", "string", "object", "string", "object"]


# MARK: The stream


def test_a_thought_is_open_while_it_streams_and_folds_before_the_answer(page, canned):
    canned.replies = [[*pages.reply(["I see", " five."])[:3], 0.6, *pages.reply(["I see", " five."], ["5"])[3:]]]
    say(page, "What?", ends=False)
    page.until(lambda: page.all(".thought-text") and "five" in last(page, ".thought-text").text)
    assert (
        last(page, "details.thought").get_attribute("open")
        and "Thinking · about 2 tokens" in last(page, "summary").text
    )
    over(page)
    assert (
        last(page, "details.thought").get_attribute("open") is None
        and "Thought · 2 tokens" in last(page, "summary").text
    )


def test_a_thought_that_the_reader_folded_stays_folded(page, canned):
    canned.replies = [
        [
            *pages.reply(["I see"])[:2],
            0.5,
            *pages.reply(["I see", " more"])[2:3],
            0.5,
            *pages.reply(["I see", " more"], ["5"])[3:],
        ]
    ]
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
def test_a_stopped_reply_keeps_its_text(page, canned, way):
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


def test_progress_is_shown_before_the_first_token(page, canned):
    canned.replies = [
        [
            pages.chunk(progress={"choice": 0, "stage": "image", "image": 1, "done": 4, "total": 16}),
            0.5,
            *pages.reply([], ["Yes"]),
        ]
    ]
    say(page, "What?", ends=False)
    page.until(lambda: page.all(".waiting") and last(page, ".waiting").text == "Encoding image 2… 25 %")
    over(page)
    assert not last(page, ".waiting").is_displayed()


def test_a_screen_reader_gets_few_announcements(page, canned):
    canned.replies = [[event for piece in pages.reply(["a "] * 60, ["b "] * 60) for event in (piece, 0.002)]]
    page.script(
        "window.said = []; new MutationObserver(() => said.push(document.getElementById('status').textContent)).observe(document.getElementById('status'), {childList: true})"
    )
    say(page, "What?")
    said = page.script("return said")
    assert said == ["Waiting for the reply.", "Thinking.", "Answering.", "Reply: " + "b " * 60]
    assert not page.all(".turn [aria-live], .turn [role=status], .turn [role=log]")


def test_events_are_read_however_the_bytes_are_split(page):
    text = ': comment\n\ndata: {"a": 1}\n\ndata: zwei ✓ 🎉\r\n\r\nevent: x\ndata:one\rdata: two\r\rdata: three\r\ndata: four\r\n\r\ndata: lost'
    found = page.module(
        "./stream.js",
        """
      const bytes = new TextEncoder().encode(a[0]), results = new Set();
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        const stream = new ReadableStream({start(c) { for (const part of [bytes.slice(0, cut), bytes.slice(cut)]) if (part.length) c.enqueue(part); c.close(); }});
        const list = [];
        for await (const data of m.events(stream)) list.push(data);
        results.add(JSON.stringify(list));
      }
      return [...results];""",
        text,
    )
    assert [json.loads(one) for one in found] == [['{"a": 1}', "zwei ✓ 🎉", "one\ntwo", "three\nfour"]]


# MARK: Text

TEXTS = [
    ("", []),
    ("a\nb\n\nc", [{"kind": "paragraph", "text": "a\nb"}, {"kind": "paragraph", "text": "c"}]),
    ("# Head #\ntext", [{"kind": "heading", "text": "Head"}, {"kind": "paragraph", "text": "text"}]),
    (
        "- a\n\n- b\n  more\n1. c\n2) d",
        [{"kind": "list", "start": None, "items": ["a", "b\nmore"]}, {"kind": "list", "start": 1, "items": ["c", "d"]}],
    ),
    ("7. x", [{"kind": "list", "start": 7, "items": ["x"]}]),
    (
        "```swift\nlet a = 1\n\n# no head\n```\nafter",
        [
            {"kind": "code", "language": "swift", "text": "let a = 1\n\n# no head\n"},
            {"kind": "paragraph", "text": "after"},
        ],
    ),
    ("~~~\n```\n~~~", [{"kind": "code", "language": "", "text": "```\n"}]),
    ("````\n```\n````", [{"kind": "code", "language": "", "text": "```\n"}]),
    ("```\nopen", [{"kind": "code", "language": "", "text": "open\n"}]),
    ("- a\n\ntext", [{"kind": "list", "start": None, "items": ["a"]}, {"kind": "paragraph", "text": "text"}]),
    ("-5 and 2.5 and #tag", [{"kind": "paragraph", "text": "-5 and 2.5 and #tag"}]),
    ("a\r\nb", [{"kind": "paragraph", "text": "a\nb"}]),
]


def test_text_is_split_into_blocks(page):
    found = page.module("./text.js", "return a[0].map(m.blocks)", [text for text, _ in TEXTS])
    assert found == [blocks for _, blocks in TEXTS]


def test_a_growing_text_looks_like_the_whole_text(page):
    text = "\n\n".join(text for text, _ in TEXTS if text)
    assert (
        page.module(
            "./text.js",
            """
      const grown = new m.TextView(), at = [];
      for (let end = 0; end <= a[0].length; end += 1) {
        const whole = new m.TextView();
        grown.update(a[0].slice(0, end));
        whole.update(a[0].slice(0, end));
        if (grown.element.innerHTML !== whole.element.innerHTML) at.push(end);
      }
      return at;""",
            text,
        )
        == []
    )


def test_code_and_bold_within_a_line(page):
    found = page.module(
        "./text.js",
        """
      const p = document.createElement("p");
      return a[0].map((text) => { p.replaceChildren(...m.inline(text)); return p.innerHTML; });""",
        ["a `b*` c", "``a`b``", "**bold** 2 ** 3 ** 4", "`open", "x ** y", "`a`b`", "<b>&amp;"],
    )
    assert found == [
        "a <code>b*</code> c",
        "<code>a`b</code>",
        "<strong>bold</strong> 2 ** 3 ** 4",
        "`open",
        "x ** y",
        "<code>a</code>b`",
        "&lt;b&gt;&amp;amp;",
    ]


def test_markup_from_a_model_stays_text(page, canned):
    evil = "<img src=x onerror=alert(1)><b>bold</b>\n\n```<i>\n<script>alert(2)</script>\n```\n- <a href=javascript:alert(3)>x</a>"
    canned.replies = [pages.reply([evil], [evil])]
    say(page, evil.splitlines()[0])
    assert not page.all(".turn img, .turn b, .turn i, .turn script, .turn a")
    assert (
        "<img src=x onerror=alert(1)><b>bold</b>"
        in last(page, ".reply .text").text
        == "\n".join(line for line in last(page, ".reply .text").text.splitlines())
    )


def test_unusual_texts_stay_within_the_page(page, canned):
    page.view(320)
    canned.replies = [
        pages.reply(
            ["w" * 400],
            ["Donaudampfschiff" * 40 + "\n\nمرحبا بالعالم 🎉\n\n```\n" + "x" * 400 + "\n```"],
            finish="length",
        ),
        pages.reply(["Hm."], []),
    ]
    say(page, "u" * 300)
    assert page.overflow() == 0 and "Cut at the reply limit" in last(page, ".after").text
    arabic = [p for p in page.all(".reply .text p") if "مرحبا" in p.text][0]
    assert page.script("return getComputedStyle(arguments[0]).direction", arabic) == "rtl"
    say(page, "nothing")
    assert "The answer is empty." in last(page, ".after").text and page.overflow() == 0


def test_a_long_reply_does_not_slow_the_page(page, canned):
    canned.replies = [pages.reply([], ["word "] * 3000 + ["\n\n- item"] * 300)]
    begin = time.monotonic()
    say(page, "Go on")
    assert time.monotonic() - begin < 10 and kinds(page)["answer"] == 3300
