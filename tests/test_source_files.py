"""Illuminators in files: what is written is read, and what is wrong is said with its line."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imsave

from litho.source import Source
from litho.source_files import MAX_BYTES, read_source, write_source


@pytest.mark.parametrize("ending", ["txt", "csv"])
def test_a_list_of_points_comes_back_to_the_last_digit(ending: str, tmp_path: Path) -> None:
    source = Source.quasar(0.6, 0.9, 30).softened(0.1)
    write_source(tmp_path / f"a.{ending}", source, spacing=0.1)
    wanted, back = source.sample(0.1), read_source(tmp_path / f"a.{ending}").sample()
    assert np.array_equal(back.x, wanted.x) and np.array_equal(back.y, wanted.y)
    assert np.allclose(back.weight, wanted.weight, rtol=1e-15)


@pytest.mark.parametrize("n", [33, 64])
def test_an_image_comes_back_to_its_grey_levels(n: int, tmp_path: Path) -> None:
    source = Source.dipole(0.6, 0.3, rotation_deg=30) + 0.3 * Source.conventional(0.2)
    write_source(tmp_path / "a.png", source, n=n)
    wanted = source.to_map(n)
    assert np.abs(read_source(tmp_path / "a.png").to_map(n) * wanted.max() - wanted).max() < 1 / 65535


def test_an_image_has_x_to_the_right_and_y_up(tmp_path: Path) -> None:
    grey = np.zeros((4, 4, 3), dtype=np.uint8)
    grey[0, 2] = 255  # upper row, right of the middle
    imsave(tmp_path / "a.png", grey)
    points = read_source(tmp_path / "a.png").sample(0.5)
    assert points.y.min() > 0.5 and 0 < points.x.min() and points.x.max() < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "0.5 0.25 3\n0 0 1",
        "# x y I\n0.5,0.25,3 # the pole\n\n  0, 0, 1\n",
        "0.5;0.25;3\r\n0;0;1\r\n",
        "\ufeff0.5\t+2.5e-1\t3\n.0 -0. 1.\n9 9 0\n",
    ],
)
def test_a_list_may_have_comments_and_any_usual_separator(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8", newline="")
    points = read_source(tmp_path / "a.txt").sample()
    assert points.x.tolist() == [0.5, 0] and points.y.tolist() == [0.25, 0] and points.weight.tolist() == [0.75, 0.25]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0 1\n\n0.1 0.2\n", "line 3: it has 2 entries instead of 3"),
        ("0 0 1 1", "line 1: it has 4 entries"),
        ("0,1 0,2 1", "line 1: it has 5 entries"),
        ("x y I\n0 0 1", "line 1: 'x' is not a number"),
        ("0 0 1\n0 nan 1", "line 2: not all its numbers are finite"),
        ("0 0 -1", "line 1: the intensity is -1"),
        ("0 0 1\n0.9 0.9 1", "line 2: the point shines outside the unit disc, at 1.27279"),
        ("0 0 0\n", "must hold a point that shines"),
        ("# nothing\n", "must hold a point that shines"),
        ("", "must hold a point that shines"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words) as caught:
        read_source(tmp_path / "a.txt")
    assert "\n" not in str(caught.value) and "a.txt" in str(caught.value)


def test_a_list_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litho.source_files.MAX_POINTS", 100)
    (tmp_path / "a.txt").write_text("0 0 1\n" * 101, encoding="utf-8")
    with pytest.raises(ValueError, match="line 101: there are more than 100 points"):
        read_source(tmp_path / "a.txt")
    with (tmp_path / "b.txt").open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(ValueError, match=f"`path` must be a file of at most {MAX_BYTES} bytes"):
        read_source(tmp_path / "b.txt")


def _png(width: int, height: int, data: bytes = b"") -> bytes:
    """A grey image of 8 bits with a header of any size."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")):
        parts.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return b"".join(parts)


def test_bad_images_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    good = _png(4, 4, (b"\0" + b"\0\xff\xff\0") * 4)
    cases = {
        "must be a PNG image, but": b"GIF89a",
        "at most .* pixels, but .* has 100000 x 100000": _png(100000, 100000),
        "must be an image of at most .* has 0 x 4": _png(0, 4),
        "must be an intact PNG image": good[:45] + b"abc" + good[48:],
        "must hold a pixel that shines": _png(4, 4, bytes(20)),
        "dark outside the unit disc": _png(64, 64, (b"\0" + b"\xff" * 64) * 64),
    }
    for words, content in cases.items():
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(ValueError, match=words) as caught:
            read_source(tmp_path / "a.png")
        assert "\n" not in str(caught.value)
    (tmp_path / "a.png").write_bytes(good)
    assert read_source(tmp_path / "a.png").extent == pytest.approx(1)


def test_a_coloured_or_transparent_image_is_refused(tmp_path: Path) -> None:
    for pixel in ([255, 0, 0, 255], [255, 255, 255, 100]):
        image = np.full((4, 4, 4), pixel, dtype=np.uint8)
        imsave(tmp_path / "a.png", image)
        with pytest.raises(ValueError, match="`path` must be a grey image"):
            read_source(tmp_path / "a.png")


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`path` must end in .png, .txt or .csv"):
        read_source(tmp_path / "a.src")
    with pytest.raises(ValueError, match="does not exist"):
        read_source(tmp_path / "a.txt")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(ValueError, match=r"`path` must be readable, but .*folder\.txt"):
        read_source(tmp_path / "folder.txt")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe0\0")
    with pytest.raises(ValueError, match="`path` must be text in UTF-8"):
        read_source(tmp_path / "b.txt")
    with pytest.raises(OSError, match="`path` must lie in a writable folder"):
        write_source(tmp_path / "no" / "a.txt", Source.point())
