"""A small HTTP/1.1 client for chat requests on asyncio's transports. It spends only a find and a slice per token, so
that a small machine measures the server.

One `Connection` is one kept-alive connection with one request at a time. Times are those at which bytes arrive: `first`
is the first event with text, `gaps` are the times between two such events of a stream. An event may hold several
tokens, so counts come from the reply's own `usage`.
"""

import asyncio
import json
import socket
import struct
import time
from array import array
from typing import NamedTuple

TEXT = (b'"content":"', b'"reasoning_content":"')
EMPTY = (b'"content":""', b'"reasoning_content":""')


class Request(NamedTuple):
    """A request as it is sent; `kind` is for the report."""

    kind: str
    data: bytes


class Reply:
    """The outcome of one request; `error` is None if it was answered completely."""

    __slots__ = (
        "kind",
        "status",
        "error",
        "due",
        "sent",
        "first",
        "last",
        "end",
        "gaps",
        "prompt",
        "completion",
        "cached",
        "finish",
        "timings",
        "retry_after",
        "headers",
        "document",
        "events",
        "reconnected",
    )

    def __init__(self, kind, due):
        self.kind, self.due, self.sent = kind, due, due
        self.status, self.error, self.first, self.last, self.end = 0, None, None, None, None
        self.gaps, self.prompt, self.completion, self.cached, self.finish = array("d"), 0, 0, 0, None
        self.timings, self.retry_after, self.headers, self.document, self.events = None, None, b"", None, None
        self.reconnected = False

    def take(self, document):
        """Reads counts and end from a whole reply or the last chunk of a stream."""
        usage = document.get("usage") or {}
        self.prompt, self.completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
        self.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        self.timings = document.get("timings")
        self.finish = next(
            (c.get("finish_reason") for c in document.get("choices", ()) if c.get("finish_reason")), self.finish
        )


class Connection(asyncio.Protocol):
    """A kept-alive connection. `ask` may be called again after it has returned."""

    def __init__(self):
        self.transport, self.reply, self.answer, self.on_event = None, None, None, None
        self.buffer, self.stream = bytearray(), bytearray()
        self.state, self.length, self.keeps_alive, self.keeps_events = "head", 0, True, False
        self.is_stream, self.is_json, self.is_done = False, False, False

    @classmethod
    async def open(cls, port, host="127.0.0.1"):
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    @property
    def is_open(self):
        return self.transport is not None and not self.transport.is_closing()

    async def ask(self, request, due=None, timeout=600, keep=False, on_event=None):
        """Sends `request` and waits for the whole reply. `keep` also keeps the events of a stream; `on_event` is called
        after each event with text."""
        self.reply = reply = Reply(request.kind, due if due is not None else time.perf_counter())
        self.buffer.clear()
        self.stream.clear()
        self.state, self.is_done, self.keeps_events, self.on_event = "head", False, keep, on_event
        if keep:
            reply.events = []
        self.answer = asyncio.get_running_loop().create_future()
        reply.sent = time.perf_counter()
        self.transport.write(request.data)
        try:
            async with asyncio.timeout(timeout):
                await self.answer
        except TimeoutError:
            reply.error = "timeout"
            self.reset()
        reply.end = time.perf_counter()
        if reply.error is None and reply.status != 200:
            reply.error = f"http {reply.status}"
        return reply

    def reset(self):
        """Closes the connection at once, like a client that is killed."""
        if not self.transport:
            return
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def close(self):
        if self.transport:
            self.transport.close()

    # The callbacks of asyncio.

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, _):
        self.transport = None
        self._finish("closed")

    def data_received(self, data):
        now = time.perf_counter()
        if not self.answer or self.answer.done():
            return self.reset()
        self.buffer += data
        try:
            if self.state == "head" and not self._read_head():
                return
            if self.state == "length":
                if len(self.buffer) >= self.length:
                    self._take_document(bytes(self.buffer[: self.length]))
            else:
                self._read_chunks(now)
        except (ValueError, IndexError) as error:
            self._finish(f"malformed: {type(error).__name__}")
            self.reset()

    def _finish(self, error=None):
        if self.answer and not self.answer.done():
            self.reply.error = self.reply.error or error
            self.answer.set_result(None)
            if not self.keeps_alive:
                self.close()

    def _read_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.buffer[:end])
        self.reply.headers, self.reply.status = head, int(head[9:12])
        fields = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
        }
        del self.buffer[: end + 4]
        self.keeps_alive = fields.get(b"connection", b"").lower() != b"close"
        self.is_json = fields.get(b"content-type", b"").startswith(b"application/json")
        self.is_stream = fields.get(b"content-type", b"").startswith(b"text/event-stream")
        if b"retry-after" in fields:
            self.reply.retry_after = int(fields[b"retry-after"])
        self.state = "chunks" if fields.get(b"transfer-encoding") == b"chunked" else "length"
        self.length = int(fields.get(b"content-length", 0))
        return True

    def _take_document(self, body):
        self.reply.document = json.loads(body) if self.is_json else body
        if self.is_json and self.reply.status == 200:
            self.reply.take(self.reply.document)
        self._finish()

    def _read_chunks(self, now):
        buffer, position, is_whole = self.buffer, 0, False
        while (end := buffer.find(b"\r\n", position)) >= 0:
            size = int(buffer[position:end].split(b";")[0], 16)
            if len(buffer) < end + 4 + size:
                break
            self.stream += buffer[end + 2 : end + 2 + size]
            position, is_whole = end + 4 + size, size == 0
        del buffer[:position]
        if self.is_stream:
            self._read_events(now)
            if is_whole:
                self._finish(None if self.is_done else "stream without [DONE]")
        elif is_whole:
            self._take_document(bytes(self.stream))

    def _read_events(self, now):
        stream, reply, position = self.stream, self.reply, 0
        while (end := stream.find(b"\n\n", position)) >= 0:
            event = bytes(stream[position:end])
            position = end + 2
            if reply.events is not None:
                reply.events.append((now, event))
            if not event.startswith(b"data:"):
                continue
            if event[5:].strip() == b"[DONE]":
                self.is_done = True
            elif b'"error":{' in event[:20]:
                reply.error = "error in the stream"
                reply.document = json.loads(event[5:])
            else:
                self._read_chunk(event, now)
        del stream[:position]

    def _read_chunk(self, event, now):
        reply = self.reply
        if any(mark in event for mark in TEXT) and not (EMPTY[0] in event and TEXT[1] not in event):
            if reply.first is None:
                reply.first = now
            else:
                reply.gaps.append(now - reply.last)
            reply.last = now
            if self.on_event:
                self.on_event(self)
        if b'"usage":{' in event:
            reply.take(json.loads(event[5:]))
        if reply.finish is None and b'"finish_reason":"' in event:
            reply.finish = event.split(b'"finish_reason":"', 1)[1].split(b'"', 1)[0].decode()


def request(kind, method, path, body=None, headers=()):
    """Returns the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return Request(kind, "\r\n".join([*lines, "", ""]).encode() + (body or b""))


def chat(kind, body):
    """Returns a chat request; `body` is sent as JSON."""
    return request(kind, "POST", "/v1/chat/completions", json.dumps(body).encode())


async def get(port, path, connection=None):
    """Returns the text of a GET on `connection`, or on a new connection."""
    own = connection or await Connection.open(port)
    try:
        reply = await own.ask(request("get", "GET", path))
        if reply.error:
            raise SystemExit(f"GET {path}: {reply.error}")
        return reply.document.decode() if isinstance(reply.document, bytes) else json.dumps(reply.document)
    finally:
        if not connection:
            own.close()
