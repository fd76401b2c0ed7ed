"""Small valid files of every kind, made here, that a campaign starts from."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import gdstk
import numpy as np
from gdstk import Library

from litho.kernel_files import write_kernels
from litho.resources import path, recipe_names
from litho.socs import Kernels
from litho.source import Source
from litho.source_files import write_source

NM = {"unit": 1e-9, "precision": 1e-9}


def seeds(kind: str) -> list[bytes]:
    """Return valid files of a kind."""
    return _MAKERS[kind]()


def library() -> Library:
    """Return three levels of cells with every element that formats have."""
    made = Library(**NM)
    leaf, middle, top = (made.new_cell(name) for name in ("LEAF", "MIDDLE", "TOP"))
    leaf.add(gdstk.rectangle((3, 5), (40, 22), layer=1), gdstk.Polygon([(0, 0), (9, 0), (9, 9), (4, 3)], 2, 1))
    leaf.add(gdstk.Label("a", (1, 1)))
    repeated = gdstk.rectangle((0, 0), (25, 9), layer=1)
    repeated.repetition = gdstk.Repetition(columns=5, rows=4, spacing=(70, 55))
    scattered = gdstk.rectangle((0, 0), (12, 13), layer=1)
    scattered.repetition = gdstk.Repetition(offsets=[(100, 17), (31, 250), (77, 77)])
    middle.add(repeated, scattered, gdstk.FlexPath([(0, 0), (90, 0), (90, 90)], 10, layer=1, simple_path=True))
    middle.add(gdstk.Reference(leaf, (5, 7), rotation=0.3, magnification=2, x_reflection=True))
    middle.add(gdstk.Reference(leaf, (9, 9), columns=3, rows=2, spacing=(60, 70)))
    top.add(gdstk.Reference(middle, (100, 0), rotation=np.pi / 2), gdstk.Reference(middle, (-900, 4)))
    top.add(gdstk.Reference(leaf, (0, 900), columns=100, rows=50, spacing=(60, 70)))
    return made


def flat() -> Library:
    """Return one cell with one rectangle."""
    made = Library(**NM)
    made.new_cell("A").add(gdstk.rectangle((0, 0), (10, 20), layer=1))
    return made


def _layouts(ending: str, **options: object) -> list[bytes]:
    found = []
    for make in (library, flat):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"a.{ending}"
            made = make()
            made.write_gds(file) if ending == "gds" else made.write_oas(file, **options)
            found.append(file.read_bytes())
    return found


def _oasis() -> list[bytes]:
    plain = _layouts("oas", compression_level=0)
    return [*plain, *_layouts("oas", compression_level=6), *_layouts("oas", compression_level=0, circle_tolerance=1.0)]


def _glp() -> list[bytes]:
    head = "BEGIN\nEQUIV  1  1000  MICRON  +X,+Y\nCNAME T\nLEVEL M1\n\nCELL T PRIME\n"
    shapes = "   RECT N M1  80 492 452 88\n PGON N M2 0 0 90 0 90 40 30 40 30 70 0 70\n"
    return [(head + shapes + "ENDMSG\n").encode()]


def _recipes() -> list[bytes]:
    shipped = [path("recipes", f"{name}.toml").read_bytes() for name in recipe_names()]
    return [*shipped, b'base = "default"\nseed = 3\n[ilt.weights]\n']


def _written(write: Callable[[Path], object], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def _kernels() -> list[bytes]:
    rng = np.random.default_rng(0)
    spectra = rng.random((2, 3, 3)) + 1j * rng.random((2, 3, 3))
    kernels = Kernels(spectra, np.array([0.7, 0.2]), (300.0, 300.0), 25.0, 0.1, rng.random((3, 3)), rng.random((5, 3)))
    return [_written(lambda file: write_kernels(file, {"focus": kernels}), "a.npz")]


def _sources(ending: str) -> list[bytes]:
    source = Source.annular(0.5, 0.9)
    return [_written(lambda file: write_source(file, source, n=15, spacing=0.3), f"a.{ending}")]


def _masks() -> list[bytes]:
    found = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, mask=np.eye(4, dtype=np.uint8))
        found.append(buffer.getvalue())
    return found


_MAKERS: dict[str, Callable[[], list[bytes]]] = {
    "gds": lambda: _layouts("gds"),
    "oas": _oasis,
    "glp": _glp,
    "gz": lambda: [gzip.compress(data, mtime=0) for data in (*_glp(), *_layouts("gds"), *_layouts("oas"))],
    "toml": _recipes,
    "npz": _kernels,
    "txt": lambda: _sources("txt"),
    "png": lambda: _sources("png"),
    "mask": _masks,
}
