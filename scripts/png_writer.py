"""PNG files from raw rows, without an image library."""

import struct
import zlib


def chunk(kind, data):
    """Returns one chunk: length, name, data and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def container(width, height, body, depth=8, colour=2, interlaced=False, before=b"", after=b""):
    """Returns a PNG file with `body`, the compressed rows, between the chunks `before` and `after`."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", body) + after + chunk(b"IEND", b"")


def png(width, height, rows, level=6):
    """Returns an RGB image from its filtered rows, each a filter byte and three bytes per pixel."""
    return container(width, height, zlib.compress(rows, level))
