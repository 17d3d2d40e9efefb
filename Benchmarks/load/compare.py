"""r4b and llama-server under the same load, interleaved in pairs: throughput, time to the first token, gaps between
tokens."""

import asyncio
import csv
import math
import statistics

from .figures import number
from .load import closed_loop, made_mix
from .servers import R4B, LlamaServer, binary, peers, small_model

# Name, unit, attribute of Figures, scale, whether larger is better.
ROWS = (
    ("output tokens", "tokens/s", "tokens_per_second", 1, True),
    ("requests", "1/s", "requests_per_second", 1, True),
    ("first token p50", "ms", "first_p50", 1e3, False),
    ("first token p99", "ms", "first_p99", 1e3, False),
    ("gap p50", "ms", "gap_p50", 1e3, False),
    ("gap p99", "ms", "gap_p99", 1e3, False),
    ("gap max", "ms", "gap_max", 1e3, False),
)


def pair_ratio(row, ours, theirs):
    """Above 1 if r4b is better."""
    a, b = getattr(ours, row[2]), getattr(theirs, row[2])
    if not (a > 0 and b > 0):
        return math.nan
    return a / b if row[4] else b / a


def compare(o):
    folders = peers(o)
    program, model = binary(o), o.model or small_model(folders[0])
    table, sheet = [], []
    for clients in o.clients:
        count = max(o.requests_per_client * clients, o.least)
        with R4B(
            program,
            model,
            [f"scheduling.max_running={clients}", f"scheduling.kv_tokens={clients * o.context}", *o.set],
            o.threads,
        ) as ours:
            candidates = [LlamaServer(folder, model, clients, o.context, o.threads) for folder in folders]
            try:
                theirs = fastest(o, candidates, clients)
                measure(o, ours, clients, count // 4 + 1, -1)
                pairs = []
                for pair in range(o.pairs):
                    # The order alternates from pair to pair.
                    order = (ours, theirs) if pair % 2 == 0 else (theirs, ours)
                    found = {server: measure(o, server, clients, count, pair) for server in order}
                    pairs.append((found[ours], found[theirs]))
                    a, b = pairs[-1]
                    print(
                        f"{clients} clients, pair {pair + 1}: {a.tokens_per_second:.1f} against {b.tokens_per_second:.1f} tokens/s, "
                        f"first token p50 {a.first_p50 * 1e3:.1f} against {b.first_p50 * 1e3:.1f} ms, gap p99 {a.gap_p99 * 1e3:.1f} against {b.gap_p99 * 1e3:.1f} ms",
                        flush=True,
                    )
                    for figures, name in ((a, "r4b"), (b, "llama-server")):
                        if not figures.is_complete:
                            print(f"  {name}: {figures.answered} of {figures.asked} answered: {dict(figures.errors)}")
                table += rows(clients, theirs.name, pairs, sheet)
            finally:
                for server in candidates:
                    server.stop()
        print("\n".join([HEAD, *table]), flush=True)
        if o.csv:
            save(o.csv, sheet)


def measure(o, server, clients, count, pair):
    """One run. Each pair asks different questions, both servers of a pair the same."""
    requests = made_mix(o, f"{o.seed}/{clients}/{pair}").requests(count)
    return asyncio.run(closed_loop(server.port, requests, clients, timeout=o.timeout))


def fastest(o, candidates, clients):
    """Warms the peers up and chooses the one with the most tokens per second."""
    rates = {server: measure(o, server, clients, max(2 * clients, 4), -2).tokens_per_second for server in candidates}
    if len(rates) > 1:
        print(
            f"{clients} clients, peers: "
            + ", ".join(f"{server.name} {rate:.1f} tokens/s" for server, rate in rates.items()),
            flush=True,
        )
    return max(rates, key=rates.get)


HEAD = (
    "\n| clients | what | r4b | llama-server | | ratio (spread) | peer | answered r4b, peer | tokens r4b, peer | pairs |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def rows(clients, peer, pairs, sheet):
    """Returns the lines of the table and of the CSV, pair by pair."""
    lines = []
    answered = ", ".join(f"{sum(f.answered for f in side)}/{sum(f.asked for f in side)}" for side in zip(*pairs))
    tokens = ", ".join(str(sum(f.completion for f in side)) for side in zip(*pairs))
    for row in ROWS:
        ours, theirs = [[getattr(f, row[2]) * row[3] for f in side] for side in zip(*pairs)]
        ratios = [pair_ratio(row, *pair) for pair in pairs]
        known = sorted(r for r in ratios if not math.isnan(r))
        ratio = f"**{statistics.median(known):.2f}** ({known[0]:.2f}–{known[-1]:.2f})" if known else "–"
        lines.append(
            f"| {clients} | {row[0]} | {number(statistics.median(ours))} | {number(statistics.median(theirs))} | {row[1]} | {ratio} | {peer} | {answered} | {tokens} | {len(pairs)} |"
        )
        sheet += [
            (clients, row[0], row[1], peer, number_of, f"{a:.4f}", f"{b:.4f}", f"{r:.4f}")
            for number_of, (a, b, r) in enumerate(zip(ours, theirs, ratios), 1)
        ]
    return lines


def save(path, sheet):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(
            [("clients", "what", "unit", "peer", "pair", "r4b", "llama_server", "ratio"), *sheet]
        )
