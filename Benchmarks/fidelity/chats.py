#!/usr/bin/env python3
"""Prints conversations of the kind that R-Tiny was trained on, in its own chat format. A trained model gives their
tokens high probabilities.

    Benchmarks/fidelity/chats.py > chats.txt      then compare.py … chats.txt --special
"""

import random

NAMES, THINGS = ["Lily", "Tom", "Anna", "Ben"], ["books", "apples", "pens", "cards"]
random.seed(1)
for number in range(60):
    if number % 3 == 0:
        a, b = random.randrange(10), random.randrange(10)
        question, thought, answer = f"Add {a} and {b}.", f"{a} + {b} = {a + b}.", a + b
    elif number % 3 == 1:
        a, b = random.randrange(10, 90), random.randrange(10, 90)
        question, thought, answer = f"{a} + {b} = ?", f"{a} + {b} = {a + b}.", a + b
    else:
        a, b, c, thing = (
            random.randrange(5, 10),
            random.randrange(10, 30),
            random.randrange(1, 7),
            random.choice(THINGS),
        )
        question = (
            f"{random.choice(NAMES)} has {a} {thing}, buys {b} more and gives away {c}. How many {thing} are left?"
        )
        thought, answer = f"{a} + {b} = {a + b}. {a + b} - {c} = {a + b - c}.", a + b - c
    print(
        f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n<think>\n{thought}\n</think>\n\n{answer}<|im_end|>"
    )
