"""Output of a comparison: medians of interleaved pairs, their spread, ratios and the goal."""

import csv
import statistics


class Row:
    """One kind of work: rates of both engines, pair by pair. For times `higher` is false, and the ratio is theirs over
    ours."""

    def __init__(self, work, unit, goal, peer, higher=True):
        self.work, self.unit, self.goal, self.peer, self.higher = work, unit, goal, peer, higher
        self.pairs, self.limit, self.bandwidth = [], None, []

    def add(self, ours, theirs):
        self.pairs.append((ours, theirs))

    def ratios(self):
        return sorted(a / b if self.higher else b / a for a, b in self.pairs if a > 0 and b > 0)

    def line(self):
        def middle(values):
            values = [v for v in values if v]
            return f"{statistics.median(values):.2f}" if values else "–"

        ratios = self.ratios()
        ratio = f"**{statistics.median(ratios):.2f}** ({ratios[0]:.2f}–{ratios[-1]:.2f})" if ratios else "–"
        limit = f"{100 * self.limit:.0f} %" if self.limit else "–"
        bandwidth = f"{min(self.bandwidth) / 1e9:.1f}–{max(self.bandwidth) / 1e9:.1f}" if self.bandwidth else "–"
        cells = [
            self.work,
            middle(a for a, _ in self.pairs),
            middle(b for _, b in self.pairs),
            self.unit,
            self.peer,
            ratio,
            self.goal,
            limit,
            bandwidth,
            str(len(self.pairs)),
        ]
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "| work | r4b | llama.cpp | | best peer | ratio (spread) | goal | of the limit | GB/s read | pairs |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def table(rows):
    return "\n".join([HEAD, *(row.line() for row in rows)])


def save(rows, path):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(
            ["work", "unit", "peer", "pair", "r4b", "peer_value", "ratio", "read_bandwidth_min", "read_bandwidth_max"]
        )
        for row in rows:
            low, high = (min(row.bandwidth), max(row.bandwidth)) if row.bandwidth else ("", "")
            for number, (a, b) in enumerate(row.pairs, 1):
                ratio = "" if a <= 0 or b <= 0 else f"{a / b if row.higher else b / a:.4f}"
                out.writerow([row.work, row.unit, row.peer, number, a, b, ratio, low, high])
