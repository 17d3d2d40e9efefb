"""Chats over plain sockets, for tests that send what no HTTP library would, stop reading, or are killed halfway."""

import base64
import json
import socket
import struct
import time

from conftest import MODEL

# R-Tiny's two tokens that end a reply are forbidden, so it runs for 1,900 tokens, a fifth of a second or more. It
# cannot use slots for short requests (scheduling.short_request_slots), whatever its mode.
LONG = {
    "messages": [{"role": "user", "content": "Tell me something"}],
    "thinking_mode": "short",
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 2,
    "seed": 5,
    "max_tokens": 1900,
    "logit_bias": {"621": -100, "619": -100},
}


def question(text, image=None):
    """The messages of one question, about an image of the model's golden folder if one is named."""
    if image is None:
        return [{"role": "user", "content": text}]
    data = base64.b64encode((MODEL / image).read_bytes()).decode()
    return [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
                {"type": "text", "text": text},
            ],
        }
    ]


def request(body, path="/v1/chat/completions", method="POST", request_id=None, extra=""):
    """Returns the bytes of a request; `body` is JSON unless it is bytes or None."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{extra}"
    if request_id:
        lines += f"X-Request-Id: {request_id}\r\n"
    if body is not None:
        lines += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return lines.encode() + b"\r\n" + (body or b"")


class Truncated(Exception):
    """The connection ended before the reply."""


class Answer:
    """A whole reply; for a stream, the sum of its chunks."""

    def __init__(self, status, headers):
        self.status, self.headers, self.document, self.events, self.is_done = status, headers, None, [], False
        self.error = self.usage = self.thinking = None
        self.choices = {}

    def take(self, event):
        """One data event of a stream."""
        self.events.append(event)
        if event == b"[DONE]":
            self.is_done = True
            return
        chunk = json.loads(event)
        self.error = chunk.get("error") or self.error
        self.usage, self.thinking = chunk.get("usage") or self.usage, chunk.get("thinking") or self.thinking
        for part in chunk.get("choices", ()):
            choice = self.choices.setdefault(
                part["index"], {"content": "", "reasoning": "", "logprobs": [], "finish": None}
            )
            choice["content"] += part["delta"].get("content") or ""
            choice["reasoning"] += part["delta"].get("reasoning_content") or ""
            choice["logprobs"] += (part["logprobs"] or {}).get("content") or []
            choice["finish"] = part["finish_reason"] or choice["finish"]

    def settle(self, document):
        """A reply in one document."""
        self.document, self.error = document, document.get("error")
        self.usage, self.thinking = document.get("usage"), document.get("thinking")
        for choice in document.get("choices", ()):
            message = choice["message"]
            self.choices[choice["index"]] = {
                "content": message["content"],
                "reasoning": message["reasoning_content"] or "",
                "logprobs": (choice["logprobs"] or {}).get("content") or [],
                "finish": choice["finish_reason"],
            }


class Client:
    """One connection."""

    def __init__(self, server, timeout=60, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.answer, self.keeps_alive = b"", None, True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, body, **options):
        """Sends a chat and reads the whole reply."""
        self.send(request(body, **options))
        return self.read()

    def read(self):
        self.head()
        for _ in self.events():
            pass
        return self.answer

    def head(self):
        """Reads status and fields of a reply."""
        lines = self._until(b"\r\n\r\n").decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.answer = Answer(int(lines[0].split(" ")[1]), fields)
        self.keeps_alive = fields.get("connection", "").lower() != "close"
        return self.answer

    def events(self):
        """Reads the body: comments and data of a stream as they arrive; a document goes into the answer."""
        answer = self.answer
        if answer.headers.get("transfer-encoding") != "chunked":
            body = self._exactly(int(answer.headers.get("content-length", 0)))
            if answer.headers.get("content-type", "").startswith("application/json"):
                answer.settle(json.loads(body))
            return
        text = b""
        while size := int(self._until(b"\r\n"), 16):
            text += self._exactly(size + 2)[:-2]
            *events, text = text.split(b"\n\n")
            for event in events:
                if event.startswith(b"data: "):
                    answer.take(event[6:])
                yield event
        self._exactly(2)

    def kill(self, reset):
        """Leaves like a killed process, with a reset, or with a FIN after which nothing more is read."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.socket.shutdown(socket.SHUT_WR)
            try:
                while self.socket.recv(1 << 16):
                    pass
            except OSError:
                pass
        self.socket.close()

    def is_ended(self):
        """Waits for the server to close an idle connection; returns whether it did."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _more(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Truncated
        self.buffer += data

    def _until(self, mark):
        while mark not in self.buffer:
            self._more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def _exactly(self, count):
        while len(self.buffer) < count:
            self._more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found


def ask(server, body, **options):
    """Sends one chat on a new connection."""
    with Client(server) as client:
        return client.ask(body, **options)


def free_port():
    """Returns a loopback port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(condition, seconds=20):
    """Waits until the condition holds; returns whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_idle(server):
    """Waits until nothing runs, waits or is held for a request. Caches may hold memory; memory that requests use of
    them counts as theirs."""
    series = server.metrics()
    return not any(
        value
        for name, value in series.items()
        if name.startswith(("r4b_sequences", "r4b_http_body_bytes")) or name == "r4b_kv_tokens"
    )
