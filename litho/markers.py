"""Hot spots and edge placement errors as files: tables (.csv), and a marker database for KLayout (.lyrdb).

KLayout shows the markers over the layout: Tools > Marker Browser > File > Open. Coordinates are micrometres there.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from litho.cells import Floats
from litho.hotspots import KINDS, HotSpot
from litho.info import program_version
from litho.io.atomic import atomic_path
from litho.metrology import MeasuredWindow, Verification

MARKER_NM = 20.0
"""Half the side of the square that marks a hot spot."""

_KINDS = {
    "open": "no printed edge in reach, nothing prints",
    "bridge": "a printed space is too narrow, or closed",
    "pinch": "a printed feature is too narrow",
    "edge placement": "the printed edge is off, positive outwards",
    "band": "the edge moves too far between process corners",
    "side lobe": "light away from the target prints, or nearly",
    "assist feature": "an assist feature prints, or nearly",
    "dimple": "a place inside the target does not print, or hardly",
}


def write_hotspots(spots: Sequence[HotSpot], path: str | os.PathLike[str]) -> None:
    """Write hot spots as a table, the worst first: kind, place, value, limit, severity, corner."""
    head = ("rank", "kind", "x_nm", "y_nm", "value", "limit", "severity", "corner")
    rows = (
        (rank, s.kind, *map(short_number, (s.x_nm, s.y_nm, s.value, s.limit, s.severity)), s.corner)
        for rank, s in enumerate(spots, 1)
    )
    write_table(path, head, rows)


def write_edge_placement(verification: Verification, path: str | os.PathLike[str]) -> None:
    """Write every site as a table: place, outward normal, error at each corner (empty where lost), band width."""
    sites, band = verification.sites, verification.band_nm
    head = ("x_nm", "y_nm", "normal_x", "normal_y", *(f"epe_nm at {label}" for label in verification.labels))
    errors = [placement.error_nm for placement in verification.placements]
    rows = (
        (
            *map(short_number, (*sites.points_nm[k], *sites.normals[k])),
            *(short_number(error[k]) for error in errors),
            *([short_number(band[k])] if len(band) else []),
        )
        for k in range(len(sites))
    )
    write_table(path, (*head, "band_nm") if len(band) else head, rows)


def write_bossung(window: MeasuredWindow, path: str | os.PathLike[str]) -> None:
    """Write Bossung curves as a table: cut, focus, dose and CD (empty where the feature does not print)."""
    doses = window.settings.doses
    rows = (
        (cut.series.line.name, short_number(focus), short_number(dose), short_number(width))
        for cut in window.cuts
        for focus, widths in zip(cut.series.foci_nm, cut.series.cd_nm(doses), strict=True)
        for dose, width in zip(doses, widths, strict=True)
    )
    write_table(path, ("cut", "defocus_nm", "dose", "cd_nm"), rows)


def write_lyrdb(spots: Sequence[HotSpot], path: str | os.PathLike[str], cell: str, layout: str = "") -> None:
    """Write hot spots as KLayout's marker database.

    Parameters
    ----------
    spots
        the worst first
    path
        ends in .lyrdb, so that KLayout knows it
    cell
        name of the layout's top cell
    layout
        file that the markers belong to
    """
    items = []
    for rank, spot in enumerate(spots, 1):
        told = f"{rank}: {spot.value:.4g}, limit {spot.limit:.4g}, at {spot.corner}"
        square = np.array([spot.x_nm, spot.y_nm]) + MARKER_NM * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
        items.append(LyrdbItem(spot.kind, square, told))
    write_database(path, "litho verify", {kind: _KINDS[kind] for kind in KINDS}, items, cell, layout)


@dataclass(frozen=True, eq=False)
class LyrdbItem:
    """One marker of a marker database.

    Parameters
    ----------
    category
        that it is listed under
    points_nm : (n, 2)
        points (x, y) in layout nm: an edge if they are two, else a polygon
    text
        shown beside it
    """

    category: str
    points_nm: Floats
    text: str


def write_database(
    path: str | os.PathLike[str],
    description: str,
    categories: Mapping[str, str],
    items: Iterable[LyrdbItem],
    cell: str,
    layout: str = "",
) -> None:
    """Write a marker database for KLayout.

    Parameters
    ----------
    path
        ends in .lyrdb, so that KLayout knows it
    description
        of the whole
    categories
        name and description of each
    items
        the markers, in the order that they are listed in
    cell
        name of the layout's top cell
    layout
        file that the markers belong to
    """
    root = ElementTree.Element("report-database")
    for tag, text in (
        ("description", description),
        ("original-file", printable(layout)),
        ("generator", f"litho {program_version()}"),
        ("top-cell", printable(cell)),
        ("tags", ""),
    ):
        ElementTree.SubElement(root, tag).text = text
    listed = ElementTree.SubElement(root, "categories")
    for name, meaning in categories.items():
        category = ElementTree.SubElement(listed, "category")
        ElementTree.SubElement(category, "name").text = name
        ElementTree.SubElement(category, "description").text = meaning
        ElementTree.SubElement(category, "categories")
    one = ElementTree.SubElement(ElementTree.SubElement(root, "cells"), "cell")
    for tag, text in (("name", printable(cell)), ("variant", ""), ("layout-name", ""), ("references", "")):
        ElementTree.SubElement(one, tag).text = text
    parent = ElementTree.SubElement(root, "items")
    for item in items:
        _add_item(parent, item, printable(cell))
    ElementTree.indent(root, " ")
    with atomic_path(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)


def _add_item(items: ElementTree.Element, marker: LyrdbItem, cell: str) -> None:
    item = ElementTree.SubElement(items, "item")
    for tag, text in (
        ("tags", ""),
        ("category", f"'{marker.category}'"),  # quoted, for names have spaces
        ("cell", cell),
        ("visited", "false"),
        ("multiplicity", "1"),
        ("comment", ""),
        ("image", ""),
    ):
        ElementTree.SubElement(item, tag).text = text
    values = ElementTree.SubElement(item, "values")
    shape = "edge" if len(marker.points_nm) == 2 else "polygon"
    points = ";".join(f"{x:.6f},{y:.6f}" for x, y in (np.asarray(marker.points_nm) / 1000).tolist())
    told = printable(marker.text).replace("'", "")
    for text in (f"{shape}: ({points})", f"text: '{told}'"):
        ElementTree.SubElement(values, "value").text = text


def write_table(path: str | os.PathLike[str], head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table (.csv) with a row of names."""
    with atomic_path(path) as temporary, Path(temporary).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def short_number(value: float) -> str:
    """Return a number to six decimals; empty if there is none."""
    return "" if math.isnan(value) else f"{value:.6f}".rstrip("0").rstrip(".") or "0"


def printable(text: str) -> str:
    """Return text without characters that XML forbids."""
    return "".join(c for c in text if c in "\t\n\r" or c.isprintable())
