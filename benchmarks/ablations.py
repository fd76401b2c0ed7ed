"""What each choice of the contest's recipe is worth: the ten clips with one thing changed at a time.

    python -m benchmarks.ablations --data ../shared --json benchmarks/results/ablations_cpu.json

Seconds are wall time a clip of the whole correction, scoring included, in the one run that made the table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from litho.bench import average, contest_files
from litho.config import Recipe, load_recipe
from litho.flow import correct
from litho.info import environment
from litho.job import prepare
from litho.outputs import figures
from litho.pixel_ilt import IltSettings, Stage
from litho.rule_set import MaskRules
from litho.spline_flow import correct_splines

NO_RULES = MaskRules(min_width_nm=0, min_space_nm=0, min_area_nm2=0, min_hole_nm2=0)


def _ilt(change: Callable[[IltSettings], IltSettings]) -> Callable[[Recipe], Recipe]:
    return lambda recipe: recipe.model_copy(update={"ilt": change(recipe.ilt)})


def _last(**changes: Any) -> Callable[[Recipe], Recipe]:
    """Change the last stage."""
    return _ilt(lambda ilt: replace(ilt, stages=(*ilt.stages[:-1], replace(ilt.stages[-1], **changes))))


def _settings(**changes: Any) -> Callable[[Recipe], Recipe]:
    return _ilt(lambda ilt: replace(ilt, **changes))


def _weights(**changes: float) -> Callable[[Recipe], Recipe]:
    return _ilt(lambda ilt: replace(ilt, weights=replace(ilt.weights, **changes)))


def _optimizer(**changes: Any) -> Callable[[Recipe], Recipe]:
    return _ilt(lambda ilt: replace(ilt, optimizer=replace(ilt.optimizer, **changes)))


def _of(**changes: Any) -> Callable[[Recipe], Recipe]:
    return lambda recipe: recipe.model_copy(update=changes)


VARIANTS: dict[str, Callable[[Recipe], Recipe]] = {
    "as shipped": lambda recipe: recipe,
    "no mask rules": _of(rules=NO_RULES),
    "last stage printed on 4 nm": _last(print_pixel_nm=None),
    "last stage printed on 4 nm, steepness 200": _last(print_pixel_nm=None, resist_steepness=200.0),
    "last stage steepness 150": _last(resist_steepness=150.0),
    "last stage steepness 600": _last(resist_steepness=600.0),
    "last stage 60 steps": _last(steps=60),
    "no continuation: the last stage alone, 80 steps": _ilt(
        lambda ilt: replace(ilt, stages=(replace(ilt.stages[-1], steps=80),))
    ),
    "no coarse grid: all stages on 4 nm": _ilt(
        lambda ilt: replace(ilt, stages=tuple(replace(stage, pixel_nm=4.0) for stage in ilt.stages))
    ),
    "no EPE term": _weights(epe=0.0),
    "EPE once": _weights(epe=1.0),
    "no PV band term": _weights(pv_band=0.0),
    "PV band twice": _weights(pv_band=2.0),
    "no side-lobe term": _weights(side_lobes=0.0),
    "side lobes at 100": _weights(side_lobes=100.0),
    "smoothing 6 nm": _settings(smoothing_nm=6.0),
    "smoothing 14 nm": _settings(smoothing_nm=14.0),
    "few assist features: start outside at -0.7": _settings(start_outside=-0.7),
    "L-BFGS remembers 2 steps": _optimizer(history=2),
    "L-BFGS remembers 20 steps": _optimizer(history=20),
    "no adaptive stop": _optimizer(tolerance=0.0),
    "12 kernels in the coarse stages": _ilt(
        lambda ilt: replace(ilt, stages=tuple(_fewer(stage) for stage in ilt.stages))
    ),
    "level set": _of(method="level-set"),
    "splines": _of(method="spline"),
}
"""One change of the recipe each."""


def _fewer(stage: Stage) -> Stage:
    return replace(stage, kernels=12) if stage.pixel_nm > 4 else stage


def measured(recipe: Recipe, data: Path) -> dict[str, Any]:
    """Return averages of the ten clips."""
    layouts, kernels = contest_files(data)
    job = prepare(layouts, recipe, kernels=kernels)
    begin = time.perf_counter()
    found = [figures(r) for r in (correct_splines if recipe.method == "spline" else correct)(job, "cpu")]
    seconds = (time.perf_counter() - begin) / len(found)
    mean = average(found)
    return {**mean, "L2 + PVB": mean["L2"] + mean["PVB"], "seconds": round(seconds, 2)}


def main() -> None:
    """Run the variants and write what was found, after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds iccad13/")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    given = parser.parse_args()
    recipe, results = load_recipe("iccad13"), {}
    for name in given.only:
        results[name] = measured(VARIANTS[name](recipe), given.data)
        print(f"{name:50s}", results[name], flush=True)
        record = {"benchmark": "ablations", **environment("cpu"), "variants": results}
        given.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
