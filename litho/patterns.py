"""Synthetic layouts, and the program that draws `masks/` with them.

    python -m litho.patterns OUTDIR

Every function returns polygons (n, 2), vertices (x, y) in nm, merged, from the origin up and to the right. Sizes are
for 193 nm light and a numerical aperture of 1.35: they print, but only after correction.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from litho.cells import Floats
from litho.io.write import write_gds, write_oasis
from litho.polygons import merge

_SAGITTA_NM = 0.02  # between a circle and the chords that stand for it


def rectangle(x: float, y: float, width: float, height: float) -> Floats:
    """Return a rectangle from its lower left corner and its size, nm."""
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], dtype=float)


def lines(count: int, width_nm: float, pitch_nm: float, length_nm: float) -> list[Floats]:
    """Return upright lines side by side."""
    return [rectangle(i * pitch_nm, 0, width_nm, length_nm) for i in range(count)]


def line_ends(count: int, width_nm: float, pitch_nm: float, length_nm: float, gap_nm: float) -> list[Floats]:
    """Return upright lines above a bar that they do not touch, every one cut in two, at two heights in turn."""
    polygons = [rectangle(0, 0, (count - 1) * pitch_nm + width_nm, width_nm)]
    for i in range(count):
        bottom, cut = width_nm + gap_nm, length_nm * (0.4 if i % 2 else 0.6)
        polygons.append(rectangle(i * pitch_nm, bottom, width_nm, cut - bottom))
        polygons.append(rectangle(i * pitch_nm, cut + gap_nm, width_nm, length_nm - cut - gap_nm))
    return polygons


def elbows(count: int, width_nm: float, pitch_nm: float, size_nm: float) -> list[Floats]:
    """Return right-angled bends, one inside the other, the outermost of `size_nm`."""
    polygons = []
    for start in pitch_nm * np.arange(count):
        arm = size_nm - start
        polygons += [rectangle(start, start, arm, width_nm), rectangle(start, start, width_nm, arm)]
    return merge(polygons)


def t_junctions(count: int, width_nm: float, pitch_nm: float, stem_nm: float, gap_nm: float) -> list[Floats]:
    """Return two facing combs, whose teeth stand between each other and end before the other's back."""
    span = (count - 1) * pitch_nm + width_nm
    top = width_nm + stem_nm + gap_nm
    bars = [rectangle(0, 0, span, width_nm), rectangle(0, top, span, width_nm)]
    teeth = [rectangle(i * pitch_nm, width_nm + (gap_nm if i % 2 else 0), width_nm, stem_nm) for i in range(count)]
    return merge(bars + teeth)


def contacts(columns: int, rows: int, size_nm: float, pitch_nm: float) -> list[Floats]:
    """Return an array of square contacts."""
    return [rectangle(i * pitch_nm, j * pitch_nm, size_nm, size_nm) for j in range(rows) for i in range(columns)]


def contact_mix(size_nm: float) -> list[Floats]:
    """Return contacts at twice, four times and more than ten times their size apart."""
    dense, loose = contacts(4, 4, size_nm, 2 * size_nm), contacts(3, 3, size_nm, 4 * size_nm)
    lone = rectangle(0, 0, size_nm, size_nm)
    return dense + moved(loose, 13 * size_nm, 0) + [lone + np.array([5 * size_nm, 20 * size_nm])]


def diagonal_lines(count: int, width_nm: float, pitch_nm: float, length_nm: float) -> list[Floats]:
    """Return lines at 45 degrees; `pitch_nm` is measured across them."""
    half = np.sqrt(0.5)
    turned = [p @ np.array([[half, half], [-half, half]]) for p in lines(count, width_nm, pitch_nm, length_nm)]
    return moved(turned, length_nm * half, 0)


def siemens_star(spokes: int, inner_nm: float, outer_nm: float) -> list[Floats]:
    """Return wedges around a centre, as wide as the gaps between them."""
    polygons = []
    for k in range(spokes):
        start, stop = (2 * k - 0.5) * np.pi / spokes, (2 * k + 0.5) * np.pi / spokes
        angles, radii = np.array([start, start, stop, stop]), np.array([inner_nm, outer_nm, outer_nm, inner_nm])
        polygons.append(radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return moved(polygons, outer_nm, outer_nm)


def waveguide_bend(width_nm: float, radius_nm: float, straight_nm: float) -> list[Floats]:
    """Return a strip that turns by 90 degrees along a circle of `radius_nm` (centre line), with straight ends."""
    inner, outer = radius_nm - width_nm / 2, radius_nm + width_nm / 2
    left_end = [(-straight_nm, outer), (-straight_nm, inner)]
    lower_end = [(inner, -straight_nm), (outer, -straight_nm)]
    strip = np.concatenate([_arc(outer, 0, np.pi / 2), left_end, _arc(inner, np.pi / 2, 0), lower_end])
    return moved([strip], straight_nm, straight_nm)


def ring_coupler(width_nm: float, radius_nm: float, gap_nm: float, length_nm: float) -> list[Floats]:
    """Return a ring between two straight strips; the ring's hole is joined to its outline by a cut."""
    inner, outer = radius_nm - width_nm / 2, radius_nm + width_nm / 2
    ring = np.concatenate([_arc(outer, 0, 2 * np.pi), _arc(inner, 2 * np.pi, 0)])
    reach = outer + gap_nm + width_nm
    strips = [rectangle(0, y, length_nm, width_nm) for y in (0, 2 * reach - width_nm)]
    return [*strips, ring + np.array([length_nm / 2, reach])]


def drawn(picture: Sequence[str], cell_nm: tuple[float, float]) -> list[Floats]:
    """Return the polygons of a drawing in text.

    Parameters
    ----------
    picture
        lines of equal length, the uppermost first; `#` is a rectangle of metal
    cell_nm
        width and height of one character
    """
    width, height = cell_nm
    boxes = [
        rectangle(i * width, j * height, width, height)
        for j, line in enumerate(reversed(picture))
        for i, character in enumerate(line)
        if character == "#"
    ]
    return merge(boxes)


def sram_metal() -> list[Floats]:
    """Return 4 × 4 cells of an SRAM-like first metal, each the mirror image of its neighbours."""
    row = [line + line[::-1] for line in _SRAM_CELL]
    space = "." * len(row[0])
    column = [*row, space, *row[::-1]]
    return drawn([2 * line for line in [*column, space, *column]], (60, 60))


def logic_metal() -> list[Floats]:
    """Return routed metal: tracks at a pitch of 110 nm with line ends and jogs between them."""
    return drawn(_LOGIC, (60, 55))


def moved(polygons: Sequence[Floats], x_nm: float, y_nm: float) -> list[Floats]:
    """Return the polygons shifted."""
    return [p + np.array([x_nm, y_nm]) for p in polygons]


def _arc(radius: float, start: float, stop: float) -> Floats:
    steps = int(np.ceil(abs(stop - start) / (2 * np.arccos(1 - _SAGITTA_NM / radius))))
    angles = np.linspace(start, stop, steps + 1)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


_SRAM_CELL = [
    "########",
    "...#....",
    "..##..##",
    "..#.....",
    "#.####..",
    "....#...",
    "##..##.#",
]

_LOGIC = [
    "########...####..########..#####",
    "..................#.............",
    "########.##############..#####..",
    "...........#....................",
    "####.....######...##############",
    "................................",
    "...######.....##############.###",
    "................................",
    "##############...######.....###.",
    ".............#..................",
    "####...###..##############.#####",
    "...#...............#............",
    "...########.....######.....#####",
    ".................#..............",
    "...###########...######.#####...",
    "................................",
    "...####..###########..##########",
    "..................#.............",
    ".######...##############..######",
    "................................",
    "...########.#####.....###..#####",
    "................#...............",
    "###########..########...########",
    "..........#......#..............",
    "###########...#####..###.######.",
    "...........................#....",
    "...###..##############.######...",
    "...............#................",
    "...##############..#############",
    "........................#.......",
    "########...##############.######",
    "....................#...........",
    ".########..########.###..###.###",
    ".#..............................",
    "####..#####...#####.###########.",
]


@dataclass(frozen=True)
class Sample:
    """One file of `masks/`.

    Parameters
    ----------
    draw
        makes the polygons
    dbu_nm
        database unit of the file in nm; curves and slanted lines need a fine one
    """

    draw: Callable[[], list[Floats]]
    dbu_nm: float = 1.0


SAMPLES = {
    "dense_lines.gds": Sample(lambda: lines(9, 50, 100, 1000)),
    "isolated_line.gds": Sample(lambda: lines(1, 60, 60, 1000)),
    "line_ends.oas": Sample(lambda: line_ends(7, 55, 130, 1000, 60)),
    "elbows.gds": Sample(lambda: elbows(6, 50, 110, 1000)),
    "t_junctions.oas": Sample(lambda: t_junctions(9, 60, 120, 500, 60)),
    "contacts_dense.oas": Sample(lambda: contacts(7, 7, 65, 130)),
    "contacts_mixed.gds": Sample(lambda: contact_mix(65)),
    "diagonal_lines.oas": Sample(lambda: diagonal_lines(7, 60, 130, 900), 0.01),
    "siemens_star.gds": Sample(lambda: siemens_star(12, 180, 700), 0.1),
    "sram_metal.gds": Sample(sram_metal),
    "logic_metal.oas": Sample(logic_metal),
    "waveguide_bend.oas": Sample(lambda: waveguide_bend(300, 750, 500), 0.01),
    "ring_coupler.oas": Sample(lambda: ring_coupler(220, 550, 90, 1900), 0.01),
}


def write_samples(folder: Path) -> None:
    """Draw every sample into `folder`, on layer 1/0, and the memory array of `litho.patterns_array`."""
    from litho.patterns_array import MEMORY_ARRAY, write_memory_array

    write_memory_array(folder / MEMORY_ARRAY)
    for name, sample in SAMPLES.items():
        write = write_gds if name.endswith(".gds") else write_oasis
        write(folder / name, {(1, 0): sample.draw()}, dbu_nm=sample.dbu_nm)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m litho.patterns OUTDIR")
    write_samples(Path(sys.argv[1]))
