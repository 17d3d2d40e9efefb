"""Tests/FIXTURES.json matches the files under Tests/*/Fixtures, which scripts/make-fixtures wrote, completely."""

import hashlib
import json

from conftest import ROOT

MANIFEST = json.loads((ROOT / "Tests" / "FIXTURES.json").read_text())


def test_every_fixture_matches_the_manifest():
    paths = [path for path in ROOT.glob("Tests/*/Fixtures/**/*") if path.is_file()]
    contents = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}
    assert contents.keys() == MANIFEST["files"].keys()
    for name, data in contents.items():
        entry = MANIFEST["files"][name]
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"]), name


def test_every_generator_of_the_manifest_exists():
    assert {entry["generator"] for entry in MANIFEST["files"].values()} <= MANIFEST["generators"].keys()
    for name, entry in MANIFEST["generators"].items():
        assert (ROOT / name).is_file(), name
        assert (ROOT / entry["output"]).exists(), entry["output"]


def test_every_generator_is_in_the_manifest():
    generators = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "scripts" / "fixtures").glob("*.py")
        if "\nOUTPUT = " in path.read_text()
    }
    assert generators == MANIFEST["generators"].keys()
