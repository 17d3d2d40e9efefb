"""A headless Chromium for the tests of the pages. All tests share it; it records console messages and requests."""

import base64
import functools
import importlib.util
import json
import pathlib
import shutil

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait


@functools.cache
def axe():
    """Returns the script of axe-core from a package that is not imported, because importing it needs Playwright."""
    return (pathlib.Path(importlib.util.find_spec("axe_playwright_python").origin).parent / "axe.min.js").read_text()


class Browser:
    """Chromium with helpers for the tests. `allowed` are the error statuses that a test provokes on purpose."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.driver.set_script_timeout(20)
        self.run, self.script = self.driver.execute_cdp_cmd, self.driver.execute_script
        self.allowed = set()

    def begin(self, *urls):
        """Starts a new visit: nothing stored, a wide page, the light theme, the time zone of Berlin."""
        for url in urls:
            self.run("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
        self.driver.get("about:blank")
        self.run("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Berlin"})
        self.view(1280)
        self.allowed = set()

    def open(self, url):
        self.driver.get(url)
        # Session storage belongs to the tab, so clearing the origin does not clear it.
        if self.script("const had = sessionStorage.length > 0; sessionStorage.clear(); return had"):
            self.driver.get(url)

    def view(self, width, theme="light", height=800):
        self.run(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        features = [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.run("Emulation.setEmulatedMedia", {"features": features})

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).text.replace("\u00a0", " ")

    def press(self, *keys):
        """Sends keys to the focused element."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def until(self, condition, seconds=15):
        """Waits until a function, or a selector of a visible element, returns a true value; returns that value."""
        found = (
            (lambda: [e for e in self.all(condition) if e.is_displayed()]) if isinstance(condition, str) else condition
        )
        # The page may replace an element between finding and using it.
        passing = [NoSuchElementException, StaleElementReferenceException]
        return WebDriverWait(self.driver, seconds, 0.03, ignored_exceptions=passing).until(lambda _: found())

    def module(self, name, code, *arguments):
        """Runs an async function with a module of the page (`m`) and the arguments (`a`); returns its result."""
        script = f"const done = arguments[arguments.length - 1], a = [...arguments]; import('{name}').then(async m => {{ {code} }}).then(done, e => done('error: ' + e))"
        return self.driver.execute_async_script(script, *arguments)

    def violations(self):
        """Returns the violations that axe finds on the page, in short."""
        self.script(axe())
        result = self.driver.execute_async_script("axe.run(document, {resultTypes: ['violations']}).then(arguments[0])")
        return [(rule["id"], [node["html"][:160] for node in rule["nodes"]]) for rule in result["violations"]]

    def overflow(self):
        """Returns by how many pixels the page is wider than the window."""
        return self.script("return document.scrollingElement.scrollWidth - document.documentElement.clientWidth")

    def image(self, path):
        """Saves the page as a PNG for people."""
        data = self.run("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True})["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def logs(self):
        """Returns unexpected console messages since the last call, and the requested addresses."""
        lines = []
        for entry in self.driver.get_log("browser"):
            expected = entry["source"] == "network" and any(
                f"status of {status} " in entry["message"] for status in self.allowed
            )
            if not expected and not (entry["source"] == "network" and 0 in self.allowed):
                lines.append(entry["message"])
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return lines, [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]

    def quit(self):
        self.driver.quit()


__all__ = ["Browser", "By", "Keys"]
