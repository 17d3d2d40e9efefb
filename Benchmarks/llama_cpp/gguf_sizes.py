"""The tensors of a GGUF file and their sizes in bytes, read from the header only."""

import struct

# Numbers per block and bytes per block, by type.
BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    30: (1, 2),
}
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def tensor_bytes(path):
    with open(path, "rb") as file:

        def number(form):
            return struct.unpack("<" + form, file.read(struct.calcsize(form)))[0]

        def text():
            return file.read(number("Q")).decode()

        def skip(kind):
            if kind == 8:
                file.seek(number("Q"), 1)
            elif kind == 9:
                inner, count = number("I"), number("Q")
                if inner in SIZES:
                    file.seek(SIZES[inner] * count, 1)
                else:
                    for _ in range(count):
                        skip(inner)
            else:
                file.seek(SIZES[kind], 1)

        if file.read(4) != b"GGUF":
            raise SystemExit(f"{path}: not a GGUF file")
        number("I")
        tensors, pairs = number("Q"), number("Q")
        for _ in range(pairs):
            text()
            skip(number("I"))
        found = {}
        for _ in range(tensors):
            name, count = text(), 1
            for _ in range(number("I")):
                count *= number("Q")
            values, size = BLOCKS[number("I")]
            number("Q")
            found[name] = count // values * size
        return found
