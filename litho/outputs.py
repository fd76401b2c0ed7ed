"""The folder that a job leaves: mask, figures, recipe, pictures and report of each clip.

Everything is written to a hidden folder first and renamed file by file, `metrics.json` last: a folder with that file
is complete, and a job that fails leaves nothing half-written.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gdstk
import numpy as np
import tomli_w

from litho.cells import Floats, Layer
from litho.contour import cut_holes, join_holes, nested
from litho.curves import Curve
from litho.io.atomic import atomic_path
from litho.io.write import write_oasis
from litho.layer_properties import LayerStyle, write_layer_properties
from litho.polygons import RESOLUTION
from litho.result import ClipResult
from litho.rule_markers import marker_layers, rule_layer_names, write_rule_lyrdb, write_violations
from litho.scene import COLORS

TARGET_LAYER: Layer = (1, 0)
MASK_LAYER: Layer = (2, 0)
ASSIST_LAYER: Layer = (3, 0)
"""Assist features once more, which are part of the mask on its own layer."""

FIRST_PRINT_LAYER = 10
"""Layer of what the nominal corner prints; the other corners follow."""

LAST = "metrics.json"
"""The file that appears last."""


def check_writable(folder: Path) -> None:
    """Raise `OSError` unless a folder can be written in, or made; leaves nothing behind."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise OSError(f"`out` must be a folder, but {existing} is a file.")
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise OSError(f"`out` must be a folder that can be written in, but {folder}: {error.strerror}.") from error


def write_result(result: ClipResult, folder: str | os.PathLike[str]) -> list[Path]:
    """Write everything about one clip.

    Parameters
    ----------
    result
        of one clip
    folder
        made if it is not there; files of the same names are replaced

    Returns
    -------
    paths
        of the files, in the order of their names
    """
    from litho.pictures import draw_all  # matplotlib is slow to import
    from litho.report import write_report

    with _staged(Path(folder)) as stage:
        np.savez_compressed(
            stage / "mask.npz",
            mask=result.mask,
            pixel_nm=np.array(result.grid.pixel_nm),
            origin_nm=np.array(result.grid.origin_nm),
        )
        write_polygons(result, stage / "mask.oas")
        write_layer_properties(layer_styles(result), stage / "mask.lyp")
        (stage / "recipe.toml").write_text(tomli_w.dumps(result.recipe), encoding="utf-8")
        draw_all(result, stage)
        _write_measurements(result, stage)
        write_report(result, stage / "report.html")
        (stage / LAST).write_text(_json(figures(result)), encoding="utf-8")
        return [Path(folder) / name for name in sorted(os.listdir(stage))]


def figures(result: ClipResult) -> dict[str, Any]:
    """Return what `metrics.json` holds."""
    parts = (("window", result.window), ("verify", result.verification))
    measured = {name: part.figures() for name, part in parts if part is not None}
    before = {} if result.uncorrected is None else {"uncorrected": dict(result.uncorrected.metrics)}
    return {"clip": result.name, **result.metrics, **before, **measured, **result.info, "layers": layer_names(result)}


def layer_names(result: ClipResult) -> dict[str, str]:
    """Return what is on each layer of `mask.oas`."""
    return {f"{style.layer[0]}/{style.layer[1]}": style.name for style in layer_styles(result)}


def layer_styles(result: ClipResult) -> list[LayerStyle]:
    """Return name and colour of each layer of `mask.oas`."""
    names = rule_layer_names()
    return [
        LayerStyle(TARGET_LAYER, "target", COLORS["target"], "lines"),
        LayerStyle(MASK_LAYER, "mask", COLORS["mask"], "dots"),
        LayerStyle(ASSIST_LAYER, "assist features, part of the mask", COLORS["assist"], "lines"),
        *(
            LayerStyle(
                (FIRST_PRINT_LAYER + k, 0), f"print at {label}", COLORS["band" if k else "print"], width=2 - (k > 0)
            )
            for k, label in enumerate(result.corner_labels)
        ),
        *(
            LayerStyle(layer, names[f"{layer[0]}/{layer[1]}"], COLORS["rule"], "solid", width=3)
            for layer in sorted(marker_layers(result.violations or ()))
        ),
    ]


def _write_measurements(result: ClipResult, folder: Path) -> None:
    """Write tables and plots of what was measured, and markers of hot spots and broken rules."""
    from litho.markers import write_bossung, write_edge_placement, write_hotspots, write_lyrdb
    from litho.verify_pictures import draw_verification
    from litho.window_pictures import draw_window

    if result.window is not None:
        write_bossung(result.window, folder / "bossung.csv")
        draw_window(result.window, folder)
    if result.violations is not None:
        write_violations(result.violations, folder / "rules.csv")
        write_rule_lyrdb(result.violations, folder / "rules.lyrdb", _cell_name(result.name), result.name)
    found = result.verification
    if found is not None:
        write_hotspots(found.hotspots, folder / "hotspots.csv")
        write_edge_placement(found, folder / "edge_placement.csv")
        write_lyrdb(found.hotspots, folder / "hotspots.lyrdb", _cell_name(result.name), result.name)
        draw_verification(found, result, folder)


def write_polygons(result: ClipResult, path: Path) -> None:
    """Write target, mask, its assist features once more, prints and markers of broken rules as OASIS.

    Control points of the mask's curves are a property of its polygons.
    """
    mask, texts = joined(result.mask_polygons, result.curves)
    assists = assist_features(result.mask_polygons, result.target_polygons)
    layers: dict[Layer, Sequence[Floats]] = {
        TARGET_LAYER: result.target_polygons,
        MASK_LAYER: mask,
        ASSIST_LAYER: assists,
    }
    for number, outlines in enumerate(result.print_polygons):
        layers[FIRST_PRINT_LAYER + number, 0] = join_holes(outlines)
    layers |= marker_layers(result.violations or ())
    dbu_nm = float(result.recipe["output"]["dbu_nm"])
    write_oasis(path, layers, dbu_nm, curves={MASK_LAYER: texts}, cell=_cell_name(result.name))


def assist_features(outlines: Sequence[Floats], targets: Sequence[Floats]) -> list[Floats]:
    """Return the islands of a mask that overlap no target, their holes joined to them by cuts.

    Parameters
    ----------
    outlines
        of the mask: counter-clockwise around islands, clockwise around holes
    targets
        polygons that should print
    """
    boxes = np.array([[*p.min(axis=0), *p.max(axis=0)] for p in targets]).reshape(-1, 4)
    shapes = [gdstk.Polygon(p.tolist()) for p in targets]
    found: list[Floats] = []
    for island, holes in nested(outlines):
        low, high = outlines[island].min(axis=0), outlines[island].max(axis=0)
        near = np.flatnonzero(np.all(boxes[:, :2] < high, axis=1) & np.all(boxes[:, 2:] > low, axis=1))
        parts = cut_holes(outlines[island], [outlines[k] for k in holes])
        drawn = [gdstk.Polygon(part.tolist()) for part in parts]
        if len(near) == 0 or not gdstk.boolean(drawn, [shapes[k] for k in near], "and", RESOLUTION):
            found += parts
    return found


def joined(outlines: Sequence[Floats], curves: Sequence[Curve | None]) -> tuple[list[Floats], list[str | None]]:
    """Return polygons whose holes are joined to their outline by a cut, and their curves as text.

    Parameters
    ----------
    outlines
        counter-clockwise around islands, clockwise around holes
    curves
        one per outline, or None; the text of a polygon with holes holds all of its curves, separated by " | "
    """
    polygons: list[Floats] = []
    texts: list[str | None] = []
    for island, holes in nested(outlines):
        parts = cut_holes(outlines[island], [outlines[k] for k in holes])
        members = [curve for k in (island, *holes) if (curve := curves[k]) is not None]
        polygons += parts
        texts += [" | ".join(curve.to_text() for curve in members) or None, *[None] * (len(parts) - 1)]
    return polygons, texts


def write_summary(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the figures of several clips, and their averages, as JSON."""
    names = ("L2", "PVB", "EPE", "seconds")
    average = {name: float(np.mean([float(r[name]) for r in results])) for name in names}
    with atomic_path(path) as temporary:
        temporary.write_text(_json({"average": average, "clips": list(results)}), encoding="utf-8")


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def _cell_name(name: str) -> str:
    """Return a name that every reader of OASIS takes."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-.$") else "_" for c in name) or "TOP"


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder; its files move to `folder` if the block succeeds, else they go."""
    folder.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        yield stage
        for name in sorted(os.listdir(stage), key=lambda n: (n == LAST, n)):
            os.replace(stage / name, folder / name)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
