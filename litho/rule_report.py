"""What a check of mask rules found, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
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
