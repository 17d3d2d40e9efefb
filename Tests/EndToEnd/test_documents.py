"""Markdown files match the repository: links, paths, settings and metrics exist, the index lists every page, and
examples with curl run."""

import json
import re
import subprocess
import urllib.parse

import pytest
from conftest import ROOT, Server

LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True
)
FILES = [ROOT / line for line in LISTED.stdout.splitlines()] or sorted(
    path for pattern in ("*.md", "docs/**/*.md", "Benchmarks/**/*.md", "Models/**/*.md") for path in ROOT.glob(pattern)
)


def prose(path):
    """Returns the text of a file without code, in which brackets are no links."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)
    return re.sub(r"`[^`]*`", lambda code: code[0] if "](" not in code[0] else "", text)


def anchors(path):
    """Returns the anchors of the headings, as GitHub makes them."""
    found, count = set(), {}
    for title in re.findall(r"^#+ (.*)$", prose(path), re.M):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()).replace(" ", "-")
        number = count[name] = count.get(name, -1) + 1
        found.add(f"{name}-{number}" if number else name)
    return found


def links(path):
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_lead_to_files_and_headings(path):
    for link in links(path):
        address = urllib.parse.urlsplit(link)
        if address.scheme:
            assert address.scheme in ("http", "https", "mailto"), link
            continue
        target = (path.parent / urllib.parse.unquote(address.path)).resolve() if address.path else path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if address.fragment:
            assert address.fragment in anchors(target), link


def test_the_index_lists_every_page_of_docs():
    listed = {(ROOT / "docs" / link.split("#")[0]).resolve() for link in links(ROOT / "docs/README.md")}
    pages = set(ROOT.glob("docs/*.md")) | set(ROOT.glob("docs/decisions/*.md"))
    assert pages - {ROOT / "docs/README.md"} <= listed


def test_the_links_are_found():
    assert len(FILES) > 20 and sum(len(links(path)) for path in FILES) > 60
    assert "tls-and-unix-domain-sockets" in anchors(ROOT / "docs/configuration.md")


PATH = re.compile(r"`((?:Sources|Tests|Benchmarks|Public|Deploy|scripts|docs|Models)/[\w./-]+)`")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_paths_in_code_spans_exist(path):
    for name in PATH.findall(path.read_text()):
        assert (ROOT / name).exists(), name


SETTINGS = {
    f"{section}.{name}" for section, names in json.loads((ROOT / "config.json").read_text()).items() for name in names
}
# Names of tensors, files and reply fields that look like settings.
OTHERS = {"model.image_newline", "model.safetensors", "ledger.state"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_settings_in_code_spans_exist(path):
    # Its tables are compared with the settings by SettingsTests, and it lists old names.
    if path.name == "configuration.md":
        return
    sections = "|".join(sorted({name.split(".")[0] for name in SETTINGS}))
    for span in re.findall(r"`([^`\n]+)`", path.read_text()):
        for name in re.findall(rf"(?<![\w./-])(?:{sections})\.[a-z_0-9]+", span):
            assert name in SETTINGS | OTHERS, name


def test_metrics_in_documents_exist():
    sources = "".join(path.read_text() for path in [*ROOT.glob("Sources/**/*.swift"), *ROOT.glob("Deploy/**/*.yml")])
    for path in FILES:
        for name in re.findall(r"\br4b_[a-z_]+", path.read_text()):
            assert name in sources, (path, name)


CURL = [
    pytest.param(block, id=f"{path.stem}-{number}")
    for path in sorted(ROOT.glob("docs/*.md"))
    for number, block in enumerate(re.findall(r"```sh\n(curl [^\n]*localhost:8080.*?)```", path.read_text(), re.S))
]


@pytest.fixture(scope="module")
def server_with_ledger(tmp_path_factory):
    with Server(["--set", f"ledger.path={tmp_path_factory.mktemp('documents')}/ledger.sqlite"]) as server:
        yield server


@pytest.mark.parametrize("block", CURL)
def test_examples_with_curl_run(block, server_with_ledger):
    command = re.split(r"\n(?=[a-z])", block.replace("http://localhost:8080", server_with_ledger.url))[0]
    done = subprocess.run(
        ["bash", "-euc", command.replace("curl -s", "curl -sf")], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and done.stdout.startswith("{"), (command, done.stderr)


def test_there_are_examples_with_curl():
    assert len(CURL) >= 6
