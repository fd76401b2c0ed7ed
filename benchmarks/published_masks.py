"""Whether masks that others publish keep the rules that ours are held to.

    python -m benchmarks.published_masks --data ../shared --json benchmarks/results/published_masks.json

The masks are those of the repository OpenOPC/OpenILT, pictures of 1 nm pixels. A staircase of pixels has corners that
no rule allows, so a mask's outline is taken where its pixels, smoothed by a Gaussian of 1.5 nm, are at half, and only
what is wrong by more than two pixels counts: widths and spaces below 18 nm, islands and holes below 1,500 nm^2.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
import scipy.ndimage
from matplotlib.image import imread

from litho.contour import contours, simplify
from litho.grid import Grid
from litho.mask_rules import check_mask
from litho.rule_set import MaskRules

RULES = MaskRules(min_width_nm=18.0, min_space_nm=18.0, min_area_nm2=1500.0, min_hole_nm2=1500.0)
SMOOTHING_PIXELS = 1.5
SETS = ("MultiLevel", "CurvILT")


def violations(file: Path) -> Counter[str]:
    """Return how often each rule is broken by a mask in a picture."""
    open_ = np.asarray(imread(file), dtype=np.float64)
    grid = Grid.square(open_.shape[0], 1.0)
    smooth = scipy.ndimage.gaussian_filter(open_ / open_.max(), SMOOTHING_PIXELS)
    outlines = [simplify(outline, 0.3) for outline in contours(smooth - 0.5, grid)]
    return Counter(found.rule for found in check_mask(outlines, RULES, bounds_nm=grid.bounds_nm))


def main() -> None:
    """Check every mask and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds iccad13/")
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    found = {}
    for name in SETS:
        files = sorted(given.data.glob(f"iccad13/openilt_masks/{name}_mask*.png"))
        masks = {file.stem: dict(violations(file)) for file in files}
        clean = sum(not broken for broken in masks.values())
        found[name] = {"masks": masks, "clean": clean}
        print(f"{name}: {clean} of {len(masks)} clean, {[sum(m.values()) for m in masks.values()]} places")
    given.json.write_text(
        json.dumps({"benchmark": "published_masks", "sets": found}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
