"""Helpers for the tests of the chat page."""

import base64
import json
import urllib.request

from browser import Keys
from conftest import MODEL

DIGITS, CIRCLE = MODEL / "golden" / "12-sum.png", MODEL / "golden" / "00-easyvqa.png"


def say(browser, text, *, ends=True):
    """Types a message, sends it, and waits for the end of the reply."""
    # A dialog that is closing still takes keys and returns the focus afterwards.
    browser.until(lambda: not browser.all("dialog"))
    replies = len(browser.all(".turn"))
    field = browser.one("#text")
    field.send_keys(text)
    browser.until(lambda: field.get_attribute("value").endswith(text))
    field.send_keys(Keys.ENTER)
    browser.until(lambda: len(browser.all(".turn")) == replies + 1)
    if ends:
        over(browser)


def over(browser):
    browser.until(
        lambda: (
            browser.script("return [...document.querySelectorAll('.reply')].at(-1)?.getAttribute('aria-busy')")
            == "false"
        )
    )


def last(browser, selector):
    return browser.all(f".turn {selector}")[-1]


def bodies(canned):
    return [body for path, body in canned.seen if path == "/v1/chat/completions"]


def kinds(browser):
    """Returns the numbers beside the bars of the last reply."""
    return {
        e.get_attribute("data-kind"): int(e.get_attribute("data-tokens"))
        for e in last(browser, ".account").find_elements("css selector", "[data-kind]")
    }


def asked(server, content):
    """Returns the server's reply to the same question over the API."""
    body = json.dumps({"messages": [{"role": "user", "content": content}]}).encode()
    with urllib.request.urlopen(
        urllib.request.Request(server.url + "/v1/chat/completions", body, {"content-type": "application/json"}),
        timeout=60,
    ) as reply:
        return json.load(reply)


def uri(path):
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
