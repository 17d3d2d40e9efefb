"""The command line: chat, inspect, settings, signals."""

import base64
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from conftest import MODEL, ROOT, Server, binary
from wire import free_port, wait


def run(*arguments, stdin="", environment=None, cwd=ROOT):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("R4B_")} | (environment or {})
    return subprocess.run(
        [binary(), *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=120, env=clean
    )


def test_inspect_shows_the_parts_of_a_checkpoint():
    done = run("inspect", MODEL)
    assert done.returncode == 0
    for words in ("4 layers, hidden 256", "views of 56×56", "context      2048", "BF16", "stop tokens  621 619"):
        assert words in done.stdout, done.stdout


def test_inspect_names_missing_files(tmp_path):
    done = run("inspect", tmp_path)
    assert done.returncode == 1 and "config.json" in done.stderr


def test_one_question_prints_only_the_answer_on_standard_output():
    done = run("chat", "--image", MODEL / "golden/12-sum.png", "Add up the digits.")
    assert (done.returncode, done.stdout) == (0, "9\n")
    assert "I see 5, 1, 3." in done.stderr and "[thinking, P(think) 1.000 · prompt 15 text + 60 image" in done.stderr


def test_a_conversation_with_commands():
    lines = "Add 9 and 4.\n/mode short\nAdd 2 and 3.\n/image nowhere.png\n/mode deep\n/what\n/new\nHi there\n/quit\n"
    done = run("chat", stdin=lines)
    assert (
        done.returncode == 0
        and done.stdout.splitlines()[0] == "13"
        and done.stdout.splitlines()[-1].startswith("Hello!")
    )
    for words in (
        "nowhere.png: cannot read the image",
        "change it with /mode auto",
        "unknown command /what",
        "[non-thinking",
    ):
        assert words in done.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["chat", "--mode", "deep", "Hi"], "--mode must be auto, long or short"),
        (["chat", "--max-tokens", "0", "Hi"], "--max-tokens must be at least 1"),
        (["serve", "--port", "70000"], "server.port must be an integer from 0 to 65535"),
        (["serve", "--set", "server.prot=1"], "server.prot is not a setting"),
        (["serve", "--model", "nowhere"], "nowhere"),
        (["serve", "--host", "0.0.0.0"], "R4B_API_KEY"),
        (["serve", "--config", "nowhere.json"], "nowhere.json"),
        (["serve", "--host", "192.0.2.1", "--set", "server.insecure=true"], "192.0.2.1"),
    ],
)
def test_mistakes_are_named(arguments, words):
    done = run(*arguments)
    assert done.returncode not in (0, 133, 139) and words in done.stderr, done.stderr


def test_a_port_in_use_is_named(server):
    done = run("serve", "--port", server.port)
    assert done.returncode == 1 and str(server.port) in done.stderr


def test_flags_override_the_environment_which_overrides_the_file(tmp_path):
    config = tmp_path / "settings.json"
    config.write_text(json.dumps({"model": {"path": str(MODEL), "name": "from-file"}, "server": {"public": None}}))
    for environment, flags, name in (
        ({}, [], "from-file"),
        ({"R4B_MODEL_NAME": "from-env"}, [], "from-env"),
        ({"R4B_MODEL_NAME": "from-env"}, ["--set", "model.name=from-flag"], "from-flag"),
    ):
        server = Server(["--config", str(config), *flags], environment)
        try:
            assert json.loads(server.get("/v1/models"))["data"][0]["id"] == name
        finally:
            assert server.stop() == 0


def stream(server, tokens):
    body = {
        "messages": [{"role": "user", "content": "Tell me something"}],
        "stream": True,
        "max_tokens": tokens,
        "temperature": 1,
        "seed": 1,
        "logit_bias": {"621": -100, "619": -100},
    }
    request = urllib.request.Request(
        server.url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    return urllib.request.urlopen(request, timeout=60)


def test_sigterm_lets_a_running_reply_end_and_exits_0():
    server = Server()
    reply = stream(server, 300)
    reply.readline()
    server.process.send_signal(signal.SIGTERM)
    text = reply.read().decode()
    assert text.rstrip().endswith("data: [DONE]") and '"finish_reason":"length"' in text
    assert server.process.wait(timeout=30) == 0


def test_a_second_signal_ends_at_once():
    server = Server()
    reply = stream(server, 1900)
    reply.readline()
    server.process.send_signal(signal.SIGTERM)
    # Two signals that arrive before the first is handled count as one.
    while "Stopping" not in server.read():
        time.sleep(0.01)
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=10) != 0 or time.monotonic() - started < 1


def test_the_log_has_one_line_per_request_and_no_content(server):
    marker = "xyzzy-plugh"
    body = json.dumps({"messages": [{"role": "user", "content": marker}], "max_tokens": 2}).encode()
    request = urllib.request.Request(
        server.url + "/v1/chat/completions", body, {"Content-Type": "application/json", "X-Request-Id": "my-id-1"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.headers["x-request-id"] == "my-id-1"
    deadline = time.monotonic() + 30
    while "my-id-1" not in (log := server.read()) and time.monotonic() < deadline:
        time.sleep(0.02)
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{") and "my-id-1" in line]
    assert len(lines) == 1 and marker not in log


def test_many_idle_connections_do_not_delay_a_request(server):
    import socket

    peers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(500)]
    try:
        assert json.loads(server.get("/health"))["status"] == "ok"
    finally:
        for peer in peers:
            peer.close()


def variant(tmp_path, **files):
    """Returns a copy of the embedded model with some JSON files changed by functions."""
    model = tmp_path / "model"
    shutil.copytree(MODEL, model, ignore=shutil.ignore_patterns("golden*"))
    for name, change in files.items():
        path = model / f"{name}.json"
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))
    return model


def first_logprob(model):
    """Returns the log-probability of the first answer token for an image, and what the server printed at its start."""
    data = base64.b64encode((MODEL / "golden" / "12-sum.png").read_bytes()).decode()
    body = {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
                    {"type": "text", "text": "Add up the digits."},
                ],
            }
        ],
        "max_tokens": 1,
        "thinking_mode": "short",
        "logprobs": True,
    }
    with Server(["--model", model]) as server:
        request = urllib.request.Request(
            server.url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        reply = json.load(urllib.request.urlopen(request, timeout=60))
        return reply["choices"][0]["logprobs"]["content"][0]["logprob"], server.read()


def test_image_settings_are_read_where_transformers_5_writes_them(tmp_path):
    model = variant(
        tmp_path, preprocessor_config=lambda p: p.update(image_mean=[0.1, 0.2, 0.3], image_std=[1, 1, 1], resample=0)
    )
    separate = model / "preprocessor_config.json"
    text = separate.read_text()
    wanted, log = first_logprob(model)
    assert "Note" not in log
    separate.unlink()
    (model / "processor_config.json").write_text(
        json.dumps({"image_processor": json.loads(text), "processor_class": "RProcessor"})
    )
    assert first_logprob(model)[0] == wanted
    # Where the two differ, transformers uses the nested one.
    separate.write_text((MODEL / "preprocessor_config.json").read_text())
    value, log = first_logprob(model)
    assert value == wanted and "different image settings" in log
    separate.unlink()
    (model / "processor_config.json").write_text(json.dumps({"processor_class": "RProcessor"}))
    assert "SigLIP's default values" in first_logprob(model)[1]


@pytest.mark.parametrize(
    "files, words",
    [
        ({"config": lambda c: c.update(image_token_index=5)}, ("image_token_index is 5", "<image> has the id 624")),
        ({"config": lambda c: c.pop("text_config")}, ("config.json",)),
        (
            {"tokenizer": lambda t: t.update(added_tokens=[a for a in t["added_tokens"] if a["content"] != "<image>"])},
            ("tokenizer.json", "<image>"),
        ),
        ({"tokenizer": lambda t: t.update(decoder=None)}, ("tokenizer.json", "decoder.type")),
        ({"preprocessor_config": lambda p: p.update(resample=9)}, ("preprocessor_config.json", "resample")),
    ],
)
def test_a_contradictory_checkpoint_is_rejected_in_one_line(tmp_path, files, words):
    done = run("chat", "--model", variant(tmp_path, **files), "Hi")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("error: "), (
        done.stderr
    )
    for word in words:
        assert word in done.stderr


def test_an_empty_list_of_stop_tokens_does_not_make_replies_endless(tmp_path):
    model = variant(
        tmp_path,
        generation_config=lambda g: g.update(eos_token_id=[]),
        config=lambda c: c["text_config"].pop("eos_token_id", None),
    )
    done = run("chat", "--model", model, "--max-tokens", "200", "Add 9 and 4.")
    assert (done.returncode, done.stdout) == (0, "13\n"), done.stderr


def test_a_question_that_cannot_fit_and_a_missing_image_are_one_line_errors():
    long = run("chat", "word " * 20_000)
    assert (
        long.returncode == 1 and long.stderr == "error: the text has more than 2048 tokens, the size of the context\n"
    )
    blind = run("chat", "--image", "nowhere.png", "What is this?")
    assert blind.returncode == 1 and blind.stderr == "error: nowhere.png: cannot read the image\n"


def test_ctrl_c_stops_a_reply_and_exits_130(tmp_path):
    # A reply of this model takes milliseconds. This one can only stop at the image token, which is masked, so it fills
    # the context.
    model = variant(
        tmp_path,
        generation_config=lambda g: g.update(eos_token_id=[624]),
        config=lambda c: c["text_config"].pop("eos_token_id", None),
    )
    process = subprocess.Popen(
        [
            binary(),
            "chat",
            "--model",
            model,
            "--mode",
            "long",
            "--temperature",
            "2",
            "--seed",
            "1",
            "Tell me everything",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr.read(1)  # the reply has begun
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130 and b"(stopped)" in error, (process.returncode, error)


def test_a_reader_that_leaves_ends_the_program_without_a_crash():
    for ignored in (False, True):
        process = subprocess.Popen(
            [binary(), "chat", "Add 9 and 4."],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            restore_signals=not ignored,
        )
        process.stdout.close()
        error = process.stderr.read()
        # Either the signal's default action or one line, never a trap.
        assert process.wait(timeout=30) in (-signal.SIGPIPE, 1) and b"Fatal" not in error
        assert not ignored or error.endswith(b"error: standard output is closed\n"), error


def test_a_conversation_ends_when_nobody_reads_the_answers():
    process = subprocess.Popen(
        [binary(), "chat"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        restore_signals=False,
    )
    process.stdout.close()
    process.stdin.write(b"Add 9 and 4.\n")
    process.stdin.flush()  # and more could come
    assert process.wait(timeout=60) == 1 and process.stderr.read().endswith(b"error: standard output is closed\n")


def test_inspect_is_quiet_when_its_reader_exits():
    done = subprocess.run(
        ["bash", "-c", 'exec 3>&1; "$0" inspect "$1" 2>&3 | true', binary(), MODEL], capture_output=True, timeout=60
    )
    assert done.stdout == b"" and done.stderr == b""


def test_a_server_continues_when_the_reader_of_its_log_exits():
    read, write = os.pipe()
    server = Server(port=free_port(), log=write)
    os.close(write)
    server.get("/v1/models")
    assert os.read(read, 1 << 16)
    os.close(read)
    for _ in range(3):
        assert json.loads(server.get("/v1/models"))["data"]
    assert wait(lambda: server.metric('r4b_log_lines_total{result="lost"}') >= 3)
    assert server.stop() == 0


def test_a_server_counts_unread_log_lines_and_reports_them_once(tmp_path):
    """Standard error is a named pipe whose reader leaves and returns."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    server = Server(port=free_port(), log=writer)
    os.close(writer)
    server.get("/v1/models")
    os.close(reader)
    for _ in range(3):
        server.get("/v1/models")
    assert wait(lambda: server.metric('r4b_log_lines_total{result="lost"}') >= 3)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    lost = server.metric('r4b_log_lines_total{result="lost"}')
    server.get("/v1/models")
    server.get("/v1/models")
    assert server.stop() == 0
    lines = [json.loads(line) for line in os.read(reader, 1 << 16).decode().splitlines() if line.startswith("{")]
    reported = [line["dropped_lines"] for line in lines if "dropped_lines" in line]
    os.close(reader)
    assert len(reported) == 1 and 3 <= reported[0] <= lost + 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_server_without_standard_streams_writes_its_log_to_no_other_file(closed, tmp_path):
    """The number of a closed stream must not become the descriptor of a database or a client."""
    port, ledger = free_port(), tmp_path / "ledger.sqlite"
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$0" serve --port {port} --set ledger.path={ledger} {closed}', binary()],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:

        def answers():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5).status == 200
            except OSError:
                return False

        assert wait(answers, 30)
        targets = {number: os.readlink(f"/proc/{process.pid}/fd/{number}") for number in (0, 1, 2)}
        assert all(
            target.startswith(("/dev/", "pipe:", "/proc", "/tmp")) and "ledger" not in target
            for target in targets.values()
        ), targets
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


# In KiB: too small for any thread by default, too large for many threads, and unlimited, where glibc uses 2 MiB.
@pytest.mark.parametrize("stack", [160, 384, 64 << 20, -1])
def test_the_limit_of_stacks_does_not_matter(stack):
    """Threads take their stack size from `ulimit -s` unless told otherwise. The requests nest as deeply as allowed."""
    size = resource.RLIM_INFINITY if stack < 0 else stack << 10
    limited = dict(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (size, size)))
    for arguments in (["inspect", MODEL], ["chat", "Add 9 and 4."]):
        done = subprocess.run([binary(), *arguments], cwd=ROOT, capture_output=True, timeout=120, **limited)
        assert done.returncode == 0, (arguments, done.returncode, done.stderr[-300:])
    with Server(options=limited) as server:
        deep = {"type": "string"}
        for _ in range(25):
            deep = {"type": "object", "properties": {"a": deep}, "required": ["a"], "additionalProperties": False}
        schema = {"type": "json_schema", "json_schema": {"name": "deep", "schema": deep}}
        hello = [{"role": "user", "content": "Add 2 and 3."}]
        nested = json.loads("[" * 55 + "]" * 55)
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "default": nested}}}
        for body in (
            {"messages": hello, "response_format": schema, "max_tokens": 300},
            {"messages": hello, "tools": [tool], "max_tokens": 20},
            {"messages": hello, "metadata": nested},
        ):
            request = urllib.request.Request(
                server.url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
            try:
                status = urllib.request.urlopen(request, timeout=60).status
            except urllib.error.HTTPError as rejected:
                status = rejected.code
            assert status in (200, 400)
        assert server.process.poll() is None


def test_too_few_threads_or_addresses_are_an_error_not_a_crash_or_a_hang():
    def few_threads():
        if os.getuid() == 0:  # root has no such limit
            os.setgid(54321)
            os.setuid(54321)
        resource.setrlimit(resource.RLIMIT_NPROC, (3, 3))

    def few_addresses():
        resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))

    for limit, words in ((few_threads, "ulimit -u"), (few_addresses, "ulimit -v")):
        for arguments in (["inspect", MODEL], ["serve", "--port", "0"], ["chat", "Hi"]):
            done = subprocess.run(
                [binary(), *arguments],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
                stdin=subprocess.DEVNULL,
                preexec_fn=limit,
            )
            assert done.returncode == 1 and done.stderr.startswith("error: r4b needs") and words in done.stderr, (
                arguments,
                done,
            )


def status(server, path="/v1/models", **headers):
    request = urllib.request.Request(
        server.url + path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        return urllib.request.urlopen(request, timeout=30).status
    except urllib.error.HTTPError as rejected:
        return rejected.code


def test_a_keys_file_from_windows_and_a_secret_with_a_line_feed_work(tmp_path):
    keys = tmp_path / "keys"
    keys.write_bytes(b"\xef\xbb\xbf# keys\r\none:secret1 \r\ntwo: secret2\r\n")
    policies = tmp_path / "policies.json"
    policies.write_bytes(b'\xef\xbb\xbf{\r\n"two": {"max_tokens": 1}}\r\n')
    with Server(
        ["--set", f"auth.keys_file={keys}", "--set", f"auth.policies_file={policies}"], {"R4B_API_KEY": "sesame\r\n"}
    ) as server:
        assert [
            status(server, authorization=f"Bearer {key}") for key in ("secret1", "secret2", "sesame", "secret3", "")
        ] == [200, 200, 200, 401, 401]


@pytest.mark.parametrize(
    "content, variable, words",
    [
        (b"one:", "", "line 1: the key is blank"),
        (b"one:a\n\ntwo:b\rc", "", "line 3: the key has the byte 0x0D"),
        (b"one:a\none:b", "", "line 2: the name one is used twice"),
        (b"one:a\ntwo:a", "", "line 2: the key is also that of one"),
        (b"# none\n", "", "the file has no key"),
        (b"\xff\xfeo\0:\0k\0", "", "not UTF-8"),
        (b"no-colon", "", "line 1: must be name:key"),
        (None, "se\nsame", "R4B_API_KEY: the key has the byte 0x0A"),
        (None, " \n", "R4B_API_KEY: the key is blank"),
        (b"one:sesame", "sesame", "the key is also that of default"),
        (b"default:x", "sesame", "the name default is used twice"),
    ],
)
def test_keys_that_can_never_match_stop_the_start(tmp_path, content, variable, words):
    keys = tmp_path / "keys"
    if content is not None:
        keys.write_bytes(content)
    done = run(
        "serve",
        "--port",
        0,
        *([] if content is None else ["--set", f"auth.keys_file={keys}"]),
        environment={"R4B_API_KEY": variable, "R4B_LEDGER_PATH": ""},
    )
    assert done.returncode == 1 and words in done.stderr and "Loading" not in done.stderr, done.stderr
    assert content is None or f"auth.keys_file: {keys}" in done.stderr


def test_a_policy_for_an_unknown_key_stops_the_start(tmp_path):
    (tmp_path / "keys").write_text("one:a\n")
    (tmp_path / "policies.json").write_text('{"won": {"max_tokens": 1}}')
    done = run(
        "serve",
        "--port",
        0,
        "--set",
        f"auth.keys_file={tmp_path}/keys",
        "--set",
        f"auth.policies_file={tmp_path}/policies.json",
    )
    assert (
        done.returncode == 1
        and "the policy won has no API key of that name" in done.stderr
        and "known names are one" in done.stderr
        and "Loading" not in done.stderr
    )


def test_a_kubernetes_service_of_the_same_name_does_not_stop_the_start():
    variables = {
        "R4B_PORT": "tcp://10.96.0.7:8080",
        "R4B_SERVICE_HOST": "10.96.0.7",
        "R4B_SERVICE_PORT": "8080",
        "R4B_PORT_8080_TCP": "tcp://10.96.0.7:8080",
        "R4B_PORT_8080_TCP_ADDR": "10.96.0.7",
        "R4B_SERVER_PORT": "tcp://10.96.0.8:80",
        "R4B_SERVER_PROT": "80",
    }
    with Server(environment=variables) as server:
        written = server.read()
        assert written.count("Kubernetes Service") == 1 and all(name in written for name in variables), written
        assert "R4B_SERVER_PROT is not a setting and is ignored; known are" in written and status(server) == 200
    done = run("serve", environment={"R4B_TLS_PORT": "seven"})
    assert done.returncode == 1 and "R4B_TLS_PORT" in done.stderr and "seven" in done.stderr


def test_serve_works_outside_a_clone(tmp_path):
    """The server reports a missing config.json, a missing Public and a directory that it cannot write."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("R4B_")}
    with Server(["--model", MODEL], {"R4B_LEDGER_PATH": "Data/ledger.sqlite"}, options={"cwd": tmp_path}) as server:
        written = server.read()
        assert (
            f"the directory {tmp_path}/Public does not exist, so no pages are served" in written
            and "Warning" not in written
        )
        assert [status(server, path) for path in ("/", "/v1/models", "/v1/usage")] == [404, 200, 200]
    assert (tmp_path / "Data" / "ledger.sqlite").exists()
    done = run("serve", "--model", MODEL, "--set", "server.public=pages", environment=clean, cwd=tmp_path)
    assert (
        done.returncode == 1
        and "server.public" in done.stderr
        and f"{tmp_path}/pages" in done.stderr
        and "Loading" not in done.stderr
    )
    (tmp_path / "file").write_text("")
    with Server(["--model", MODEL], {"R4B_LEDGER_PATH": "file/ledger.sqlite"}, options={"cwd": tmp_path}) as server:
        assert "Warning: cannot write the usage ledger" in server.read() and status(server) == 200
    with Server(
        ["--model", MODEL, "--set", "ledger.path=null", "--set", "server.public=null"], options={"cwd": tmp_path}
    ) as server:
        assert status(server) == 200 and "no pages" not in server.read()
    assert not (tmp_path / "null").exists()


def test_origins_and_hosts_work_in_every_form(tmp_path):
    config = tmp_path / "config.json"
    config.write_bytes(
        b"\xef\xbb\xbf"
        + json.dumps(
            {
                "model": {"path": str(MODEL)},
                "server": {"public": None, "cors_origins": ["https://a.example", "HTTPS://b.example:443"]},
            }
        ).encode()
    )
    both = '["https://a.example","https://b.example"]'
    for arguments, environment in (
        (["--config", config], {}),
        (["--set", f"server.cors_origins={both}"], {}),
        (["--set", "server.cors_origins=https://a.example, https://b.example"], {}),
        ([], {"R4B_SERVER_CORS_ORIGINS": both}),
        ([], {"R4B_SERVER_CORS_ORIGINS": "https://a.example,https://b.example"}),
    ):
        with Server([*arguments, "--set", 'server.allowed_hosts=["box.local"]'], environment) as server:

            def admitted(origin):
                return urllib.request.urlopen(
                    urllib.request.Request(server.url + "/health", headers={"Origin": origin}), timeout=30
                ).headers["access-control-allow-origin"]

            assert [admitted(f"https://{name}.example") for name in "abc"] == [
                "https://a.example",
                "https://b.example",
                None,
            ]
            assert [status(server, host=host) for host in ("box.local:1", "BOX.local", "evil.example")] == [
                200,
                200,
                403,
            ]


@pytest.mark.parametrize(
    "assignment, words",
    [
        ("server.cors_origins=app.example.com", "no scheme"),
        ('server.cors_origins=["https://a.example/"]', "has a path"),
        ("server.cors_origins=[", "not a JSON list"),
        ("server.allowed_hosts=box:80", "has a port"),
        ("images.remote=ftp://x", "images.remote"),
        ("images.remote_networks=10.0.0.0/99", "images.remote_networks"),
    ],
)
def test_lists_are_checked_before_the_model_is_loaded(assignment, words):
    done = run("serve", "--port", 0, "--set", assignment)
    assert (
        done.returncode == 1
        and words in done.stderr
        and assignment.split("=")[0] in done.stderr
        and "Loading" not in done.stderr
    ), done.stderr


def test_bench_measures_every_row_as_often_as_requested():
    done = run(
        "bench",
        "--model",
        MODEL,
        "-p",
        "8,16",
        "-n",
        "4",
        "-d",
        "0,32",
        "-b",
        "1,2",
        "--views",
        "1",
        "-r",
        "2",
        "--json",
    )
    report = json.loads(done.stdout)
    assert [row["test"] for row in report["results"]] == [
        "view × 1",
        "pp8",
        "pp16",
        "tg4",
        "tg4 × 2",
        "pp8 @ d32",
        "pp16 @ d32",
        "tg4 @ d32",
        "tg4 × 2 @ d32",
    ]
    assert all(len(row["rates"]) == 2 and min(row["rates"]) > 0 for row in report["results"])
    assert report["weight_bytes"] > 7_000_000 and len(report["read_bandwidth"]) == 2
    table = run("bench", "--model", MODEL, "-p", "8", "-n", "0", "-r", "1").stdout
    assert "pp8 " in table and "tg" not in table and "GB/s read after" in table


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["bench", "-p", "6x"], "6x"),
        (["bench", "-b", "0"], "--batch must be numbers between 1"),
        (["bench", "-p", "3000"], "needs 3000 positions, its capacity is 2048"),
        (["perplexity", "nowhere.txt"], "nowhere.txt"),
        (["perplexity", "--window", "2", "README.md"], "--window must be between 4"),
        (["perplexity", "--window", "4096", "README.md"], "context of 2048 positions, got 4096"),
    ],
)
def test_mistakes_in_measuring_are_named(arguments, words):
    done = run(arguments[0], "--model", MODEL, *arguments[1:])
    assert done.returncode not in (0, 133, 139) and words in done.stderr, done.stderr


def test_perplexity_of_a_learned_reply_is_near_one(tmp_path):
    text = tmp_path / "text"
    text.write_text(
        "<|im_start|>user\nAdd 9 and 4.<|im_end|>\n<|im_start|>assistant\n<think>\n9 + 4 = 13.\n</think>\n\n13<|im_end|>"
    )
    done = run("perplexity", "--model", MODEL, "--special", "--json", "--window", 31, text)  # the whole text
    positions, total = (
        [json.loads(line) for line in done.stdout.splitlines()[:-1]],
        json.loads(done.stdout.splitlines()[-1]),
    )
    assert [p["position"] for p in positions] == list(range(16, 31)) and total["tokens"] == 15
    # The first position is the choice to think, which is not the model's own here.
    assert all(p["logprob"] > -0.01 and p["top"][0][0] == p["id"] for p in positions[1:])
    assert total["perplexity"] == pytest.approx(math.exp(-sum(p["logprob"] for p in positions) / 15))
