"""The requests of a load, from a seed. The same seed gives the same requests, and no two of them are alike, so that no
cache answers for the model.

Kinds: `short` and `long` are questions with a short and a long reply, `prompt` is a long text with a short reply,
`image` an image with a question.
"""

import base64
import pathlib
import random
import sys

from .client import chat

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from png_writer import png  # noqa: E402

KINDS = ("short", "long", "prompt", "image")
NAMES, THINGS = ("Lily", "Tom", "Anna", "Ben", "Mia", "Paul"), ("books", "apples", "pens", "cards", "stones", "shells")
TOPICS = (
    "the sea",
    "a garden in spring",
    "old bridges",
    "how bread is made",
    "the moon",
    "trains",
    "a small village",
    "birds in winter",
    "glass",
    "the first day at school",
    "mountains",
    "an honest merchant",
    "rain",
    "clocks",
    "a lighthouse",
    "honey",
)
SENTENCES = (
    "{0} has {1} {3} and keeps them in a box under the window.",
    "Every morning {0} counts the {3} and writes {2} into the book.",
    "In the year {1} the house by the river was sold for {2} coins.",
    "The road to {4} is {1} miles long and has {2} bridges.",
    "Nobody in town had heard of {4} before {0} came back with {1} {3}.",
)


class Mix:
    """`weights` maps kinds to their frequencies. `modes` are values of thinking_mode to choose from; servers other than
    r4b have none."""

    def __init__(
        self,
        seed,
        weights,
        modes=(),
        stream=1.0,
        short=24,
        long=192,
        words=150,
        image=(320, 240),
        temperature=0.0,
        extra=None,
    ):
        self.seed, self.weights, self.modes, self.stream = seed, weights, modes, stream
        self.short, self.long, self.words, self.image = short, long, words, image
        self.temperature, self.extra = temperature, extra or {}

    def requests(self, count):
        """Returns the first `count` requests, made before the measurement."""
        return [self.request(index) for index in range(count)]

    def request(self, index):
        rng = random.Random(f"{self.seed}/{index}")
        kind = rng.choices(list(self.weights), list(self.weights.values()))[0]
        streams = rng.random() < self.stream
        body = {
            "messages": [{"role": "user", "content": self._content(kind, rng)}],
            "temperature": self.temperature,
            "max_tokens": self.long if kind == "long" else self.short,
        }
        if self.modes:
            body["thinking_mode"] = rng.choice(self.modes)
        if streams:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return chat(kind, body | self.extra)

    def _content(self, kind, rng):
        if kind == "image":
            url = "data:image/png;base64," + base64.b64encode(image_file(*self.image, rng.randrange(1 << 30))).decode()
            question = rng.choice(
                ("What color is the shape?", "What does this image show?", "What is the shape of the object?")
            )
            return [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question}]
        if kind == "prompt":
            return f"Read this and answer.\n{text(rng, self.words)}\nHow many {rng.choice(THINGS)} does {rng.choice(NAMES)} have?"
        if kind == "long":
            return (
                f"Write a story of {rng.randrange(200, 400)} words about {rng.choice(TOPICS)} and {rng.choice(TOPICS)}."
            )
        a, b, c, thing = rng.randrange(10, 90), rng.randrange(10, 90), rng.randrange(1, 9), rng.choice(THINGS)
        return rng.choice(
            (
                f"{a} + {b} = ?",
                f"Add {a} and {b}.",
                f"{rng.choice(NAMES)} has {a} {thing}, buys {b} more and gives away {c}. How many {thing} are left?",
                f"Name {c} things one needs for {rng.choice(TOPICS)}.",
            )
        )


def weights(text):
    """Reads `short=4,long=2` as a dictionary."""
    found = {}
    for part in text.split(","):
        kind, _, weight = part.partition("=")
        if kind not in KINDS or not (weight or "1").replace(".", "").isdigit():
            raise ValueError(f"{part}: expected KIND=WEIGHT with a kind of {', '.join(KINDS)}")
        found[kind] = float(weight or 1)
    return found


def text(rng, words):
    """Returns about `words` words of plain sentences."""
    sentences, count = [], 0
    while count < words:
        sentences.append(
            rng.choice(SENTENCES).format(
                rng.choice(NAMES),
                rng.randrange(10, 1000),
                rng.randrange(10, 1000),
                rng.choice(THINGS),
                rng.choice(NAMES) + "ville",
            )
        )
        count += sentences[-1].count(" ") + 1
    return " ".join(sentences)


def image_file(width, height, seed=0):
    """Returns an image of smooth colours, a different one for each seed."""
    rng = random.Random(seed)
    wave = bytes(abs(510 * i // 256 - 255) for i in range(256)) * (width // 256 + 3)
    across = bytes(x * 255 // max(1, width - 1) for x in range(width))
    shift, step, fall = rng.randrange(256), rng.randrange(1, 7), rng.randrange(1, 5)
    rows = bytearray()
    row = bytearray(3 * width)
    row[0::3] = across if rng.random() < 0.5 else across[::-1]
    for y in range(height):
        row[1::3] = bytes([(y * 255 * fall // height + shift) % 256]) * width
        start = (y * step + shift) % 256
        row[2::3] = wave[start : start + width]
        rows += b"\0" + row
    return png(width, height, bytes(rows), level=1)
