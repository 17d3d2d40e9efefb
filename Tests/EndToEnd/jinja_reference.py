"""Chat templates rendered as transformers renders them, and llama.cpp's published templates: the reference of
test_templates.py."""

import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request

from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts" / "fixtures"))

from chat_template_environment import environment  # noqa: E402

PACKAGE, VERSION = "llama-cpp-python", "0.3.36"
FOLDER = "vendor/llama.cpp/models/templates/"
CACHE = ROOT / ".venv" / "templates" / VERSION


class Offline(Exception):
    """The package index cannot be reached."""


def index():
    """Returns the address of pip's package index, and its certificate file if it has one."""
    settings = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    found = dict(re.findall(r"^(?:global|install|download|:env:)\.([\w-]+)='(.*)'$", settings, re.M))
    if "index-url" not in found:
        from pip._internal.models.index import PyPI

        found["index-url"] = PyPI.simple_url
    return found["index-url"].rstrip("/"), found.get("cert")


def templates():
    """Returns the folder of llama.cpp's chat templates from the source distribution, which is downloaded once. Nothing
    is built."""
    if not (CACHE / "complete").exists():
        address, certificates = index()
        context = ssl.create_default_context(cafile=certificates)
        try:
            page = urllib.request.Request(
                f"{address}/{PACKAGE}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
            )
            with urllib.request.urlopen(page, context=context, timeout=60) as reply:
                files = json.load(reply)["files"]
            file = next(file for file in files if file["filename"].endswith(f"-{VERSION}.tar.gz"))
            with urllib.request.urlopen(file["url"], context=context, timeout=180) as reply:
                archive = reply.read()
        except urllib.error.URLError as error:
            raise Offline(f"{PACKAGE} {VERSION} cannot be downloaded: {error.reason}") from error
        CACHE.mkdir(parents=True, exist_ok=True)
        part = CACHE / f"download-{os.getpid()}"
        part.write_bytes(archive)
        with tarfile.open(part) as members:
            for member in members:
                if FOLDER in member.name and member.name.endswith(".jinja"):
                    (CACHE / pathlib.PurePosixPath(member.name).name).write_bytes(members.extractfile(member).read())
        part.unlink()
        (CACHE / "complete").touch()
    return sorted(CACHE.glob("*.jinja"))


class Reference:
    """A template in Jinja2 that gets conversations as transformers passes them."""

    def __init__(self, source, variables, marks_safe=True):
        self.variables = {"tools": None, "documents": None, **variables}
        try:
            self.template = environment(marks_safe).from_string(source)
        except Exception:
            self.template = None
        # Some templates read `tools` without checking that there are any; transformers fails on them.
        if not self.prints("probe", "probe") and not self.prints("probe", [{"type": "text", "text": "probe"}]):
            self.variables = variables

    def render(self, messages, tools=None, mode="auto"):
        """Returns the prompt, or None if Jinja2 raises."""
        try:
            return self.template.render(
                messages=messages,
                add_generation_prompt=True,
                thinking_mode=mode,
                enable_thinking=mode != "short",
                **self.variables | ({"tools": tools} if tools else {}),
            )
        except Exception:
            return None

    def prints(self, word, content, **options):
        """Returns whether a user message with `content` prints `word`, alone or after a system message."""
        users = [{"role": "user", "content": content}]
        system = [{"role": "system", "content": "x" if isinstance(content, str) else [{"type": "text", "text": "x"}]}]
        return any(word in (self.render(messages, **options) or "") for messages in (users, system + users))


def as_transformers(message):
    """Returns a message of a request in the form of transformers, where the arguments of calls are objects."""
    message = dict(message)
    if calls := message.get("tool_calls"):
        message["tool_calls"] = []
        for call in calls:
            function = dict(call["function"])
            arguments = json.loads(function["arguments"] or "{}")
            function["arguments"] = arguments if isinstance(arguments, dict) else function["arguments"]
            message["tool_calls"].append(call | {"function": function})
    return message
