"""Mask rules of a recipe on masks that come as they are: which of them apply, and what they find.

    violations, figures = checked(mask, clip, job.recipe.rules)

A mask of straight edges has sharp corners on purpose, which no disc reaches: the rule by a disc is for curves only. A
mask of pixels has no outlines: nothing is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from litho.cells import Floats
from litho.given_masks import GivenMask
from litho.job import Clip, JobError
from litho.mask_rules import check_mask
from litho.outlines import joined
from litho.rule_report import rule_figures
from litho.rule_set import MaskRules, RuleViolation

CORNER_DEG = 30.0
"""Outlines that turn by more at one vertex have a corner there."""

Checked = tuple[tuple[RuleViolation, ...] | None, dict[str, Any]]
"""Violations, None if nothing was checked, and what `metrics.json` says of them."""


def checked(mask: GivenMask, clip: Clip, rules: MaskRules) -> Checked:
    """Return where a mask breaks the rules that apply to it, as it was handed over.

    Parameters
    ----------
    mask
        of the clip
    clip
        its shapes tell features from assist features
    rules
        of the recipe
    """
    if mask.handed_over is None:
        return None, {**rule_figures((), rules), "clean": None}
    applied = rules_that_apply(rules, mask.handed_over)
    violations = check_mask(mask.handed_over, applied, bounds_nm=clip.grid.bounds_nm, targets=clip.polygons)
    return violations, rule_figures(violations, applied)


def check_targets(clips: Sequence[Clip], rules: MaskRules) -> None:
    """Refuse targets that break the rules by themselves, with the place; the rule by a disc is for curves.

    Raises
    ------
    JobError
    """
    for clip in clips:
        found = check_mask(clip.polygons, replace(rules, max_residue_nm=None), bounds_nm=clip.grid.bounds_nm)
        if found:
            first, places = found[0], "one place" if len(found) == 1 else f"{len(found)} places"
            raise JobError(
                f"`layout` must keep the mask rules by itself, but {clip.name} breaks them at {places}, "
                f"the first at ({first.x_nm:.4g}, {first.y_nm:.4g}) nm: {first.rule} {first.value:.4g} where "
                f"{first.limit:g} is asked for. Change the layout, or the table `rules` of the recipe."
            )


def rules_that_apply(rules: MaskRules, outlines: Sequence[Floats]) -> MaskRules:
    """Return rules without the one by a disc if outlines are straight edges with corners."""
    return replace(rules, max_residue_nm=None) if straight(outlines) else rules


def straight(outlines: Sequence[Floats]) -> bool:
    """Return whether outlines turn at corners more than along curves.

    Parameters
    ----------
    outlines
        polygons (n, 2), points (x, y) in nm
    """
    lines = [line[np.any(line != np.roll(line, 1, axis=0), axis=1)] for line in outlines]
    lines = [line for line in lines if len(line)]
    if not lines:
        return False
    points, _, following = joined(lines)
    edge = points[following] - points
    before = np.empty_like(edge)
    before[following] = edge
    cross = before[:, 0] * edge[:, 1] - before[:, 1] * edge[:, 0]
    turn = np.abs(np.arctan2(cross, (before * edge).sum(axis=1)))
    corner = turn > np.radians(CORNER_DEG)
    return bool(turn[corner].sum() > turn[~corner].sum())
