"""A server for the pages in `Public/` whose answers a test decides: errors, slow and broken streams, known usage."""

import http.server
import json
import pathlib
import threading
import time
import urllib.parse

import usage_data
from conftest import ROOT

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
MODELS = {"object": "list", "data": [{"id": "canned", "object": "model"}]}


def error(status, code, message, **headers):
    """An error response."""
    return status, headers, {"error": {"message": message, "type": "server_error", "param": None, "code": code}}


def chunk(delta=None, finish=None, **more):
    """One chunk of a stream."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "canned",
        "choices": choices,
        "usage": None,
    } | more


def reply(thought=(), answer=(), finish="stop", p_think=1.0, mode="auto"):
    """The chunks of a whole reply: pieces of thought and answer, one token each, and the counts."""
    thinking, control = len(thought), 4
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"reasoning_content": piece}) for piece in thought),
        *(chunk({"content": piece}) for piece in answer),
        chunk({}, finish),
        chunk(
            usage={
                "prompt_tokens": 75,
                "completion_tokens": thinking + control + len(answer),
                "total_tokens": 79 + thinking + len(answer),
                "prompt_tokens_details": {"text_tokens": 15, "image_tokens": 60, "cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": thinking, "text_tokens": len(answer)},
            },
            thinking={
                "requested_mode": mode,
                "mode": "thinking" if thought else "non_thinking",
                "p_think": p_think,
                "thinking_tokens": thinking,
                "control_tokens": control,
                "answer_tokens": len(answer),
                "stop": "natural" if thought else None,
            },
            timings={
                "queue_ms": 0.2,
                "image_ms": 9.2,
                "prefill_ms": 11.9,
                "first_token_ms": 21.8,
                "first_answer_token_ms": 47.5,
                "decode_ms": 1265.0,
            },
        ),
    ]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, headers, body):
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"content-type": "application/json"} | headers
        self.send_response(status)
        for name, value in ({"content-length": str(len(body)), "cache-control": "no-store"} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def admitted(self):
        if self.server.key and self.headers["authorization"] != f"Bearer {self.server.key}":
            self.send(*error(401, "invalid_api_key", "The API key is missing or wrong."))
            return False
        return True

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        if address.path.startswith("/v1/"):
            query = dict(urllib.parse.parse_qsl(address.query))
            self.server.seen.append((address.path, query))
            if self.admitted():
                self.send(*((200, {}, MODELS) if address.path == "/v1/models" else self.server.usage(query)))
            return
        name = {"/": "index.html", "/dashboard": "dashboard.html"}.get(address.path, address.path[1:])
        file = (ROOT / "Public" / name).resolve()
        if file.is_file() and file.is_relative_to(ROOT / "Public"):
            self.send(
                200,
                {
                    "content-type": TYPES[pathlib.Path(name).suffix],
                    "content-security-policy": POLICY,
                    "x-content-type-options": "nosniff",
                },
                file.read_bytes(),
            )
        else:
            self.send(*error(404, "not_found", "There is no such route."))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.path, body))
        if not self.admitted():
            return
        answer = self.server.replies.pop(0) if self.server.replies else reply(answer=["Yes."], p_think=0.0)
        if isinstance(answer, tuple):
            return self.send(*answer)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            for event in answer:
                if isinstance(event, (int, float)):
                    time.sleep(event)
                elif event is None:  # the connection ends here
                    return
                else:
                    self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                    self.wfile.flush()
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.server.left.set()


class Pages(http.server.ThreadingHTTPServer):
    """Serves the pages. It takes `replies` one by one: a tuple (status, headers, body), or the chunks of a stream with
    pauses in seconds, where None breaks the stream off."""

    daemon_threads = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.reset()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Ignores errors of connections that the browser closes."""

    def reset(self):
        self.key, self.replies, self.seen, self.left = None, [], [], threading.Event()
        self.rows, self.saved, self.ledger = [], usage_data.SAVED, {}
        self.usage = self.canned

    def canned(self, query):
        if query.get("format") == "csv":
            return 200, {"content-type": "text/csv"}, b"start,requests\n"
        return (
            200,
            {},
            usage_data.usage(
                self.rows,
                int(query["from"]),
                int(query["to"]),
                query.get("bucket"),
                query["group_by"].split(","),
                self.saved,
                self.ledger,
            ),
        )
