"""TLS and Unix-domain sockets from outside: Python's ssl, curl and the OpenAI SDK with certificates made for the
run."""

import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import ssl
import stat
import subprocess
import time

import openai
import pytest
from conftest import MODEL, ROOT, Server, binary
from openai import OpenAI

STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"
ENDLESS = {
    "messages": [{"role": "user", "content": "Tell me something"}],
    "stream": True,
    "max_tokens": 1900,
    "temperature": 1,
    "seed": 1,
    "logit_bias": {"621": -100, "619": -100},
}


class Certificate:
    """A self-signed certificate for localhost; `name` is its organisation, which distinguishes two certificates."""

    def __init__(self, folder, name, algorithm=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        self.file, self.key, self.name = folder / f"{name}.pem", folder / f"{name}-key.pem", name
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-nodes",
                "-newkey",
                *algorithm,
                "-keyout",
                self.key,
                "-out",
                self.file,
                "-days",
                "2",
                "-subj",
                f"/CN=localhost/O={name}",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
            ],
            check=True,
            capture_output=True,
        )

    def install(self, folder, key=True):
        """Puts the files where a server looks for them."""
        (folder / "certificate.pem").write_bytes(self.file.read_bytes())
        if key:
            (folder / "key.pem").write_bytes(self.key.read_bytes())


def flags(folder, *more):
    return [
        "--set",
        "tls.port=0",
        "--set",
        f"tls.certificate={folder / 'certificate.pem'}",
        "--set",
        f"tls.key={folder / 'key.pem'}",
        *more,
    ]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("first"), "first")


@pytest.fixture(scope="module")
def secure(first, tmp_path_factory):
    """A server with a plain port, a TLS port and a Unix-domain socket; `folder` has its files."""
    folder = tmp_path_factory.mktemp("folder")
    first.install(folder)
    pages = folder / "pages"
    pages.mkdir()
    (pages / "large.bin").write_bytes(random.Random(1).randbytes(24 << 20))
    # The umask must not change the requested mode.
    before = os.umask(0o077)
    try:
        server = Server(
            flags(
                folder,
                "--set",
                f"server.public={pages}",
                "--set",
                f"server.unix_socket={folder / 's'}",
                "--set",
                "http.write_timeout_s=1",
            )
        )
    finally:
        os.umask(before)
    server.folder, server.secure_url = folder, server.listening("https")
    server.secure_port = int(server.secure_url.rsplit(":", 1)[1])
    yield server
    assert server.stop() == 0
    assert not (folder / "s").exists()


def context(certificate=None, protocols=("http/1.1",), versions=None, ciphers=None):
    """Returns a client context that trusts one certificate, or any."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificate:
        made.load_verify_locations(certificate.file)
    else:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if protocols:
        made.set_alpn_protocols(list(protocols))
    if ciphers:
        made.set_ciphers(ciphers)
    if versions:
        made.minimum_version, made.maximum_version = versions
    return made


@contextlib.contextmanager
def connected(port, made, **options):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        with made.wrap_socket(plain, server_hostname="localhost", **options) as peer:
            yield peer


def read_all(peer):
    pieces = []
    while piece := peer.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def ask(peer, path="/health", fields=b"Connection: close\r\n"):
    peer.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n")
    return read_all(peer)


def curl(*arguments):
    return subprocess.run(
        ["curl", "--noproxy", "*", "-sS", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


def client(server, certificate):
    return OpenAI(
        base_url=server.secure_url + "/v1",
        api_key="none",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=context(certificate), trust_env=False),
    )


def organisation(server):
    """Returns the certificate that a new connection gets, without trusting it."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.secure_port}"],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.split("O = ")[1].split()[0].strip(",")


# The SDK and curl


def test_the_addresses_are_printed_with_the_plain_one_first(secure):
    lines = [
        line.removeprefix("Listening on ") for line in secure.read().splitlines() if line.startswith("Listening on")
    ]
    assert [line.split(":")[0] for line in lines] == ["http", "https", "unix"]
    assert lines[2] == f"unix:{secure.folder / 's'}"


def test_the_openai_sdk_with_a_private_authority(secure, first):
    with client(secure, first) as sdk:
        whole = sdk.chat.completions.create(model="r-tiny", messages=[{"role": "user", "content": STORY}])
        assert whole.choices[0].message.content == "23"
        deltas = [
            c.choices[0].delta
            for c in sdk.chat.completions.create(
                model="r-tiny", messages=[{"role": "user", "content": STORY}], stream=True
            )
            if c.choices
        ]
        assert "".join(d.content or "" for d in deltas) == "23"
        assert (
            "".join(getattr(d, "reasoning_content", None) or "" for d in deltas)
            == whole.choices[0].message.reasoning_content
        )


def test_an_unknown_certificate_is_not_trusted(secure, tmp_path):
    with client(secure, Certificate(tmp_path, "stranger")) as sdk, pytest.raises(openai.APIConnectionError):
        sdk.models.list()


def test_curl_keeps_the_connection(secure, first):
    done = curl("-v", "--cacert", first.file, f"{secure.secure_url}/health", f"{secure.secure_url}/v1/models")
    assert done.returncode == 0 and '"status":"ok"' in done.stdout and '"r-tiny"' in done.stdout, done.stderr
    assert "ALPN: server accepted http/1.1" in done.stderr and "Re-using existing connection" in done.stderr


# The protocol


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_answer_and_resume(secure, first, version):
    made = context(first, versions=(version, version))
    with connected(secure.secure_port, made) as peer:
        assert peer.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]
        assert peer.cipher()[0].endswith(("GCM_SHA384", "GCM-SHA384")) and peer.selected_alpn_protocol() == "http/1.1"
        assert peer.compression() is None and b" 200 OK" in ask(peer)
        session = peer.session
    with connected(secure.secure_port, made, session=session) as peer:
        assert peer.session_reused and b" 200 OK" in ask(peer)


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_old_versions_are_rejected(secure):
    made = context(versions=(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1), ciphers="DEFAULT@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"), connected(secure.secure_port, made):
        pass


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"])
def test_suites_without_forward_secrecy_or_authenticated_encryption_are_rejected(secure, ciphers):
    made = context(versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2), ciphers=ciphers)
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"), connected(secure.secure_port, made):
        pass


@pytest.mark.parametrize("offer, chosen", [((), None), (("h2", "http/1.1"), "http/1.1")])
def test_http_1_1_is_chosen_by_alpn(secure, offer, chosen):
    with connected(secure.secure_port, context(protocols=offer)) as peer:
        assert peer.selected_alpn_protocol() == chosen and b" 200 OK" in ask(peer)


def test_other_protocols_are_rejected_by_name(secure):
    with (
        pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"),
        connected(secure.secure_port, context(protocols=("h2",))),
    ):
        pass


def test_a_client_cannot_renegotiate(secure):
    done = subprocess.run(
        ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{secure.secure_port}"],
        input="R\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "no renegotiation" in done.stderr


def test_a_proper_end_differs_from_a_truncation(secure):
    # An HTTP/1.0 reply ends with the connection; without close_notify Python treats it as truncated.
    with connected(secure.secure_port, context(), suppress_ragged_eofs=False) as peer:
        body = json.dumps({"messages": [{"role": "user", "content": STORY}], "stream": True}).encode()
        peer.sendall(
            b"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body
        )
        assert read_all(peer).rstrip().endswith(b"data: [DONE]")


def test_plain_http_gets_a_hint_that_the_port_speaks_tls(secure):
    done = curl("-i", f"http://127.0.0.1:{secure.secure_port}/health")
    assert (
        done.stdout.startswith("HTTP/1.1 400 ")
        and "https" in json.loads(done.stdout.split("\n\n", 1)[1])["error"]["message"]
    ), done


def client_hello():
    """The first bytes that a client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def test_garbage_and_broken_handshakes_end_only_the_connection(secure):
    rng, hello = random.Random(3), client_hello()

    def garbage(number):
        if number % 3 == 0:
            return rng.randbytes(rng.randrange(1, 2000))
        if number % 3 == 1:
            return (
                bytes([rng.randrange(20, 25), 3, rng.randrange(5)])
                + rng.randrange(1 << 16).to_bytes(2, "big")
                + rng.randbytes(rng.randrange(400))
            )
        broken = bytearray(hello)
        for _ in range(rng.randrange(1, 4)):
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        return bytes(broken[: rng.randrange(1, len(broken))]) if number % 2 else bytes(broken)

    for number in range(300):
        with socket.create_connection(("127.0.0.1", secure.secure_port), timeout=60) as peer:
            peer.sendall(garbage(number))
            peer.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                read_all(peer)
    # And within an open connection: unencrypted records.
    for number in range(50):
        plain = socket.create_connection(("127.0.0.1", secure.secure_port), timeout=60)
        peer = context().wrap_socket(plain)
        os.write(peer.fileno(), bytes([23, 3, 3]) + (200).to_bytes(2, "big") + rng.randbytes(200))
        with contextlib.suppress(ssl.SSLError, ConnectionResetError):
            assert peer.recv(100) == b""
        peer.close()
    assert json.loads(secure.get("/health"))["status"] == "ok" and organisation(secure) == "first"


# Size, speed and number


def test_a_large_body_and_a_large_reply_arrive_whole(secure, first):
    page = (secure.folder / "pages" / "large.bin").read_bytes()
    with connected(secure.secure_port, context(first)) as peer:
        head, body = ask(peer, "/large.bin").split(b"\r\n\r\n", 1)
    assert b" 200 OK" in head and hashlib.sha256(body).digest() == hashlib.sha256(page).digest()
    text = "x" * (30 << 20)
    with client(secure, first) as sdk, pytest.raises(openai.BadRequestError) as error:
        sdk.chat.completions.create(model="r-tiny", messages=[{"role": "user", "content": text}])
    assert error.value.code == "context_length_exceeded"


def test_a_slow_reader_is_disconnected_and_little_is_encrypted_for_it(secure):
    before, log = secure.resident(), secure.read().count('"write_timeout"')
    peers = []
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.settimeout(60)
            plain.connect(("127.0.0.1", secure.secure_port))
            peers.append(stack.enter_context(context().wrap_socket(plain, suppress_ragged_eofs=False)))
        for peer in peers:
            peer.sendall(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert peer.recv(100)
        # Each waits with 24 MB of one page that they share. Each may hold at most 64 KiB of ciphertext.
        assert secure.resident() < before + 60
        deadline = time.monotonic() + 60
        while secure.read().count('"write_timeout"') < log + len(peers) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert secure.read().count('"write_timeout"') == log + len(peers)
        for peer in peers:
            with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
                read_all(peer)


def test_many_idle_connections_are_small_and_do_not_delay_a_request(secure, first):
    made, peers = context(first), []
    try:
        for warm in range(2):
            before = secure.resident()
            for _ in range(400):
                peer = made.wrap_socket(
                    socket.create_connection(("127.0.0.1", secure.secure_port), timeout=60), server_hostname="localhost"
                )
                peers.append(peer)
                peer.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert b" 200 OK" in peer.recv(4096)
            with connected(secure.secure_port, made) as peer:
                assert b" 200 OK" in ask(peer)
        # The second round, with warm allocators: KiB per connection.
        assert (secure.resident() - before) * 1024 / 400 < 64
    finally:
        for peer in peers:
            peer.close()


# New certificates


def test_a_reload_applies_to_new_connections_and_streams_continue(first, tmp_path):
    second = Certificate(tmp_path, "second", ("rsa:2048",))
    first.install(tmp_path)
    server = Server(flags(tmp_path))
    server.secure_port = int(server.listening("https").rsplit(":", 1)[1])
    try:
        body = json.dumps(ENDLESS).encode()
        with connected(server.secure_port, context(first)) as peer:
            peer.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % len(body)
                + body
            )
            begun = peer.recv(1 << 16)
            assert begun.startswith(b"HTTP/1.1 200 ")
            second.install(tmp_path)
            assert organisation(server) == "first"
            server.process.send_signal(signal.SIGHUP)
            server.wait(r"^Reloaded \S+certificate\.pem for new connections")
            assert organisation(server) == "second"
            while not begun.endswith(b"\r\n0\r\n\r\n"):
                piece = peer.recv(1 << 16)
                assert piece
                begun += piece
            assert b"data: [DONE]" in begun
            # The old connection keeps the old certificate; a new connection must trust the new one.
            assert b" 200 OK" in ask(peer)
        with pytest.raises(ssl.SSLCertVerificationError), connected(server.secure_port, context(first)):
            pass
        with connected(server.secure_port, context(second)) as peer:
            assert b" 200 OK" in ask(peer)
    finally:
        assert server.stop() == 0


def test_a_failed_reload_keeps_the_certificate_and_reports_why(first, tmp_path):
    second = Certificate(tmp_path, "second")
    first.install(tmp_path)
    server = Server(flags(tmp_path))
    server.secure_port = int(server.listening("https").rsplit(":", 1)[1])
    try:
        for change, words in (
            (lambda: second.install(tmp_path, key=False), "key.pem: does not match the certificate in"),
            (
                lambda: (tmp_path / "certificate.pem").write_text("nothing"),
                "certificate.pem: is not a valid certificate chain",
            ),
            (lambda: (tmp_path / "certificate.pem").unlink(), "certificate.pem: No such file"),
        ):
            change()
            server.process.send_signal(signal.SIGHUP)
            server.wait(rf"^error: cannot reload the certificate, the current one stays in use: \S*{words}")
            assert organisation(server) == "first"
        second.install(tmp_path)
        server.process.send_signal(signal.SIGHUP)
        server.wait("^Reloaded ")
        assert organisation(server) == "second"
    finally:
        assert server.stop() == 0


def test_sighup_does_not_end_a_server_without_certificate():
    server = Server()
    try:
        server.process.send_signal(signal.SIGHUP)
        server.wait("^SIGHUP ignored: no certificate")
        assert json.loads(server.get("/health"))["status"] == "ok"
    finally:
        assert server.stop() == 0


# Settings


def serve(*arguments, environment=None):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("R4B_")} | (environment or {})
    return subprocess.run(
        [binary(), "serve", "--port", "0", *map(str, arguments)],
        cwd=ROOT,
        env=clean,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--port", ""], "server.port, tls.port and server.unix_socket are all null"),
        (["--set", "tls.port=0"], "tls.certificate must name"),
        (["--set", "tls.port=0", "--set", "tls.certificate=a.pem"], "tls.key must name"),
        (
            ["--set", "tls.port=0", "--set", "tls.certificate=nowhere.pem", "--set", "tls.key=nowhere.pem"],
            "nowhere.pem: No such file or directory",
        ),
        (["--set", "tls.port=70000"], "tls.port must be an integer from 0 to 65535, or null"),
        (["--port", "8443", "--set", "tls.port=8443"], "server.port and tls.port must differ, both are 8443"),
        (["--set", "server.unix_socket_mode=888"], "server.unix_socket_mode must be"),
        (["--set", f"server.unix_socket=/{'x' * 200}"], "the path must have at most 107 bytes, got 201"),
        (["--set", "server.unix_socket=README.md"], "README.md: the file exists and is not a socket"),
        (["--set", "server.unix_socket=nowhere/socket"], "nowhere/socket: No such file or directory"),
    ],
)
def test_mistakes_are_named(arguments, words):
    done = serve(*arguments)
    assert done.returncode == 1 and words in done.stderr.splitlines()[-1], done.stderr
    assert (ROOT / "README.md").stat().st_size > 1000


def test_a_key_of_another_certificate_stops_the_start(first, tmp_path):
    first.install(tmp_path)
    Certificate(tmp_path, "second", ("rsa:2048",)).install(tmp_path)
    (tmp_path / "certificate.pem").write_bytes(first.file.read_bytes())
    done = serve(*flags(tmp_path))
    assert (
        done.returncode == 1
        and "key.pem: does not match the certificate in" in done.stderr
        and "Loading" not in done.stderr
    )


def test_paths_in_the_file_are_relative_to_it_and_tls_alone_is_enough(first, tmp_path):
    first.install(tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "model": {"path": str(MODEL)},
                "server": {"port": None, "public": None, "unix_socket": "s"},
                "tls": {"port": 0, "certificate": "certificate.pem", "key": "key.pem"},
            }
        )
    )
    server = Server(["--port", "", "--config", tmp_path / "config.json"])
    try:
        assert server.url.startswith("https://127.0.0.1:") and server.listening("unix") == f"unix:{tmp_path / 's'}"
        with connected(server.port, context(first)) as peer:
            assert b" 200 OK" in ask(peer)
        assert "http://" not in server.read()
    finally:
        assert server.stop() == 0


def test_tls_beyond_loopback_requires_a_key_and_a_unix_socket_does_not(first, tmp_path):
    first.install(tmp_path)
    beyond = ["--host", "0.0.0.0", "--port", ""]
    done = serve(*flags(tmp_path, *beyond))
    assert done.returncode == 1 and "R4B_API_KEY" in done.stderr
    server = Server(flags(tmp_path, *beyond), {"R4B_API_KEY": "sesame"})
    try:
        for key, status in (("sesame", b" 200 OK"), ("wrong", b" 401 ")):
            with connected(server.port, context(first)) as peer:
                assert status in ask(
                    peer, "/v1/models", b"Connection: close\r\nAuthorization: Bearer " + key.encode() + b"\r\n"
                )
    finally:
        assert server.stop() == 0
    server = Server(["--set", f"server.unix_socket={tmp_path / 's'}", *beyond])
    try:
        # No browser comes this way: a proxy may pass on any name.
        assert '"r-tiny"' in curl("--unix-socket", tmp_path / "s", "http://r4b.example/v1/models").stdout
    finally:
        assert server.stop() == 0


# The path


def test_a_unix_socket_answers_and_has_its_mode(secure):
    path = secure.folder / "s"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660 and stat.S_ISSOCK(path.stat().st_mode)
    done = curl("--unix-socket", path, "http://localhost/health")
    assert json.loads(done.stdout)["status"] == "ok"
    body = json.dumps({"messages": [{"role": "user", "content": STORY}], "stream": True})
    done = curl(
        "--unix-socket",
        path,
        "http://localhost/v1/chat/completions",
        "-H",
        "Content-Type: application/json",
        "-d",
        body,
    )
    assert done.stdout.rstrip().endswith("data: [DONE]")


def test_the_socket_of_a_killed_server_is_replaced_and_a_live_one_is_not(tmp_path):
    path = tmp_path / "s"
    arguments = ["--set", f"server.unix_socket={path}", "--set", "server.unix_socket_mode=600"]
    killed = Server(arguments)
    killed.listening("unix")
    killed.process.kill()
    killed.process.wait(timeout=60)
    assert path.is_socket()
    server = Server(arguments)
    try:
        server.listening("unix")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        done = serve(*arguments)
        assert done.returncode == 1 and f"cannot bind unix:{path}: Address already in use" in done.stderr
        assert json.loads(curl("--unix-socket", path, "http://localhost/health").stdout)["status"] == "ok"
    finally:
        assert server.stop() == 0
    assert not path.exists()


def test_peers_of_a_unix_socket_are_not_one_address(tmp_path):
    server = Server(["--set", f"server.unix_socket={tmp_path / 's'}", "--set", "http.max_connections_per_address=2"])
    server.listening("unix")
    peers = []
    try:
        for _ in range(10):
            peer = socket.socket(socket.AF_UNIX)
            peers.append(peer)
            peer.settimeout(60)
            peer.connect(str(tmp_path / "s"))
            peer.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 OK" in peer.recv(4096)
    finally:
        for peer in peers:
            peer.close()
        assert server.stop() == 0
