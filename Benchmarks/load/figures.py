"""The result of a load run: rates, waiting times, gaps and errors, as numbers and as lines of text."""

import collections
import math


def percentile(values, share):
    """Returns the smallest value that `share` of all values do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


class Figures:
    """The figures of all replies of one run that took `seconds`. Times in seconds."""

    def __init__(self, replies, seconds, asked):
        self.seconds, self.asked, self.replies = seconds, asked, replies
        good = [r for r in replies if r.error is None]
        self.answered = len(good)
        self.errors = collections.Counter(r.error for r in replies if r.error is not None)
        self.reconnects = sum(r.reconnected for r in replies)
        self.completion, self.prompt = sum(r.completion for r in good), sum(r.prompt for r in good)
        self.cached = sum(r.cached for r in good)
        self.requests_per_second, self.tokens_per_second = self.answered / seconds, self.completion / seconds
        # Measured from when the request was due: in an open loop the wait for a connection counts too.
        firsts = [r.first - r.due for r in good if r.first is not None]
        self.first_p50, self.first_p99 = percentile(firsts, 0.5), percentile(firsts, 0.99)
        gaps = [gap for r in good for gap in r.gaps]
        self.gap_p50, self.gap_p99, self.gap_max = (
            percentile(gaps, 0.5),
            percentile(gaps, 0.99),
            max(gaps, default=math.nan),
        )
        per_token = [
            (r.last - r.first) / (r.completion - 1)
            for r in good
            if r.first is not None and r.last > r.first and r.completion > 1
        ]
        self.token_p50 = percentile(per_token, 0.5)
        times = [r.end - r.due for r in good]
        self.time_p50, self.time_p99 = percentile(times, 0.5), percentile(times, 0.99)
        self.kinds = collections.Counter(r.kind for r in good)

    @property
    def is_complete(self):
        return self.answered == self.asked

    def lines(self):
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kinds.items()))
        yield f"{self.answered} of {self.asked} requests answered in {self.seconds:.2f} s ({kinds}){'' if self.is_complete else '  NOT ALL WERE ANSWERED'}"
        for error, count in self.errors.most_common():
            yield f"  {error}: {count}"
        if self.reconnects:
            yield f"  {self.reconnects} on a new connection because the server had closed the kept one"
        yield f"{self.requests_per_second:.1f} requests/s, {self.tokens_per_second:.1f} output tokens/s ({self.completion} tokens; prompts {self.prompt}, cached {self.cached})"
        yield f"first token p50 {ms(self.first_p50)}, p99 {ms(self.first_p99)}; whole reply p50 {ms(self.time_p50)}, p99 {ms(self.time_p99)}"
        yield f"gap p50 {ms(self.gap_p50)}, p99 {ms(self.gap_p99)}, max {ms(self.gap_max)}; time per token in a stream, median {ms(self.token_p50)}"


def ms(seconds):
    return "–" if math.isnan(seconds) else f"{seconds * 1000:.2f} ms"


def number(value):
    """Three significant digits, an integer from a hundred up."""
    if math.isnan(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
