"""The drawing of a report: outlines as SVG paths, the aerial image as PNG."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from litho.cells import Floats
from litho.grid import Grid
from litho.polygons import Box
from litho.result import ClipResult
from litho.rule_markers import marker_layers
from litho.scene import INTENSITY_COLORS, Scene

_UNITS_PER_NM = 10  # path coordinates are whole tenths of a nm
_MOST_PIXELS = 1024  # of the aerial image, a side


@dataclass(frozen=True)
class Aerial:
    """The aerial image as part of a page.

    Parameters
    ----------
    svg
        the image element, in nm from the field's upper left corner, y down
    brightest
        intensity that the last colour stands for; the first stands for 0
    palette_hex
        256 colours, six digits each
    gradient
        the same as stops of a CSS gradient
    """

    svg: str
    brightest: float
    palette_hex: str
    gradient: str


@dataclass(frozen=True)
class Drawing:
    """What the viewer shows.

    Parameters
    ----------
    size_nm
        width and height of the field
    origin_nm
        layout coordinates (x, y) of its lower left corner
    focus
        x, y (of the upper left corner, y down), width and height of the first view, nm
    threshold
        intensity from which on the resist prints
    paths
        SVG path data by layer: `target`, `mask`, `nominal`, `band`, `sites`, `violations`, `rules`; in tenths of a nm
        from the field's lower left corner, y up
    aerial
        the image below them
    """

    size_nm: tuple[float, float]
    origin_nm: tuple[float, float]
    focus: tuple[float, float, float, float]
    threshold: float
    paths: dict[str, str]
    aerial: Aerial


def drawing_of(result: ClipResult, scene: Scene) -> Drawing:
    """Return the drawing of a result."""
    origin = result.grid.origin_nm
    sites = scene.sites
    gauges = np.stack([sites.inside, sites.outside], axis=1)
    rings = {"target": scene.target, "mask": scene.mask, "nominal": scene.nominal, "band": scene.band}
    paths = {name: closed_path(layer, origin) for name, layer in rings.items()}
    paths["sites"] = open_path(gauges[~sites.violated], origin)
    paths["violations"] = open_path(gauges[sites.violated], origin)
    marks = marker_layers(result.violations or ()).values()
    paths["rules"] = closed_path([mark for marks_of_rule in marks for mark in marks_of_rule], origin)
    size = result.grid.period_nm[::-1]
    focus = _view(scene.focus_nm, result.grid)
    return Drawing(size, origin, focus, result.threshold, paths, aerial_of(result.intensity, result.grid))


def closed_path(rings: Sequence[Floats], origin_nm: tuple[float, float]) -> str:
    """Return SVG path data of closed rings, in tenths of a nm from `origin_nm`."""
    return "".join(_line(ring, origin_nm) + "z" for ring in rings)


def open_path(lines: Sequence[Floats] | Floats, origin_nm: tuple[float, float]) -> str:
    """Return SVG path data of open lines, in tenths of a nm from `origin_nm`."""
    return "".join(_line(line, origin_nm) for line in lines)


def aerial_of(intensity: NDArray[np.float32], grid: Grid) -> Aerial:
    """Return an image (ny, nx) as a PNG of 256 colours, its pixels averaged where there are very many."""
    step = math.ceil(max(intensity.shape) / _MOST_PIXELS)
    missing = [(0, -n % step) for n in intensity.shape]
    padded = np.pad(intensity, missing, mode="edge")
    rows, columns = (n // step for n in padded.shape)
    mean = padded.reshape(rows, step, columns, step).mean(axis=(1, 3))
    brightest = max(float(mean.max()), 1e-30)
    levels = np.rint(np.clip(mean / brightest, 0, 1) * 255).astype(np.uint8)
    palette = (colormaps[INTENSITY_COLORS](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    data = base64.b64encode(palette_png(levels[::-1], palette)).decode("ascii")
    height, width = (n * p for n, p in zip(padded.shape, grid.pixel_nm, strict=True))
    svg = (
        f'<image x="0" y="{grid.period_nm[0] - height:g}" width="{width:g}" height="{height:g}" '
        f'preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'
    )
    stops = ", ".join(f"#{bytes(palette[k]).hex()}" for k in range(0, 256, 15))
    return Aerial(svg, brightest, palette.tobytes().hex(), stops)


def palette_png(levels: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """Return a PNG file.

    Parameters
    ----------
    levels : (ny, nx)
        number of each pixel's colour, row 0 on top
    palette : (256, 3)
        red, green and blue
    """
    height, width = levels.shape
    # each row as its difference from the one above (filter 2), which is mostly 0 in a smooth image
    rows = np.full((height, width + 1), 2, np.uint8)
    rows[:, 1:] = np.diff(levels, axis=0, prepend=np.zeros((1, width), np.uint8))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    ]
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _line(points: Floats, origin_nm: tuple[float, float]) -> str:
    """Return path data of one line: its first point, then steps; rounding does not add up."""
    whole = np.rint((points - np.array(origin_nm)) * _UNITS_PER_NM).astype(np.int64)
    steps = np.diff(whole, axis=0)
    steps = steps[np.any(steps != 0, axis=1)]
    text = " ".join(f"{x} {y}" for x, y in steps.tolist()).replace(" -", "-")
    return f"M{whole[0, 0]} {whole[0, 1]}" + (f"l{text}" if text else "")


def _view(box: Box, grid: Grid) -> tuple[float, float, float, float]:
    """Return x, y, width, height of a part of the field as SVG has it: from the upper left corner, y down."""
    _, _, _, top = grid.bounds_nm
    return box[0] - grid.origin_nm[0], top - box[3], box[2] - box[0], box[3] - box[1]
