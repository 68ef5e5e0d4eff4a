"""Small documents of known pages, and some that mean harm."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence

BLACK_LINE = b"0 0 0 RG 50 50 m 200 200 l S"
RED_LINE = b"1 0 0 RG 5 w 50 50 m 200 200 l S"

Objects = dict[int, bytes]


def a_pdf(*contents: bytes, count: int | None = None) -> bytes:
    """A PDF with a page per content stream; ``count`` is what its page tree claims."""
    return write_pdf(pdf_objects(contents, count))


def pdf_objects(contents: Sequence[bytes], count: int | None = None) -> Objects:
    kids = b" ".join(b"%d 0 R" % (3 + 2 * index) for index in range(len(contents)))
    claimed = len(contents) if count is None else count
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, claimed),
    }
    for index, content in enumerate(contents):
        number = 3 + 2 * index
        objects[number] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /XObject << /X 900 0 R >> >> >>" % (number + 1)
        )
        objects[number + 1] = stream(content)
    return objects


def stream(content: bytes, dictionary: bytes = b"") -> bytes:
    return packed_stream(zlib.compress(content, 1), dictionary)


def packed_stream(packed: bytes, dictionary: bytes = b"") -> bytes:
    head = b"<< /Length %d /Filter /FlateDecode %s >>" % (len(packed), dictionary)
    return head + b"\nstream\n" + packed + b"\nendstream"


def write_pdf(objects: Mapping[int, bytes], trailer: bytes = b"") -> bytes:
    out, places = bytearray(b"%PDF-1.5\n"), {}
    for number, content in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    xref, size = len(out), max(objects) + 1
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    out += b"trailer << /Size %d /Root 1 0 R %s >>\n" % (size, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % xref)


def a_protected_pdf() -> bytes:
    """A PDF that asks for a password (standard handler, revision 2: RC4 with 40 bits)."""
    padding = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
    password = (b"secret" + padding)[:32]
    owner = _rc4(hashlib.md5(password).digest()[:5], password)  # noqa: S324
    identifier, permissions = b"i" * 16, -4
    key = hashlib.md5(  # noqa: S324
        password + owner + struct.pack("<i", permissions) + identifier
    ).digest()[:5]
    user = _rc4(key, padding)
    objects = pdf_objects([BLACK_LINE])
    objects[800] = b"<< /Filter /Standard /V 1 /R 2 /P %d /O <%s> /U <%s> >>" % (
        permissions,
        owner.hex().encode(),
        user.hex().encode(),
    )
    name = identifier.hex().encode()
    return write_pdf(objects, b"/Encrypt 800 0 R /ID [<%s><%s>]" % (name, name))


def _rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for octet in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(octet ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def a_pdf_that_draws_for_ever() -> bytes:
    """Forms that draw forms, ten times each, ten deep."""
    objects = pdf_objects([b"/X Do"])
    for depth in range(10):
        inner = b"/Resources << /XObject << /X %d 0 R >> >>" % (901 + depth)
        head = b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] " + inner
        objects[900 + depth] = stream(b"/X Do " * 10, head)
    objects[910] = stream(RED_LINE * 100, b"/Type /XObject /Subtype /Form /BBox [0 0 595 842]")
    return write_pdf(objects)


def a_pdf_that_unpacks_to(octets: int) -> bytes:
    squeeze, million = zlib.compressobj(1), b" " * 1_000_000
    packed = b"".join(squeeze.compress(million) for _ in range(octets // 1_000_000))
    objects = pdf_objects([BLACK_LINE])
    objects[4] = packed_stream(packed + squeeze.flush())
    return write_pdf(objects)


def a_pdf_whose_pages_go_in_circles() -> bytes:
    objects = pdf_objects([BLACK_LINE])
    objects[2] = b"<< /Type /Pages /Kids [2 0 R 2 0 R 2 0 R] /Count 3 >>"
    return write_pdf(objects)


def a_pwg_raster(pages: int, *, color_space: int = 18) -> bytes:
    """PWG raster of 8 by 8 pixels a page: 18 is sGray, 19 sRGB."""
    pixel_bits = 24 if color_space == 19 else 8
    header = bytearray(1796)
    header[:10] = b"PwgRaster\0"
    line_octets = 8 * pixel_bits // 8
    struct.pack_into(">7I", header, 372 + 4, 8, 0, 8, pixel_bits, line_octets, 0, color_space)
    pixel = b"\x80" * (pixel_bits // 8)
    # Six lines of one run, one of eight pixels as they are, one of two runs.
    lines = b"\x05\x07" + pixel + b"\x00" + bytes([257 - 8]) + pixel * 8
    lines += b"\x00\x03" + pixel + b"\x03" + pixel
    return b"RaS2" + (bytes(header) + lines) * pages


def a_urf(pages: int, *, claimed: int | None = None, color_space: int = 0) -> bytes:
    """Apple raster of 8 by 8 pixels a page: 0 is sGray, 1 sRGB."""
    pixel_octets = 3 if color_space == 1 else 1
    head = struct.pack(">BBBBIIIIII", pixel_octets * 8, color_space, 1, 4, 0, 0, 8, 8, 300, 0)[:32]
    pixel = b"\x80" * pixel_octets
    lines = b"\x06\x07" + pixel + b"\x00\x01" + pixel + b"\x80"
    count = pages if claimed is None else claimed
    return b"UNIRAST\0" + struct.pack(">I", count) + (head.ljust(32, b"\0") + lines) * pages
