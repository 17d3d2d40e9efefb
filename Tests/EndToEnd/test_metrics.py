"""Metrics as Prometheus sees them: promtool's lint, the rules' own tests, a real Prometheus that scrapes, and every
query of the Grafana dashboard."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml
from conftest import MODEL, ROOT, Server
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from wire import question

DEPLOY = ROOT / "Deploy"
TOOLS = ROOT / ".venv" / "tools" / "usr" / "bin"


def tool(name):
    found = shutil.which(name) or shutil.which(name, path=str(TOOLS))
    assert found, f"{name} is missing: scripts/install --tests"
    return found


def promtool(*arguments, cwd=DEPLOY / "prometheus", text=None):
    return subprocess.run(
        [tool("promtool"), *arguments], cwd=cwd, input=text, capture_output=True, text=True, timeout=120
    )


def ask(server, text, **fields):
    body = {"messages": [{"role": "user", "content": text}]} | fields
    request = urllib.request.Request(
        server.url + "/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply), reply.headers["x-request-id"]


def test_promtool_accepts_our_names_and_finds_only_colons_in_the_aliases(server):
    ask(server, "Add 2 and 3.")
    with Server(["--set", "metrics.vllm_aliases=false", "--set", "shadow.fraction=1"]) as plain:
        for text in ("Add 2 and 3.", "Add 57 and 68."):
            ask(plain, text)
        result = promtool("check", "metrics", text=plain.get("/metrics"))
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    aliases = promtool("check", "metrics", text=server.get("/metrics"))
    findings = (aliases.stdout + aliases.stderr).split("\n")
    assert all(re.fullmatch(r"vllm:\w+ metric names should not contain ':'|", line) for line in findings), findings


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A server that has answered every kind of request: modes, images, tools, streams, rollouts, shadows, failures,
    pages."""
    folder = tmp_path_factory.mktemp("busy")
    with Server(["--set", "shadow.fraction=1", "--set", f"ledger.path={folder}/ledger.sqlite"]) as server:

        def send(path, body, method="POST", **headers):
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(
                server.url + path, data, {"content-type": "application/json"} | headers, method=method
            )
            try:
                with urllib.request.urlopen(request, timeout=60) as reply:
                    reply.read()
                    return reply.status
            except urllib.error.HTTPError as error:
                return error.code

        chat, hello = "/v1/chat/completions", [{"role": "user", "content": "Add 2 and 3."}]
        image = question("Add up the digits.", "golden/12-sum.png")
        tool = {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}},
                    "required": ["a"],
                    "additionalProperties": False,
                },
            },
        }
        # An id that needs escapes in a label, and the longest id that may be an exemplar.
        for request_id in ("req-1", "x" * 118, "x" * 119):
            assert send(chat, {"messages": hello}, **{"x-request-id": request_id}) == 200
        for fields in (
            {"thinking_mode": "long"},
            {"thinking_mode": "short"},
            {"stream": True},
            {"n": 3},
            {"max_tokens": 2},
            {"thinking_budget": 3},
            {"tools": [tool], "tool_choice": "required"},
            {"response_format": {"type": "json_object"}, "max_tokens": 40},
        ):
            assert send(chat, {"messages": hello} | fields) == 200, fields
        for _ in range(2):
            assert send(chat, {"messages": image}) == 200
        assert send("/v1/rollouts", {"messages": hello}) == 200
        assert (
            send("/v1/responses", {"input": "Add 2 and 3."}) == 200
            and send("/v1/completions", {"prompt": "Add", "max_tokens": 3}) == 200
        )
        assert (
            send("/tokenize", {"prompt": "Add"}) == 200
            and send("/v1/usage", None, "GET") == 200
            and send("/", None, "GET") == 200
        )
        assert (
            send(chat, {"messages": hello, "max_tokens": 0}) == 400
            and send("/nowhere", None, "GET") == 404
            and send("/v1/models", None, "BREW") == 405
        )
        deadline = time.monotonic() + 30
        while server.metric("r4b_shadow_requests_total{") < 5:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield server


def scrape(server, accept):
    with urllib.request.urlopen(
        urllib.request.Request(server.url + "/metrics", headers={"Accept": accept}), timeout=30
    ) as reply:
        return reply.headers["content-type"], reply.read().decode()


def test_both_formats_are_read_by_prometheus_client_and_every_family_has_one_name(busy):
    kind, text = scrape(busy, "application/openmetrics-text; version=1.0.0")
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8" and text.endswith("# EOF\n")
    # Strict: names, the order of samples, buckets, suffixes, escapes, exemplars and the end are checked.
    families = list(openmetrics_parser.text_string_to_metric_families(text))
    kind, text = scrape(busy, "text/plain")
    assert kind == "text/plain; version=0.0.4; charset=utf-8" and "# EOF" not in text and " # {" not in text
    older = list(parser.text_string_to_metric_families(text))
    for list_ in (families, older):
        names = [family.name for family in list_]
        assert len(names) == len(set(names)) > 40, [name for name in names if names.count(name) > 1]
        # What a client library would reject: a missing help text, or a counter sample without its suffix.
        for family in list_:
            assert family.documentation and family.type in ("counter", "gauge", "histogram"), family.name
            assert family.type != "counter" or all(
                sample.name == family.name + "_total" and sample.value >= 0 for sample in family.samples
            ), family.name
            series = [(sample.name, *sorted(sample.labels.items())) for sample in family.samples]
            assert len(series) == len(set(series)), family.name
    # The savings appear once there are enough shadows, possibly between the two scrapes.
    told = [
        {(family.name, family.type) for family in list_ if not family.name.startswith("r4b_saved_")}
        for list_ in (families, older)
    ]
    assert told[0] == told[1]
    types = {family.name: family.type for family in families}
    assert (
        types["r4b_prefix_cache_tokens"] == "counter"
        and types["r4b_prefix_cache_held_tokens"] == "gauge"
        and types["r4b_log_lines"] == "counter"
    )
    exemplars = [sample.exemplar for family in families for sample in family.samples if sample.exemplar]
    ids = {exemplar.labels["request_id"] for exemplar in exemplars}
    assert (
        exemplars
        and all(abs(float(exemplar.timestamp) - time.time()) < 3600 for exemplar in exemplars)
        and "x" * 119 not in ids
    )


@pytest.mark.parametrize(
    "accept, expected",
    [
        ("application/openmetrics-text;q=0, text/plain", "text/plain"),
        ("application/openmetrics-text;q=0", "text/plain"),
        ("*/*", "text/plain"),
        ("application/openmetrics-text;q=0.3, text/plain;q=0.4", "text/plain"),
        ("text/plain;q=0.3, application/openmetrics-text;q=0.4", "application/openmetrics-text"),
        ("application/*", "application/openmetrics-text"),
        ("text/plain;q=0, */*;q=0.1", "application/openmetrics-text"),
    ],
)
def test_the_format_follows_the_weights_of_accept(server, accept, expected):
    assert scrape(server, accept)[0].startswith(expected + ";")


def test_rules_and_configuration_are_valid_and_pass_their_own_tests():
    for arguments in (
        ("check", "rules", "r4b.rules.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "r4b.rules.test.yml"),
    ):
        result = promtool(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_a_test_that_fires_and_one_that_stays_silent():
    rules = yaml.safe_load((DEPLOY / "prometheus" / "r4b.rules.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    tests = yaml.safe_load((DEPLOY / "prometheus" / "r4b.rules.test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", ())]
    assert (
        alerts
        == {case["alertname"] for case in cases if case.get("exp_alerts")}
        == {case["alertname"] for case in cases if not case.get("exp_alerts")}
    )


class Prometheus:
    """A Prometheus that scrapes one server every half second."""

    def __init__(self, folder, target):
        configuration = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
        configuration["global"] = {
            "scrape_interval": "500ms",
            "evaluation_interval": "500ms",
            "scrape_timeout": "500ms",
        }
        configuration["rule_files"] = [str(DEPLOY / "prometheus" / "r4b.rules.yml")]
        configuration["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = "http://127.0.0.1:%d" % free.getsockname()[1]
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen(
            [
                tool("prometheus"),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={self.url[7:]}",
                "--enable-feature=exemplar-storage",
            ],
            stdout=self.log,
            stderr=self.log,
        )

    def api(self, path, **parameters):
        with urllib.request.urlopen(
            f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=30
        ) as reply:
            document = json.load(reply)
        assert document["status"] == "success", document
        return document["data"]

    def query(self, expression):
        """Returns label sets and values of an instant query."""
        return [
            (series["metric"], float(series["value"][1])) for series in self.api("query", query=expression)["result"]
        ]

    def wait(self, expression, value, seconds=30):
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = [number for _, number in self.query(expression)]
            except OSError:
                found = None
            if found == [value]:
                return
            assert self.process.poll() is None and time.monotonic() < deadline, (
                expression,
                found,
                pathlib.Path(self.log.name).read_text()[-2000:],
            )
            time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.log.close()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """A server with shadows that has answered some requests, and a Prometheus that has scraped it."""
    folder = tmp_path_factory.mktemp("prometheus")
    with Server(["--set", "shadow.fraction=1", "--set", f"ledger.path={folder}/ledger.sqlite"]) as server:
        prometheus = Prometheus(folder, server.url[7:])
        try:
            prometheus.wait('up{job="r4b"}', 1)
            replies = [
                ask(server, f"Add {a} and {b}.")
                for a, b in [(2, 3), (4, 1), (57, 68), (1, 1), (90, 14)]
                for _ in range(3)
            ]
            prometheus.wait("sum(r4b_requests_total)", len(replies))
            prometheus.wait('sum(r4b_shadow_requests_total{result="answered"})', len(replies))
            # A rate needs two scrapes.
            prometheus.wait("min(count_over_time(r4b_requests_total[1m])) >= bool 3", 1)
            yield server, prometheus, replies
        finally:
            prometheus.stop()


def test_prometheus_counts_equal_those_of_the_replies(scraped):
    _, prometheus, replies = scraped
    for kind, count in (
        ("thinking", lambda reply: reply["thinking"]["thinking_tokens"]),
        ("control", lambda reply: reply["thinking"]["control_tokens"]),
        ("answer", lambda reply: reply["thinking"]["answer_tokens"]),
        ("prompt_text", lambda reply: reply["usage"]["prompt_tokens"]),
    ):
        assert [value for _, value in prometheus.query(f'sum(r4b_tokens_total{{kind="{kind}"}})')] == [
            sum(count(reply) for reply, _ in replies)
        ]
    thought = sum(reply["thinking"]["mode"] == "thinking" for reply, _ in replies)
    assert 0 < thought < len(replies)
    assert [
        value for _, value in prometheus.query('sum(r4b_time_to_first_answer_token_seconds_count{mode="thinking"})')
    ] == [thought]
    saved = dict((labels["bound"], value) for labels, value in prometheus.query("r4b_saved_tokens"))
    assert saved["low"] <= saved["estimate"] <= saved["high"]


def test_exemplars_contain_request_ids(scraped):
    _, prometheus, replies = scraped
    ids = {request_id for _, request_id in replies}
    found = prometheus.api(
        "query_exemplars", query="r4b_request_seconds_bucket", start=time.time() - 600, end=time.time() + 60
    )
    named = {exemplar["labels"]["request_id"] for series in found for exemplar in series["exemplars"]}
    assert named and named <= ids


def test_labels_have_a_fixed_set_of_values(scraped):
    """However the requests differ, labels and their values are the ones known here."""
    server, _, _ = scraped
    for name in ("user", "x"):
        ask(server, "Add 1 and 2.", user=name, metadata={name: name})
    for method, path in (
        ("GET", "/v1/models/mine"),
        ("GET", "/no/such/page"),
        ("GET", "/icon.svg"),
        ("BREW", "/v1/models"),
        ("DELETE", "/v1/usage"),
        ("GET", "/v1/usage?key=mine"),
    ):
        try:
            urllib.request.urlopen(urllib.request.Request(server.url + path, method=method), timeout=60).read()
        except urllib.error.HTTPError:
            pass
    finishes = {"stop", "length", "tool_calls"}
    words = {
        "requested_mode": {"auto", "long", "short"},
        "mode": {"thinking", "non_thinking"},
        "finish": finishes,
        "finished_reason": finishes,
        "kind": {"prompt_text", "prompt_image", "prompt_cached", "thinking", "control", "answer"},
        "bound": {"low", "estimate", "high"},
        "state": {"running", "waiting"},
        "reason": {"validation", "auth", "capacity", "cancelled", "inference", "natural", "budget", "loop", "length"},
        "result": {
            "written",
            "dropped",
            "lost",
            "hit",
            "miss",
            "answered",
            "failed",
            "passed_over",
            "finished",
            "refused",
            "over_budget",
            "cancelled",
            "failed",
        },
        # Model names may contain a slash, which OpenAPI cannot express.
        "route": set(json.loads(server.get("/openapi.json"))["paths"]) | {"/v1/models/{id*}", "page", "other"},
        "method": {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "other"},
        "status": {"200", "404", "405"},
        "model_name": {"r-tiny"},
    }
    numbers = {"le": r"[\d.e+-]+|\+Inf", "version": r"\d+\.\d+\.\d+"}
    found = {(label, value) for series in server.metrics() for label, value in re.findall(r'(\w+)="([^"]*)"', series)}
    unknown = {
        (label, value)
        for label, value in found
        if value not in words.get(label, ()) and not re.fullmatch(numbers.get(label, "(?!)"), value)
    }
    assert (
        unknown == set()
        and {
            ("route", "/v1/models/{id*}"),
            ("route", "page"),
            ("route", "other"),
            ("method", "other"),
            ("status", "405"),
        }
        <= found
    )


def test_every_query_of_the_grafana_dashboard_has_an_answer(scraped):
    """Each expression is valid and names series of this server. Rates need the second scrape, which has happened."""
    _, prometheus, _ = scraped
    dashboard = json.loads((DEPLOY / "grafana" / "r4b.json").read_text())
    names = set(prometheus.api("label/__name__/values"))
    silent = []
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in (
                ("$job", ".*"),
                ("$instance", ".*"),
                ("$__rate_interval", "30s"),
                ("$__range", "5m"),
            ):
                expression = expression.replace(variable, value)
            assert set(re.findall(r"\br4b_\w+", expression)) <= names, expression
            if not prometheus.query(expression):
                silent.append(panel["title"])
    # No image was sent and no request failed.
    assert set(silent) <= {"Caches", "Queue, prefill, first token, whole request"}, silent
    assert len({panel["title"] for panel in dashboard["panels"]}) == len(dashboard["panels"]) == 18


def test_the_rules_name_series_that_exist(scraped):
    _, prometheus, _ = scraped
    groups = prometheus.api("rules")["groups"]
    assert all(rule["health"] == "ok" for group in groups for rule in group["rules"]), groups
    names = set(prometheus.api("label/__name__/values"))
    text = (DEPLOY / "prometheus" / "r4b.rules.yml").read_text()
    wanted = set(re.findall(r"\br4b_[a-z_]+", "\n".join(line for line in text.splitlines() if "record:" not in line)))
    assert wanted <= names, wanted - names
