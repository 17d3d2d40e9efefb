"""Requests that once blocked other clients. Each attack is a function of an `Attacker`, which limits its time and
counts the answers."""

import base64
import collections
import json
import pathlib
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from png_writer import png  # noqa: E402

# R-Tiny's two tokens that end a reply: without them it runs to its limit.
ENDLESS = {"logit_bias": {"619": -100, "621": -100}, "temperature": 1.5}
# Marks of two classes in an order that Unicode normalisation has to sort.
MARKS = "\u0301\u0323"


class Attacker:
    """A hostile client: a loopback address, a key and a deadline."""

    def __init__(self, port, address, key, until):
        (self.port, self.address, self.key, self.until) = (port, address, key, until)
        self.statuses = collections.Counter()
        self.lock = threading.Lock()

    @property
    def left(self):
        return self.until - time.monotonic()

    def connect(self):
        return socket.create_connection(
            ("127.0.0.1", self.port), timeout=max(0.1, min(20, self.left)), source_address=(self.address, 0)
        )

    def head(self, method, path, body=None, headers=b"", key=True):
        lines = b"%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % (
            method.encode(),
            path.encode() if isinstance(path, str) else path,
            self.port,
        )
        if key and self.key:
            lines += b"Authorization: Bearer %s\r\n" % self.key.encode()
        if body is not None:
            lines += b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        return lines + headers + b"\r\n"

    def count(self, status):
        with self.lock:
            self.statuses[status] += 1

    def send(self, method, path, body=None, headers=b"", key=True):
        """Sends one request on a new connection and counts the answer: its status, or "left" if the deadline passed."""
        try:
            with self.connect() as connection:
                connection.sendall(self.head(method, path, body, headers, key) + (body or b""))
                self.count(connection.recv(65536)[9:12].decode() or "closed")
        except (OSError, ValueError):
            self.count("left")

    def post(self, path, body):
        self.send("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode())

    def repeat(self, clients, work):
        """Repeats `work` on the given number of threads until the deadline."""

        def loop(number):
            while self.left > 0:
                work(number)

        self.together(clients, loop)

    @staticmethod
    def together(clients, work):
        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def chat(**fields):
    return {
        "messages": [{"role": "user", "content": "Add 2 and 3."}],
        "max_tokens": 1,
        "thinking_mode": "short",
    } | fields


def image(kind, data):
    url = f"data:image/{kind};base64," + base64.b64encode(data).decode()
    return json.dumps(
        chat(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
    ).encode()


# MARK: Text


def names_96k(a):
    """Bodies of 96 KB with two long member names of combining marks, two at a time."""
    bodies = [
        json.dumps({"a" + MARKS * 12_000: 1, "b" + MARKS * 12_000: 2} | chat(seed=seed), ensure_ascii=False).encode()
        for seed in range(2)
    ]
    yield
    a.repeat(2, lambda number: a.post("/v1/chat/completions", bodies[number]))


def names_12m(a):
    """A body of 12 MB with member names of combining marks, whose client leaves after a second."""
    body = json.dumps(
        {f"n{index}" + MARKS * 11_900: index for index in range(250)} | chat(), ensure_ascii=False
    ).encode()
    yield
    until, a.until = a.until, min(a.until, time.monotonic() + 1)
    a.post("/v1/chat/completions", body)
    time.sleep(max(0, until - time.monotonic()))


def headers(a):
    """Headers and paths of 15 KB of combining marks, without a key."""
    marks = (MARKS * 3_700).encode()
    yield
    kinds = [
        ("/", b'If-None-Match: "' + marks + b'"\r\n'),
        ("/health", b"Origin: http://" + marks + b"\r\n"),
        (b"/" + marks[:7_000], b""),
        ("/metrics", b"Accept: " + marks + b"\r\n"),
    ]

    def one(number):
        path, extra = kinds[number % len(kinds)]
        a.send("GET", path, headers=extra, key=False)

    a.repeat(8, one)


def unknown_names(a):
    """Bodies of 3 MB of unknown names."""
    body = json.dumps({f"messagez{index:06}": 0 for index in range(170_000)} | chat()).encode()
    yield
    a.repeat(2, lambda _: a.post("/v1/chat/completions", body))


def escapes(a):
    """Bodies of nearly 64 MB of one escaped letter."""
    head, tail = b'{"content": "', b'"}'
    body = head + b"\\u0041" * ((63 << 20) // 6) + tail
    yield
    a.repeat(1, lambda _: a.post("/tokenize", body))


def pieces_unread(a):
    """Token lists with pieces of 1 MB of text that nobody reads."""
    body = json.dumps({"content": "a b " * 250_000, "with_pieces": True}).encode()
    yield

    def one(_):
        try:
            with a.connect() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(a.head("POST", "/tokenize", body) + body)
                a.count("sent")
                time.sleep(max(0, min(4, a.left)))
        except OSError:
            a.count("left")

    a.repeat(4, one)


# MARK: Images


def gif_headers(a):
    """GIFs with 24 MB of one-byte comments before the first frame."""
    screen, frame = (
        b"GIF89a" + bytes([1, 0, 1, 0, 0x80, 0, 0, 255, 255, 255, 0, 0, 0]),
        bytes([0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B]),
    )
    body = image("gif", screen + b"\x21\xfe" + b"\x01\x20" * (12 << 20) + b"\x00" + frame)
    yield
    a.repeat(2, lambda _: a.post("/v1/chat/completions", body))


def gif_clears(a):
    """GIFs of 16 MB whose codes only clear the decoder's table."""
    screen, frame = (
        b"GIF89a" + bytes([1, 0, 1, 0, 0x80, 0, 0, 255, 255, 255, 0, 0, 0]),
        bytes([0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2]),
    )
    body = image("gif", screen + frame + (b"\xff" + b"\x24\x49\x92" * 85) * (16 << 12) + b"\x00\x3b")
    yield
    a.repeat(2, lambda _: a.post("/v1/chat/completions", body))


def progressive_jpeg(width, height, scans):
    """A grey progressive JPEG whose scans have no coefficients: runs of up to 32,767 empty blocks, 15 bits each."""

    def segment(marker, payload):
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload

    lengths = bytes([1] + 15 * [0])
    head = (
        b"\xff\xd8"
        + segment(0xDB, bytes([0] + 64 * [1]))
        + segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0]))
    )
    head += segment(0xC4, b"\x10" + lengths + b"\xe0") + segment(0xC4, b"\x00" + lengths + b"\x00")
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    bits = ("0" + "1" * 14) * ((blocks + 32_766) // 32_767)
    bits += "1" * (-len(bits) % 8)
    data = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")
    return head + (segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + data) * scans + b"\xff\xd9"


def jpeg_scans(a):
    """Progressive JPEGs of 7071 by 7071 pixels, with 128 scans and with 20, which are accepted."""
    bodies = [image("jpeg", progressive_jpeg(7071, 7071, scans)) for scans in (128, 20)]
    yield
    a.repeat(4, lambda number: a.post("/v1/chat/completions", bodies[number % 2]))


def png_large(a):
    """Valid images of the largest size: PNGs of 7071 by 7071 pixels."""
    body = image("png", png(7071, 7071, bytes(7071 * 3 + 1) * 7071, level=1))
    yield
    a.repeat(4, lambda _: a.post("/v1/chat/completions", body))


# MARK: Generation


def short_n8(a):
    """Twelve requests in mode short with eight replies of 1,900 tokens each."""
    yield
    a.together(12, lambda number: a.post("/v1/chat/completions", chat(n=8, max_tokens=1900, seed=number) | ENDLESS))


def prompts(a):
    """Different prompts that fill most of the context."""
    texts = [
        json.dumps(chat(messages=[{"role": "user", "content": f"{number} " + "the sea " * 480}])).encode()
        for number in range(64)
    ]
    yield
    a.repeat(8, lambda number: a.post("/v1/chat/completions", texts[(number * 8 + int(time.monotonic() * 10)) % 64]))


def messages(a):
    """Conversations of 2,047 messages, nearly the maximum."""
    turns = [{"role": ("user", "assistant")[index % 2], "content": "a"} for index in range(2_047)]
    bodies = [json.dumps(chat(messages=turns)).encode(), json.dumps({"messages": turns}).encode()]
    yield
    a.repeat(4, lambda number: a.post(("/v1/chat/completions", "/apply-template")[number % 2], bodies[number % 2]))


def tools(a):
    """Many large tools, rendered into the prompt."""

    def tool(index):
        properties = {f"p{number}": {"type": "string", "description": "d" * 200} for number in range(40)}
        return {
            "type": "function",
            "function": {
                "name": f"tool_{index}",
                "description": "x" * 500,
                "parameters": {"type": "object", "properties": properties},
            },
        }

    body = json.dumps(chat(tools=[tool(index) for index in range(128)])).encode()
    yield
    a.repeat(4, lambda number: a.post(("/v1/chat/completions", "/apply-template")[number % 2], body))


def schemas(a):
    """Schemas of the largest size, each slightly different, so that no cache helps."""

    def schema(seed):
        constants = {
            "type": "array",
            "items": {"type": "string", "enum": [f"value {seed} {index}" for index in range(150)]},
            "minItems": 1,
            "maxItems": 50,
        }
        patterns = [
            {"type": "string", "pattern": f"^[a-z]{{1,40}}(-[0-9]{{1,{seed % 20 + index}}}){{0,8}}$"}
            for index in range(1, 9)
        ]
        properties = {
            f"p{index}": constants
            if index % 5 == 0
            else {"type": "object", "properties": {"x": patterns[index % 8], "y": {"type": "integer", "minimum": seed}}}
            for index in range(60)
        }
        return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}

    yield
    counter = iter(range(1 << 30))

    def one(_):
        form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema(next(counter)), "strict": True}}
        a.post("/v1/chat/completions", chat(response_format=form, max_tokens=4))

    a.repeat(4, one)


# MARK: Connections


def slow_readers(a):
    """Sixty-four streams of long replies, each read at one byte per second."""
    yield

    def one(number):
        body = json.dumps(chat(max_tokens=1900, stream=True, seed=number) | ENDLESS).encode()
        try:
            with a.connect() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(a.head("POST", "/v1/chat/completions", body) + body)
                while a.left > 0 and connection.recv(1):
                    time.sleep(min(1, max(0, a.left)))
                a.count("read")
        except OSError:
            a.count("left")

    a.together(64, one)


def flood(a):
    """Ten thousand small requests, as fast as 32 kept connections carry them."""
    body = json.dumps({"content": "Hello there."}).encode()
    one = a.head("POST", "/tokenize", body) + body
    yield

    def loop(_):
        try:
            with a.connect() as connection:
                for _ in range(10_000 // 32):
                    if a.left <= 0:
                        return
                    connection.sendall(one)
                    a.count(connection.recv(65536)[9:12].decode() or "closed")
        except OSError:
            a.count("left")

    a.together(32, loop)


ATTACKS = {
    function.__name__.replace("_", "-"): function
    for function in (
        names_96k,
        names_12m,
        headers,
        unknown_names,
        escapes,
        pieces_unread,
        gif_headers,
        gif_clears,
        jpeg_scans,
        png_large,
        short_n8,
        prompts,
        messages,
        tools,
        schemas,
        slow_readers,
        flood,
    )
}
