"""Deployment files compared with the server: the Dockerfile's packages and health check, and the page that it
serves."""

import json
import os
import pathlib
import re
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest
from conftest import ROOT, binary

DOCKERFILE = (ROOT / "Dockerfile").read_text()
BOOKWORM = 'VERSION_ID="12"' in pathlib.Path("/etc/os-release").read_text()


@pytest.mark.skipif(not BOOKWORM, reason="the image's packages are named as in Debian 12")
def test_the_run_stage_installs_exactly_the_libraries_that_the_program_needs():
    stage = DOCKERFILE.split("FROM debian", 1)[1]
    installed = set(re.search(r"--no-install-recommends \\\n +(.*?) \\\n", stage)[1].split())
    dynamic = subprocess.run(["readelf", "-d", binary()], check=True, capture_output=True, text=True).stdout
    names = [
        n
        for n in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
        if not re.match(r"libswift|lib_?Foundation|libdispatch|libBlocks|ld-linux", n)
    ]
    owners = subprocess.run(
        ["dpkg", "-S", *(f"*/{n}" for n in names)], check=True, capture_output=True, text=True
    ).stdout
    needed = {
        line.split(":")[0]
        for line in owners.splitlines()
        if "/usr/lib/" in line or line.split(": ")[1].startswith("/lib/")
    }
    # Swift's runtime is linked statically there and is written in C++. Images over https need the system's
    # certificates.
    assert needed - {"libc6"} | {"libstdc++6", "libgcc-s1", "ca-certificates"} == installed


def test_the_health_check_of_the_image_distinguishes_alive_from_dead(server):
    command = json.loads(re.search(r"^HEALTHCHECK[^[]*(\[.*\])$", DOCKERFILE, re.M)[1])
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]
    for port, healthy in ((server.port, True), (dead, False)):
        done = subprocess.run(command, env=os.environ | {"R4B_SERVER_PORT": str(port)}, capture_output=True, timeout=10)
        assert (done.returncode == 0) == healthy, done.stderr


@pytest.mark.parametrize("path, links", [("/", 13), ("/dashboard", 7)])
def test_everything_that_a_page_refers_to_is_served_and_allowed_by_its_policy(server, path, links):
    with urllib.request.urlopen(server.url + path, timeout=10) as reply:
        page, policy = reply.read().decode(), reply.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page)
    names = re.findall(r'(?:href|src)="([^"]*)"', page)
    names = [name for name in names if name != "v1/usage"]  # the script completes it
    assert len(names) == links and not any(
        n.startswith("/") or ":" in n for n in names
    )  # also below the path of a proxy
    for name in names:
        with urllib.request.urlopen(urllib.parse.urljoin(server.url + "/", name), timeout=10) as reply:
            assert reply.status == 200 and reply.read(), name


def test_every_suggested_container_keeps_its_ledger():
    folder = re.search(r"^VOLUME (\S+)$", DOCKERFILE, re.M)[1]
    assert re.search(r"^ENV R4B_LEDGER_PATH=(\S+)$", DOCKERFILE, re.M)[1].startswith(folder + "/")
    commands = [
        line
        for text in (DOCKERFILE, (ROOT / "README.md").read_text())
        for line in text.splitlines()
        if "docker run" in line
    ]
    assert len(commands) == 3 and all(re.search(rf" -v [\w-]+:{folder} ", line) for line in commands), commands
