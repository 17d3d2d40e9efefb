#!/usr/bin/env python3
"""GET /health of `r4b serve` and nginx with a small static file: requests per second by wrk, interleaved on loopback,
then memory of idle connections.

    apt-get install nginx-light wrk
    swift build -c release --product r4b
    Benchmarks/http/compare_nginx.py [--pairs 5] [--seconds 3] [--connections 32] [--idle 5000] [--csv FILE]

Both write no access log and run one event loop. Our /health takes the full path of a request: parser, router, Host
check, request id, metrics.
"""

import argparse
import csv
import os
import pathlib
import re
import resource
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def start_ours():
    path = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    process = subprocess.Popen(
        [f"{path}/r4b", "serve", "--port", "0", "--set", "log.requests=false"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if match := re.match(r"Listening on http://127.0.0.1:(\d+)", line):
            return process, int(match[1])
    raise SystemExit("r4b did not start")


def start_nginx(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.chmod(folder, 0o755)
    (folder / "health").write_text('{"status":"ok"}')
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit; events {{ worker_connections 16384; }}\n"
        f"http {{ access_log off; keepalive_requests 100000000; default_type application/json; sendfile on; tcp_nodelay on;\n"
        f"open_file_cache max=10; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    process = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    return process, port


def rate(port, options):
    text = subprocess.run(
        ["wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", f"http://127.0.0.1:{port}/health"],
        capture_output=True,
        text=True,
        check=True,
        timeout=options.seconds + 30,
    ).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(text)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])


def resident(process):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, value in (("pairs", 5), ("seconds", 3), ("connections", 32), ("idle", 5000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--csv")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        (nginx, nginx_port), (ours, port) = start_nginx(pathlib.Path(folder)), start_ours()
        try:
            rate(port, options), rate(nginx_port, options)
            pairs = [(rate(port, options), rate(nginx_port, options)) for _ in range(options.pairs)]
            ratios = sorted(a / b for a, b in pairs)
            print(
                f"r4b {statistics.median(a for a, _ in pairs):.0f}/s, nginx {statistics.median(b for _, b in pairs):.0f}/s, "
                f"ratio median {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) over {len(pairs)} pairs"
            )
            before, peers = resident(ours), []
            for _ in range(options.idle):
                peers.append(socket.create_connection(("127.0.0.1", port)))
                peers[-1].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                peers[-1].recv(4096)
            print(
                f"{options.idle} idle kept-alive connections: {(resident(ours) - before) / max(1, options.idle):.2f} KiB resident each"
            )
        finally:
            ours.terminate()
            nginx.terminate()
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            csv.writer(file).writerows([("r4b_requests_s", "nginx_requests_s"), *pairs])


if __name__ == "__main__":
    main()
