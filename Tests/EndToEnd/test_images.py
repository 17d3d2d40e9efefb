"""Images by URL and by file: the real server against web servers of the test that answer correctly, wrongly, slowly or
not at all."""

import base64
import concurrent.futures
import contextlib
import gzip
import http.server
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
from conftest import MODEL, Server, binary
from test_tls import Certificate
from wire import Client, ask, is_idle, request, wait

IMAGE = (MODEL / "golden/12-sum.png").read_bytes()
LOOPBACK = "images.remote_networks=127.0.0.0/8,::1"


def chat(*urls, **more):
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {
        "messages": [{"role": "user", "content": [*parts, {"type": "text", "text": "What digits are shown?"}]}],
        "max_tokens": 24,
    } | more


def data_uri(data):
    return "data:image/png;base64," + base64.b64encode(data).decode()


class Origin:
    """A web server. `replies` maps paths to functions of the handler; other paths return the image. `seen` lists the
    requests."""

    def __init__(self, certificate=None, host="127.0.0.1"):
        origin = self
        self.replies, self.seen, self.gone = {}, [], threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                origin.seen.append((self.path, dict(self.headers)))
                origin.replies.get(self.path.split("?")[0], origin.image)(self)

            do_CONNECT = do_GET

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def handle_error(self, *_):
                pass

        self.server = Quiet((host, 0), Handler)
        self.port = self.server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.file, certificate.key)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def send(handler, status, body=b"", **fields):
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | fields).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    def image(self, handler):
        self.send(handler, 200, IMAGE)

    def wait_for_end(self, handler):
        """Sends nothing until the peer has left."""
        with contextlib.suppress(OSError):
            while handler.connection.recv(1024):
                pass
        self.gone.set()

    def url(self, path="/a.png", host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.port}{path}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def origin():
    origin = Origin()
    yield origin
    origin.close()


@contextlib.contextmanager
def serving(*settings, environment=None):
    with Server([word for setting in settings for word in ("--set", setting)], environment) as server:
        yield server


def allowing(*origins, **more):
    return serving(
        "images.remote=" + ",".join(f"http://{host}:{o.port}" for o in origins for host in ("127.0.0.1", "localhost")),
        LOOPBACK,
        *(f"{name}={value}" for name, value in more.items()),
    )


def rejection(server, url):
    answer = ask(server, chat(url))
    return answer.status, answer.error["code"], answer.error["message"]


FAILED = (400, "image_fetch_failed", "messages[0].content[0].image_url.url: the image could not be fetched.")


def test_a_fetched_image_gives_the_answer_of_the_same_image_as_data(origin):
    with allowing(origin) as server:
        expected = ask(server, chat(data_uri(IMAGE)))
        for url in (origin.url(), origin.url(host="localhost"), origin.url("/b.png?x=1#y")):
            answer = ask(server, chat(url))
            assert answer.status == 200 and answer.choices == expected.choices
            details = answer.usage["prompt_tokens_details"]
            assert {k: v for k, v in details.items() if k != "cached_tokens"} == {
                k: v for k, v in expected.usage["prompt_tokens_details"].items() if k != "cached_tokens"
            }
        mixed = ask(server, chat(data_uri(IMAGE), origin.url(), stream=True))
        assert mixed.status == 200 and mixed.is_done
    assert [path for path, _ in origin.seen] == ["/a.png", "/a.png", "/b.png?x=1", "/a.png"]
    assert origin.seen[0][1] == {"Host": f"127.0.0.1:{origin.port}", "User-Agent": "r4b", "Accept": "image/*"}


def test_fetching_is_off_by_default_and_rejected_names_fetch_nothing(server, origin):
    assert rejection(server, origin.url())[:2] == (400, "invalid_image_url")
    assert rejection(server, "file:///etc/passwd")[:2] == (400, "invalid_image_url")
    with allowing(origin) as allowed:
        port = origin.port
        for url in (
            f"https://127.0.0.1:{port}/",
            f"http://127.0.0.1:{port + 1}/",
            f"http://127.0.0.2:{port}/",
            f"http://a@127.0.0.1:{port}/",
            f"http://127.0.0.1.nip.io:{port}/",
            f"http://[::1]:{port}/",
            f"http://169.254.169.254/latest/",
            f"http://evil@localhost:{port}/",
            f"http://evil\\@localhost:{port}/",
            f"gopher://127.0.0.1:{port}/",
            f"http://localhost.:{port}/",
            "http://",
            "https://example.org/a.png",
            f"http://ｌocalhost:{port}/",
            f"http://localhost%00:{port}/",
            "file:a.png",
        ):
            answer = ask(allowed, chat(url))
            assert answer.status == 400 and answer.error["param"] == "messages[0].content[0].image_url.url", url
            assert answer.error["code"] == ("invalid_image_url" if not url.startswith("gopher") else None), url
        assert ask(allowed, chat(origin.url(), temperature=9)).status == 400
        assert ask(allowed, chat(*[origin.url()] * 9)).error["code"] == "too_many_images"
        assert ask(allowed, chat(origin.url(), origin.url("/", host="other"))).status == 400
    assert not origin.seen


def test_spellings_of_an_allowed_address_are_that_address(origin):
    with allowing(origin) as server:
        for host in ("127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "LOCALHOST", "local%68ost"):
            assert ask(server, chat(origin.url(host=host), max_tokens=1)).status == 200, host


def test_ipv6_is_checked_like_ipv4():
    try:
        origin = Origin(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    rules = f"images.remote=http://[::1]:{origin.port},http://[::ffff:127.0.0.1]:{origin.port}"
    with serving(rules, LOOPBACK) as server:
        assert ask(server, chat(origin.url(host="[::1]"), max_tokens=1)).status == 200
        assert ask(server, chat(origin.url(host="[0:0::0:1]"), max_tokens=1)).status == 200
        assert rejection(server, origin.url(host="[::ffff:127.0.0.1]")) == FAILED
        assert rejection(server, origin.url(host="[::1%25lo]"))[:2] == (400, "invalid_image_url")
    with serving(rules) as server:
        assert rejection(server, origin.url(host="[::1]")) == FAILED
    assert len(origin.seen) == 2
    origin.close()


def test_an_allowed_name_at_a_private_address_is_the_same_error_as_a_closed_port(origin):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]
    hosts = f"http://127.0.0.1:{origin.port},http://localhost:{origin.port},http://10.255.255.1,http://nothing.invalid"
    with serving(f"images.remote={hosts}") as server:
        for url in (origin.url(), origin.url(host="localhost"), "http://10.255.255.1/", "http://nothing.invalid/"):
            assert rejection(server, url) == FAILED
        # The log, which is written a little later, distinguishes them.
        assert server.wait("an address is not allowed", 10) and server.wait("resolve", 10)
    with serving(f"images.remote=http://127.0.0.1:{dead}", LOOPBACK) as server:
        assert rejection(server, f"http://127.0.0.1:{dead}/") == FAILED
    assert not origin.seen


def test_redirects_are_checked_like_the_first_url(origin):
    inner = Origin()
    for path, target in {
        "/same": "/a.png",
        "/loop": "/loop",
        "/inner": inner.url(),
        "/private": f"http://127.0.0.2:{origin.port}/",
        "/metadata": "http://169.254.169.254/",
        "/file": "file:///etc/passwd",
        "/user": f"http://u:p@127.0.0.1:{origin.port}/",
    }.items():
        origin.replies[path] = lambda handler, target=target: origin.send(handler, 302, Location=target)
    with allowing(origin) as server:
        assert ask(server, chat(origin.url("/same"), max_tokens=1)).status == 200
        for path in ("/loop", "/inner", "/private", "/metadata", "/file", "/user"):
            before = len(origin.seen)
            assert rejection(server, origin.url(path)) == FAILED
            assert len(origin.seen) - before == (4 if path == "/loop" else 1)
    assert not inner.seen
    inner.close()


def test_bodies_that_are_too_large_too_slow_invalid_or_not_images(origin):
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"x" * 65536)

    def trickle(handler):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"x")
                time.sleep(0.05)

    origin.replies |= {
        "/endless": endless,
        "/trickle": trickle,
        "/silent": origin.wait_for_end,
        "/announced": lambda handler: origin.send(handler, 200, b"x", Content_Length=str(1 << 40)),
        "/short": lambda handler: origin.send(handler, 200, b"x" * 10, Content_Length="1000"),
        "/missing": lambda handler: origin.send(handler, 404, b"nothing"),
        "/bomb": lambda handler: origin.send(
            handler, 200, gzip.compress(bytes(100 << 20)), Content_Encoding="gzip", Content_Type="image/png"
        ),
        "/text": lambda handler: origin.send(handler, 200, b"<svg/>", Content_Type="image/png"),
        "/empty": lambda handler: origin.send(handler, 200),
    }
    with allowing(origin, **{"images.max_bytes": 1 << 20, "images.remote_timeout_s": 2}) as server:
        before = server.resident()
        for path in ("/endless", "/announced"):
            assert rejection(server, origin.url(path))[:2] == (413, "image_too_large")
        for path in ("/trickle", "/silent", "/short", "/missing"):
            started = time.monotonic()
            assert rejection(server, origin.url(path)) == FAILED
            assert time.monotonic() - started < 10
        for path in ("/bomb", "/text", "/empty"):
            assert rejection(server, origin.url(path))[:2] == (415, "unsupported_image")
        assert server.resident() < before + 100
        assert ask(server, chat(origin.url(), max_tokens=1)).status == 200


def test_proxies_and_credentials_of_the_environment_are_not_used(origin, tmp_path):
    proxy = Origin()
    (tmp_path / ".netrc").write_text("default login a password b\n")
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    environment = {name: proxy.url("") for name in names} | {
        "HOME": str(tmp_path),
        "NETRC": str(tmp_path / ".netrc"),
        "no_proxy": "",
        "NO_PROXY": "",
    }
    with serving(f"images.remote=http://127.0.0.1:{origin.port}", LOOPBACK, environment=environment) as server:
        assert ask(server, chat(origin.url(), max_tokens=1)).status == 200
    assert len(origin.seen) == 1 and not proxy.seen and "Authorization" not in origin.seen[0][1]
    proxy.close()


def test_certificates_are_checked_by_authority_and_by_name(tmp_path):
    certificate = Certificate(tmp_path, "origin")
    origin = Origin(certificate)
    hosts = f"images.remote=127.0.0.1:{origin.port},127.0.0.2:{origin.port},localhost:{origin.port}"
    with serving(hosts, LOOPBACK) as server:
        assert rejection(server, origin.url(scheme="https")) == FAILED
    with serving(hosts, LOOPBACK, f"images.remote_ca_file={certificate.file}") as server:
        for host in ("127.0.0.1", "localhost"):
            assert ask(server, chat(origin.url(host=host, scheme="https"), max_tokens=1)).status == 200
        assert rejection(server, origin.url(scheme="http"))[:2] == (400, "invalid_image_url")
    assert len(origin.seen) == 2
    origin.close()


def test_a_host_that_resets_its_tls_connections_does_not_end_the_server(tmp_path):
    certificate = Certificate(tmp_path, "origin")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    port = listener.getsockname()[1]

    def serve():
        for step in range(40):
            peer, _ = listener.accept()
            with contextlib.suppress(OSError):
                peer = context.wrap_socket(peer, server_side=True, do_handshake_on_connect=step % 4 > 0)
                if step % 4 > 1:
                    peer.recv(4096)
                if step % 4 > 2:
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 100_000)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()

    threading.Thread(target=serve, daemon=True).start()
    with serving(f"images.remote=127.0.0.1:{port}", LOOPBACK, f"images.remote_ca_file={certificate.file}") as server:
        for _ in range(40):
            assert rejection(server, f"https://127.0.0.1:{port}/") == FAILED
    listener.close()


def test_a_client_that_leaves_ends_its_fetches(origin):
    origin.replies["/silent"] = origin.wait_for_end
    with allowing(origin) as server:
        descriptors = server.descriptors()
        for reset in (True, False):
            origin.gone.clear()
            origin.seen.clear()
            with Client(server) as client:
                client.send(request(chat(*[origin.url("/silent")] * 8)))
                assert wait(lambda: len(origin.seen) == 8)
                client.kill(reset)
                assert origin.gone.wait(10)
            assert wait(lambda: is_idle(server) and server.descriptors() <= descriptors + 1)
        assert server.metric('r4b_request_failures_total{reason="cancelled"}') == 2
        assert ask(server, chat(origin.url(), max_tokens=1)).status == 200


def test_parallel_requests_get_the_same_answer_and_leak_nothing(origin):
    origin.replies["/missing"] = lambda handler: origin.send(handler, 404)
    with allowing(origin) as server:
        expected = ask(server, chat(data_uri(IMAGE), data_uri(IMAGE))).choices
        descriptors = server.descriptors()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(
                    lambda i: ask(server, chat(origin.url(f"/{i}"), origin.url("/missing" if i % 4 == 3 else "/b"))),
                    range(32),
                )
            )
        for i, answer in enumerate(answers):
            if i % 4 == 3:
                assert answer.status == 400 and answer.error["param"] == "messages[0].content[1].image_url.url"
            else:
                assert answer.status == 200 and answer.choices == expected
        assert wait(lambda: server.descriptors() <= descriptors + 1)


def test_everything_else_continues_while_all_fetches_are_slow(origin):
    def steady(handler):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"x" * 200)
                time.sleep(0.05)

    origin.replies["/steady"] = steady
    with allowing(origin, **{"images.remote_timeout_s": 4}) as server:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            slow = [pool.submit(ask, server, chat(origin.url("/steady"))) for _ in range(16)]
            assert wait(lambda: len(origin.seen) == 8)
            assert '"ok"' in server.get("/health") and ask(server, chat(data_uri(IMAGE), max_tokens=1)).status == 200
            assert not any(future.done() for future in slow)
            answers = [future.result() for future in slow]
        assert (
            sorted((a.status, a.error["code"]) for a in answers)
            == [(400, "image_fetch_failed")] * 8 + [(503, "overloaded")] * 8
        )
        assert all(a.headers["retry-after"] for a in answers if a.status == 503) and len(origin.seen) == 8


def test_files_are_read_below_the_root_only(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub/a b.png").write_bytes(IMAGE)
    (tmp_path / "secret.png").write_bytes(IMAGE)
    (root / "link.png").symlink_to("sub/a b.png")
    (root / "out").symlink_to("..")
    (root / "zero").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe")
    (root / "large").write_bytes(bytes(2 << 20))
    with serving(f"images.root={root}", f"images.max_bytes={1 << 20}") as server:
        expected = ask(server, chat(data_uri(IMAGE))).choices
        descriptors = server.descriptors()
        for url in (f"file://{root}/sub/a%20b.png", "file:sub/a%20b.png", f"file://localhost{root}/sub/a%20b.png"):
            assert ask(server, chat(url)).choices == expected
        for url in (
            f"file://{tmp_path}/secret.png",
            "file:///etc/passwd",
            "file:../secret.png",
            "file:%2e%2e/secret.png",
            "file:sub/..%2f..%2fsecret.png",
            "file://host/a",
            "file:",
        ):
            assert rejection(server, url)[:2] == (400, "invalid_image_url"), url
        for name in ("link.png", "out/secret.png", "zero", "pipe", "sub", "none"):
            assert rejection(server, f"file:{name}") == FAILED
        assert rejection(server, "file:large")[:2] == (413, "image_too_large")
        assert rejection(server, "https://example.org/a.png")[:2] == (400, "invalid_image_url")
        assert wait(lambda: server.descriptors() <= descriptors + 1)


@pytest.mark.parametrize(
    "setting, says",
    [
        ("images.remote=*", r'images\.remote: an entry must be .*, got "\*"'),
        ("images.remote=https://example.org/path", "images.remote: "),
        ("images.remote_networks=10.0.0.1/8", "images.remote_networks: "),
        ("images.root=/nowhere", "images.root: /nowhere is not a readable directory"),
        ("images.remote_ca_file=/nowhere", "images.remote_ca_file: cannot read /nowhere"),
    ],
)
def test_an_invalid_setting_stops_the_start(setting, says):
    done = subprocess.run(
        [binary(), "serve", "--port", "0", "--set", setting], capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0 and re.search(says, done.stderr)
