"""Made-up requests and the answer of `GET /v1/usage` for them, so that tests know the numbers of the dashboard."""

import math
import random
import statistics

SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
TOKENS = ("prompt_text", "prompt_image", "prompt_cached", "thinking", "control", "answer")
TIMES = ("queue", "image", "prefill", "first_token", "first_answer_token", "decode", "total")
KEYS = ("default", "batch", "a-very-long-name-of-a-key-that-somebody-chose-without-thinking-of-tables", "интернет")


def requests(start, end, count, seed=7):
    """`count` requests between two Unix times, more of them in the second half; thinking ones are slower."""
    rng, rows = random.Random(seed), []
    for _ in range(count):
        at = start + (end - start) * (1 - rng.random() ** 1.6 * 0.98)
        asked = rng.choices(("auto", "long", "short"), (0.8, 0.1, 0.1))[0]
        p = min(1.0, max(0.0, rng.betavariate(0.25, 0.6))) if asked == "auto" else None
        thinks = asked == "long" or (p is not None and p >= 0.5)
        row = {
            "at": at,
            "requested_mode": asked,
            "mode": "thinking" if thinks else "non_thinking",
            "p": p,
            "key": rng.choices(KEYS, (6, 3, 1, 1))[0],
            "prompt_text": rng.randrange(12, 90),
            "prompt_image": rng.choice((0, 0, 60, 640)),
            "prompt_cached": rng.choice((0, 0, 12)),
            "thinking": int(rng.lognormvariate(5, 0.7)) if thinks else 0,
            "control": 4 if asked != "short" else 1,
            "answer": int(rng.lognormvariate(3, 0.8)) + 1,
            "finish": rng.choices(("stop", "length"), (0.95, 0.05))[0],
            "end": rng.choices(("natural", "budget", "loop"), (0.9, 0.08, 0.02))[0] if thinks else None,
        }
        row["queue"], row["image"], row["prefill"] = (
            rng.expovariate(20),
            0.2 * (row["prompt_image"] > 0),
            0.004 * row["prompt_text"],
        )
        row["first_token"] = row["queue"] + row["image"] + row["prefill"] + 0.02
        row["first_answer_token"] = row["first_token"] + row["thinking"] * 0.03
        row["decode"] = (row["thinking"] + row["answer"]) * 0.03
        row["total"] = row["first_token"] + row["decode"]
        rows.append(row)
    return rows


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)] if values else None


def group(rows, all_rows, **names):
    auto = [row for row in rows if row["requested_mode"] == "auto"]
    count = len(rows)
    result = names | {
        "requests": count,
        "replies": count,
        "share": count / max(1, len(all_rows)),
        "decided_requests": len(auto),
        "think_rate": sum(row["mode"] == "thinking" for row in auto) / len(auto) if auto else None,
        "tokens_per_answer": sum(row["thinking"] + row["control"] + row["answer"] for row in rows) / count
        if count
        else None,
        "seconds_per_answer": sum(row["total"] for row in rows) / count if count else None,
    }
    for kind in (*TOKENS, "completion"):
        values = [
            row["thinking"] + row["control"] + row["answer"] if kind == "completion" else row[kind] for row in rows
        ]
        result[kind + "_tokens"] = {
            "total": sum(values),
            "mean": statistics.fmean(values) if values else None,
            "p50": quantile(values, 0.5),
            "p95": quantile(values, 0.95),
        }
    for kind in TIMES:
        values = [row[kind] for row in rows]
        result[kind + "_seconds"] = {
            "mean": statistics.fmean(values) if values else None,
            "p50": quantile(values, 0.5),
            "p95": quantile(values, 0.95),
            "p99": quantile(values, 0.99),
        }
    result["finish"] = {name: sum(row["finish"] == name for row in rows) for name in ("stop", "length", "tool_calls")}
    result["thought_ends"] = {
        name: sum(row["end"] == name for row in rows) for name in ("natural", "budget", "loop", "length")
    }
    return result


def groups(rows, names):
    found = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return [group(members, rows, **dict(zip(names, values))) for values, members in sorted(found.items())]


LEDGER = {
    "state": "ok",
    "reason": None,
    "rows": 1200,
    "oldest": 1_760_000_000,
    "written": 1200,
    "dropped": 0,
    "lost": 0,
    "lost_is_exact": True,
    "pending": 0,
}
SAVED = {
    "tokens": {
        "saved": 48210.5,
        "low": 40100.0,
        "high": 56020.0,
        "per_request": 91.2,
        "share": 0.41,
        "share_low": 0.35,
        "share_high": 0.47,
    },
    "seconds": {
        "saved": 1510.0,
        "low": 1190.0,
        "high": 1822.0,
        "per_request": 2.9,
        "share": 0.38,
        "share_low": 0.31,
        "share_high": 0.45,
    },
}


def usage(rows, start, end, bucket, names, saved=SAVED, ledger=None):
    """The document of `/v1/usage` for the rows between two times."""
    rows = [row for row in rows if start <= row["at"] < end]
    size, buckets = SECONDS.get(bucket), {}
    for row in rows if size else ():
        buckets.setdefault(int(row["at"] // size) * size, []).append(row)
    decided = [row["p"] for row in rows if row["p"] is not None]
    bins = [0] * 20
    for p in decided:
        bins[min(19, int(p * 20))] += 1
    # The server's own words for less than 30 pairs.
    reason = (
        None
        if saved
        else "0 requests that did not think have a shadow; an estimate needs 30. "
        "The setting shadow.fraction determines how many get one."
    )
    savings = {
        "requests": len(decided),
        "shadowed": 64 if saved else 0,
        "tokens": None,
        "seconds": None,
        "confidence": 0.95,
        "reason": reason,
        "shadow": {"requests": 91 if saved else 0, "tokens": 12345 if saved else 0, "seconds": 399.5 if saved else 0},
    }
    return {
        "object": "usage",
        "from": start,
        "to": end,
        "bucket": bucket,
        "group_by": names,
        "totals": group(rows, rows),
        "groups": groups(rows, names),
        "buckets": [
            {"start": at, "end": at + size, "groups": groups(members, names)} for at, members in sorted(buckets.items())
        ],
        "think_probability": {"bins": bins, "mean": statistics.fmean(decided) if decided else None},
        "savings": savings | (saved or {}),
        "ledger": LEDGER | (ledger or {}),
    }
