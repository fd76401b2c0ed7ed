"""Bytes of valid files, changed the ways that break readers: at random, by record, by number, in what is compressed."""

from __future__ import annotations

import gzip
import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

LONGEST = 2**16
"""Bytes of a changed file before it is compressed."""

WHOLE = (
    0,
    1,
    2,
    3,
    7,
    8,
    127,
    128,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**64 - 1,
)
WORDS = (
    *("0", "-1", "1", "1e308", "-1e308", "1e-320", "1e400", "nan", "inf", "-inf", "9" * 400, "0x10", "1_0", "1e", "-"),
    *("", "[]", "{}", "true", '"x"', "[1, 2]", "[[1]]", "1979-05-27", "\x00", "é", "{a = 1}", '"""', "'", "#", "="),
)
OASIS_TAIL = 256  # bytes of the END record, without which nothing else is read


def mutated(data: bytes, kind: str, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Return a changed file of `kind`; `others` are files of the same kind to take parts from."""
    change = _BY_KIND.get(kind, _changed)
    return change(data, others, rng)


def _changed(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    content = bytearray(data)
    for _ in range(1 << rng.randrange(4)):
        rng.choice(_BYTE_CHANGES)(content, others, rng)
    return bytes(content[:LONGEST])


def _flip(content: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _set(content: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    if content:
        content[rng.randrange(len(content))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))


def _number(content: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    size = rng.choice((2, 4, 8))
    if len(content) > size:
        place = rng.randrange(len(content) - size)
        value = rng.choice(WHOLE) % 256**size
        content[place : place + size] = value.to_bytes(size, rng.choice(("big", "little")))


def _varint(content: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    value, digits = rng.choice(WHOLE), bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    digits.append(value)
    place = rng.randrange(len(content) + 1)
    content[place : place + rng.randrange(3)] = digits


def _cut(content: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    start = rng.randrange(len(content) + 1)
    del content[start : start + rng.choice((1, 2, 8, 64, len(content)))]


def _repeat(content: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    start = rng.randrange(len(content) + 1)
    part = content[start : start + rng.choice((1, 4, 16, 64, 256))]
    content[start:start] = part * rng.choice((1, 2, 50))


def _splice(content: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    other = rng.choice(others)
    start, place = rng.randrange(len(other) + 1), rng.randrange(len(content) + 1)
    part = other[start : start + rng.choice((4, 16, 64, 512))]
    content[place : place + len(part) * rng.randrange(2)] = part


_BYTE_CHANGES = (_flip, _set, _number, _varint, _cut, _repeat, _splice)


def _gds(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Change whole records, which are a length, a type and values each, or single bytes."""
    if rng.randrange(3) == 0:
        return data[:4] + _changed(data[4:], others, rng)
    records = _gds_records(data)
    for _ in range(1 << rng.randrange(3)):
        place = rng.randrange(len(records))
        kind, values = records[place]
        if (action := rng.randrange(5)) == 0:
            records[place] = kind, _changed(values, [values], rng)[: 2**15]
        elif action == 1:
            records[place] = rng.choice(records)[0], values
        elif action == 2:
            records[place:place] = records[place : place + rng.choice((1, 3, 9))]
        elif action == 3:
            del records[place : place + rng.choice((1, 3))]
        else:
            records.insert(place, rng.choice(_gds_records(rng.choice(others))))
        records = records or _gds_records(data)
    return b"".join(struct.pack(">HH", len(v) + 4, k) + v for k, v in records if len(v) < 2**16 - 4)


def _gds_records(data: bytes) -> list[tuple[int, bytes]]:
    records, place = [], 0
    while place + 4 <= len(data):
        length, kind = struct.unpack_from(">HH", data, place)
        records.append((kind, data[place + 4 : place + max(length, 4)]))
        place += max(length, 4)
    return records or [(2, b"\x02\x58")]


def _oasis(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Change what lies between the first bytes and the END record, whose checksum is taken away."""
    body = _changed(data[13:-OASIS_TAIL], [o[13:-OASIS_TAIL] for o in others], rng)
    if rng.randrange(8) == 0:
        return data[:13] + body + _changed(data[-OASIS_TAIL:], others, rng)
    return data[:13] + body + data[-OASIS_TAIL:]


def _text(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Change words and lines, or bytes."""
    if rng.randrange(3) == 0:
        return _changed(data, others, rng)
    words = re.split(rb"([\s,;=\[\]]+)", data)
    for _ in range(1 << rng.randrange(3)):
        place = rng.randrange(len(words))
        if rng.randrange(4):
            words[place] = rng.choice(WORDS).encode()
        else:
            words[place : place + rng.randrange(4)] = re.split(rb"([\s,;=\[\]]+)", rng.choice(others))[:9]
    return b"".join(words)[:LONGEST]


def _compressed(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Change a gzip file, or what it holds."""
    if rng.randrange(2):
        return _changed(data, others, rng)
    try:
        plain = zlib.decompressobj(31).decompress(data, LONGEST)
    except zlib.error:
        plain = b""
    return gzip.compress(_changed(plain, [plain], rng) * rng.choice((1, 1, 1, 1000)), mtime=0)


def _archive(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Change an archive of arrays, or one of its members."""
    if rng.randrange(3) == 0:
        return _changed(data, others, rng)
    target = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
            names = source.namelist()
            chosen = rng.choice(names)
            for name in names:
                content = source.read(name)
                if name == chosen:
                    head = rng.choice((16, 128, len(content)))
                    content = _changed(content[:head], [content[:head]], rng) + content[head:]
                if not (name == chosen and rng.randrange(12) == 0):
                    made.writestr(name, content)
    except Exception:  # a changed archive breaks zipfile in many ways: it is changed as bytes instead
        return _changed(data, others, rng)
    return target.getvalue()


_BY_KIND: dict[str, Callable[[bytes, Sequence[bytes], random.Random], bytes]] = {
    "gds": _gds,
    "oas": _oasis,
    "glp": _text,
    "toml": _text,
    "txt": _text,
    "gz": _compressed,
    "npz": _archive,
    "mask": _archive,
}
