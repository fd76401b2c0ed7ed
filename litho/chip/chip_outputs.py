"""The folder that a run over a chip leaves: mask, figures, lists, map and report.

Every file appears whole or not at all, and `metrics.json` last: a folder with that file is complete.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from litho.cells import Layer
from litho.chip.chip_result import COMPUTED, REUSED, SET_ASIDE, ChipResult, ChipVerification
from litho.io.atomic import atomic_path
from litho.layer_properties import LayerStyle, write_layer_properties
from litho.markers import write_hotspots, write_lyrdb
from litho.outputs import LAST, MASK_LAYER, TARGET_LAYER
from litho.rule_markers import write_rule_lyrdb, write_violations
from litho.rule_report import rule_figures
from litho.scene import COLORS

MASK_FILE = "mask.oas"
TOP_CELL = "TOP"


def write_chip(result: ChipResult, folder: str | os.PathLike[str], target_layer: Layer = TARGET_LAYER) -> list[Path]:
    """Write everything about a chip but its mask, which is written before it is verified.

    Parameters
    ----------
    result
        of a run
    folder
        made if it is not there; files of the same names are replaced
    target_layer
        of the layout, for the colours of KLayout

    Returns
    -------
    paths
        of the files in the folder
    """
    from litho.chip.chip_map import write_map  # matplotlib is slow to import
    from litho.chip.chip_report import write_chip_report

    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    (out / LAST).unlink(missing_ok=True)
    _write_text(out / "recipe.toml", tomli_w.dumps(result.recipe))
    write_layer_properties(layer_styles(target_layer), out / "mask.lyp")
    found = result.verification
    if found is not None:
        write_hotspots(found.hotspots, out / "hotspots.csv")
        write_lyrdb(found.hotspots, out / "hotspots.lyrdb", TOP_CELL, result.name)
        write_violations(found.violations, out / "rules.csv")
        write_rule_lyrdb(found.violations, out / "rules.lyrdb", TOP_CELL, result.name)
    write_map(result, out / "chip_map.png")
    write_chip_report(result, out / "report.html")
    _write_text(out / LAST, json.dumps(chip_figures(result), indent=2, allow_nan=False) + "\n")
    return sorted(path for path in out.iterdir() if path.is_file())


def layer_styles(target_layer: Layer) -> list[LayerStyle]:
    """Return name and colour of the layers of target and mask, of which the latter is in `mask.oas`."""
    styles = [LayerStyle(MASK_LAYER, "mask", COLORS["mask"], "dots")]
    if target_layer != MASK_LAYER:
        styles.insert(0, LayerStyle(target_layer, "target", COLORS["target"], "lines"))
    return styles


def chip_figures(result: ChipResult) -> dict[str, Any]:
    """Return what `metrics.json` holds."""
    verified = {} if result.verification is None else {"verify": verify_figures(result.verification)}
    return {
        "layout": result.name,
        "tiles": tile_figures(result),
        **verified,
        "largest_contour_step_nm": result.contour_step_nm,
        "set_aside": [asdict(tile) for tile in result.set_aside],
        **result.figures,
        **result.info,
    }


def tile_figures(result: ChipResult) -> dict[str, Any]:
    """Return where tiles lie, and how they came by their masks."""
    plan, origin = result.tiles, result.numbers.origin
    seconds = result.numbers.seconds[np.isfinite(result.numbers.seconds) & (origin == COMPUTED)]
    return {
        "columns": plan.counts[0],
        "rows": plan.counts[1],
        "core_nm": list(plan.core_nm),
        "halo_nm": plan.halo_nm,
        "overlap_nm": plan.overlap_nm,
        "origin_nm": list(plan.origin_nm),
        "computed": int((origin == COMPUTED).sum()),
        "reused": int((origin == REUSED).sum()),
        "set_aside": int((origin == SET_ASIDE).sum()),
        "median_seconds": round(float(np.median(seconds)), 3) if len(seconds) else None,
    }


def verify_figures(found: ChipVerification) -> dict[str, Any]:
    """Return what a verification comes to, seams beside the interior."""
    places = {"interior": found.interior, "seams": found.seams, "everywhere": found.everywhere}
    placement: dict[str, Any] = {name: tally.figures(found.limit_nm) for name, tally in places.items()}
    placement["elsewhere_p99_abs_nm"] = [tally.quantile_nm(0.99) for tally in found.elsewhere]
    return {
        "passed": found.passed,
        "edge_placement": placement,
        "hotspots": found.hotspot_counts(),
        "rules": rule_figures(found.violations, found.rules),
    }


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
