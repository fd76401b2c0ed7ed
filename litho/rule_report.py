"""What a check of mask rules found, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from litho.rule_set import RULES, MaskRules, RuleViolation


def rule_figures(violations: Sequence[RuleViolation], rules: MaskRules) -> dict[str, Any]:
    """Return what `metrics.json` says of a check of mask rules.

    Parameters
    ----------
    violations
        as `litho.mask_rules.check_mask` returns them
    rules
        that were checked

    Returns
    -------
    figures
        `clean`; the number of `violations` of each rule that is broken; the `worst` value of each of these; and the
        `limits`, all fields of the rules
    """
    worst: dict[str, float] = {}
    counts: dict[str, int] = {}
    for rule in RULES:
        values = [v.value for v in violations if v.rule == rule]
        if values:
            counts[rule] = len(values)
            worst[rule] = round(max(values) if rule in ("opening", "closing") else min(values), 4)
    return {"clean": not counts, "violations": counts, "worst": worst, "limits": asdict(rules)}


@dataclass(frozen=True)
class BrokenRule:
    """One rule that a mask breaks.

    Parameters
    ----------
    rule
        one of `litho.rule_set.RULES`
    places
        where it does
    worst, limit
        nm, or nm^2 for areas
    """

    rule: str
    places: int
    worst: float
    limit: float


def broken_rules(figures: Mapping[str, Any]) -> list[BrokenRule]:
    """Return the rules that a mask breaks, from what `rule_figures` told of it; none of those that are not known."""
    counts = figures.get("violations", {})
    if not counts:
        return []
    limits = rule_limits(MaskRules(**figures["limits"]))
    return [BrokenRule(rule, count, figures["worst"][rule], limits[rule]) for rule, count in counts.items()]


def rule_limits(rules: MaskRules) -> dict[str, float]:
    """Return what every rule that is checked asks for, nm, or nm^2 for areas; of discs the most that is allowed."""
    limits = {**rules.lengths_nm(), "area": rules.min_area_nm2, "hole": rules.min_hole_nm2}
    limits = {rule: limit for rule, limit in limits.items() if limit > 0}
    if rules.max_residue_nm is not None:
        asked = (("opening", rules.min_width_nm), ("closing", rules.min_space_nm))
        limits |= {rule: rules.max_residue_nm for rule, diameter in asked if diameter > 0}
    return {rule: limits[rule] for rule in RULES if rule in limits}
