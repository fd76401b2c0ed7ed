"""Layouts: what a file draws, as polygons in nanometres.

    layout = read_layout("masks/elbows.gds")
    polygons = layout.polygons("1/0")                         # all of a layer
    polygons = layout.window((0, 0, 1000, 1000), "1/0")       # what lies in x0, y0, x1, y1, cut at its border

Polygons come without hierarchy and merged: no two overlap, outlines run counter-clockwise, and a hole is joined to
its outline by a cut of no width. Coordinates that are whole database units stay exact.

A polygon that crosses itself, or has no area, is refused. With `repair=True` the first is filled wherever its
outline winds around (the non-zero rule, as mask shops do), and the second is left out. Crossings that rounding to
the database unit has caused are always repaired.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from litho.cells import Floats, Layer, LayoutError, Library, printable
from litho.crossings import check_crossings
from litho.flattened import Flattened
from litho.io.read import read_library
from litho.polygons import Box, check_inside, merge, simple_outlines

__all__ = ["Layout", "LayoutError", "check_inside", "merge", "parse_layer", "read_layout"]

MAX_SHAPES = 20_000_000
"""Shapes that are expanded at once, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class Layout:
    """What was read from a file.

    Parameters
    ----------
    name
        of the file, for messages
    dbu_nm
        database unit in nm
    hierarchy
        the cells
    top
        the cell that is looked at, with all below it
    repair
        fill polygons that cross themselves by the non-zero rule and leave out those without area
    max_shapes
        as many are expanded at once, and no more; the file may stand for any number
    """

    name: str
    dbu_nm: float
    hierarchy: Library = field(repr=False)
    top: int
    repair: bool = False
    max_shapes: int = MAX_SHAPES

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every (layer, datatype) that holds a shape."""
        return tuple(sorted(self._counts))

    def shape_count(self, layer: str | Layer | None = None) -> int:
        """Return the number of shapes on a layer, copies included, before they are merged."""
        return self._counts[self._layer(layer)]

    def bounds_nm(self, layer: str | Layer | None = None) -> Box:
        """Return x0, y0, x1, y1 of the shapes on a layer, nm."""
        x0, y0, x1, y1 = self._to_nm(self.flattened(layer).bounds).tolist()
        return x0, y0, x1, y1

    def polygons(self, layer: str | Layer | None = None, window_nm: Box | None = None) -> list[Floats]:
        """Return the merged polygons of a layer.

        Parameters
        ----------
        layer
            such as "1/0" or (1, 0); may be left out where the file has one layer only
        window_nm
            x0, y0, x1, y1 that polygons are cut at; without it, all are returned whole

        Returns
        -------
        polygons
            each (n, 2) vertices (x, y) in nm, counter-clockwise, the first not repeated

        Raises
        ------
        LayoutError
            when these are more than `max_shapes` of the file's shapes
        """
        window = None if window_nm is None else self.to_dbu(_checked_window(window_nm))
        return [self._to_nm(p) for p in merge(self.drawn(layer, window), window)]

    def drawn(self, layer: str | Layer | None = None, window: Floats | None = None) -> list[Floats]:
        """Return the shapes of a layer that reach into a window, whole and not merged, in database units.

        Parameters
        ----------
        layer
            see `polygons`
        window
            (4,) x0, y0, x1, y1 in database units; without it, all are returned

        Returns
        -------
        outlines
            each (n, 2) vertices (x, y), counter-clockwise; none crosses itself
        """
        found = list(self.shapes(layer, window))
        check_crossings(found, self.dbu_nm)
        return simple_outlines(found, self.dbu_nm, self.repair)

    def shapes(self, layer: str | Layer | None = None, window: Floats | None = None) -> Iterator[Floats]:
        """Yield the shapes of a layer as the file has them, as `drawn` does, but not checked."""
        flattened, count = self.flattened(layer), self.shape_count(layer)
        if window is None and count > self.max_shapes:
            raise LayoutError(
                f"`window_nm` must be given for a file of more than {self.max_shapes} shapes on a layer, "
                f"but {self.name} stands for {as_text(count)}."
            )
        yield from flattened.polygons(flattened.bounds if window is None else window, self.max_shapes)

    def window(self, window_nm: Box, layer: str | Layer | None = None) -> list[Floats]:
        """Return the merged polygons of a layer inside x0, y0, x1, y1 (nm), as `polygons` does."""
        return self.polygons(layer, window_nm)

    def flattened(self, layer: str | Layer | None = None) -> Flattened:
        """Return the cells as one layer of them lies in the cell that is looked at."""
        return self._flattened[self._layer(layer)]

    @cached_property
    def _counts(self) -> dict[Layer, int]:
        return self.hierarchy.counts(self.top)

    @cached_property
    def _flattened(self) -> dict[Layer, Flattened]:
        return {layer: Flattened(self.hierarchy, self.top, layer) for layer in self.layers}

    def _layer(self, layer: str | Layer | None) -> Layer:
        names = ", ".join(f"{a}/{b}" for a, b in self.layers[:20]) + (", ..." if len(self.layers) > 20 else "")
        if layer is None:
            if len(self.layers) > 1:
                raise LayoutError(f"`layer` must be one of {names} for {self.name}, but none was named.")
            return self.layers[0]
        wanted = parse_layer(layer) if isinstance(layer, str) else layer
        if wanted not in self.layers:
            raise LayoutError(f"`layer` must be one of {names} for {self.name}, but got {wanted[0]}/{wanted[1]}.")
        return wanted

    def _to_nm(self, lengths: Floats) -> Floats:
        """Convert database units; exact where the result is a whole number of nm."""
        return lengths / self._per_nm

    def to_dbu(self, lengths_nm: Floats) -> Floats:
        """Convert nm; exact where the result is a whole number of database units that divide a nm."""
        return lengths_nm * self._per_nm

    @property
    def _per_nm(self) -> float:
        per_nm = 1 / self.dbu_nm
        return round(per_nm) if abs(per_nm - round(per_nm)) < 1e-9 * per_nm else per_nm


def read_layout(
    path: str | os.PathLike[str],
    *,
    cell: str | None = None,
    repair: bool = False,
    max_shapes: int = MAX_SHAPES,
) -> Layout:
    """Read a layout file: GDS, OASIS (each also compressed by gzip) or GLP, whichever its first bytes say.

    Parameters
    ----------
    path
        the file
    cell
        which cell to look at; may be left out where only one is not part of another
    repair
        fill polygons that cross themselves and leave out those without area, instead of refusing them
    max_shapes
        refuse to expand more shapes at once than this: a file may stand for any number, and windows of it be taken

    Raises
    ------
    LayoutError
        in one sentence, when the file is missing, empty, damaged, no layout or without shapes
    """
    name = os.fspath(path)
    dbu_nm, library = read_library(Path(path))
    top = _top(library, cell, name)
    if not library.filled[top]:
        raise LayoutError(f"`path` must hold at least one shape, but {name} holds none.")
    return Layout(name, dbu_nm, library, top, repair, max_shapes)


def as_text(count: int) -> str:
    """Return a number of shapes for people: a small file may stand for one of thousands of digits."""
    return str(count) if count < 10**18 else "more than 10^18"


def parse_layer(text: str) -> Layer:
    """Return (layer, datatype) from "1/0", "1:0" or "1"."""
    match = re.fullmatch(r"(\d+)(?:[/:](\d+))?", text.strip(), re.ASCII)
    if match is None:
        raise LayoutError(f'`layer` must be written as "1/0", "1:0" or "1", but got {text!r}.')
    return int(match[1]), int(match[2] or 0)


def _top(library: Library, name: str | None, file: str) -> int:
    """Return the number of the cell called `name`, or of the only one that is not part of another."""
    if name is not None:
        numbers = [i for i, cell in enumerate(library.cells) if cell.name == name]
        if not numbers:
            raise LayoutError(f"`cell` must be a cell of {file}, but got {name!r}.")
        return numbers[0]
    tops = [i for i in library.tops if library.filled[i]] or list(library.tops)
    if len(tops) > 1:
        names = ", ".join(printable(library.cells[i].name) for i in tops[:10]) + (", ..." if len(tops) > 10 else "")
        raise LayoutError(f"`cell` must be one of {names}, because {file} has {len(tops)} top cells.")
    if not tops:
        raise LayoutError(f"`path` must hold at least one shape, but {file} holds none.")
    return tops[0]


def _checked_window(window_nm: Box) -> Floats:
    window = np.asarray(window_nm, dtype=float)
    if window.shape != (4,) or not (np.isfinite(window).all() and (window[:2] < window[2:]).all()):
        raise LayoutError(f"`window_nm` must be x0, y0, x1, y1 with x0 < x1 and y0 < y1, but got {window_nm}.")
    return window
