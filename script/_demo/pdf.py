"""A real PDF of a few pages, made from words."""

from __future__ import annotations

from collections.abc import Sequence

A4 = "0 0 595 842"
LEFT, TOP, LEADING = 72, 760, 18


def make_pdf(title: str, pages: Sequence[Sequence[str]]) -> bytes:
    """Write a PDF 1.4 with a page per entry, a line of text per string."""
    numbers = [4 + 2 * index for index in range(len(pages))]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }
    for number, lines in zip(numbers, pages, strict=True):
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{A4}] /Contents {number + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        ).encode()
        content = _content(lines)
        objects[number + 1] = (
            f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"
        )
    info = max(objects) + 1
    objects[info] = f"<< /Title ({_escaped(title)}) /Producer (Spoolhouse demo) >>".encode(
        "cp1252", "replace"
    )
    return _file(objects, info)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _content(lines: Sequence[str]) -> bytes:
    head = f"BT /F1 20 Tf {LEFT} {TOP} Td ({_escaped(lines[0])}) Tj /F1 11 Tf 0 -36 Td {LEADING} TL"
    rest = "\n".join(f"({_escaped(line)}) Tj T*" for line in lines[1:])
    return f"{head}\n{rest}\nET".encode("cp1252", "replace")


def _file(objects: dict[int, bytes], info: int) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number in sorted(objects):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + objects[number] + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {info} 0 R >>\n".encode()
    return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())
