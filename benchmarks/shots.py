"""What the masks of the contest's clips cost in rectangles, and what is left of their quality.

    python -m benchmarks.shots --data ../shared --json benchmarks/results/shots_cpu.json

Each mask is covered by overlapping shots within a tolerance, and these are cut into rectangles without overlap as well.
The union of the shots is scored as a mask.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from litho.bench import contest_files
from litho.config import load_recipe
from litho.finish import Printer
from litho.flow import correct
from litho.fracture import FractureSettings, fracture
from litho.info import environment
from litho.job import Clip, prepare
from litho.metrics import evaluate
from litho.outlines import united, with_holes
from litho.raster import coverage
from litho.rectangles import minimum_rectangles
from litho.resist import prints
from litho.result import ClipResult
from litho.shots import greedy_rectangles


def scored(covered: np.ndarray, clip: Clip, printer: Printer) -> dict[str, float]:
    """Return the contest's figures of a mask on pixels."""
    job = printer.job
    printed = np.stack([prints(image, job.process.resist) for image in printer.exposed(covered)])
    return evaluate(printed[0], printed[1:], clip.coverage() >= 0.5, clip.grid, job.recipe.epe).as_dict()


def shots_of(result: ClipResult, clip: Clip, printer: Printer, tolerance_nm: float) -> dict[str, float]:
    """Return counts and figures of one mask, fractured."""
    begin = time.perf_counter()
    fractured = fracture(with_holes(result.mask_polygons), "overlapping", FractureSettings(tolerance_nm))
    seconds = time.perf_counter() - begin
    union = united(fractured.shots)
    mask = coverage(union, clip.grid) >= 0.5
    return {
        "overlapping": fractured.count,
        "disjoint": len(minimum_rectangles([np.rint(p) for p in union])),
        "greedy_4nm": greedy_rectangles(mask, clip.grid).count,
        "seconds": seconds,
        **scored(mask.astype(np.float32), clip, printer),
    }


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return averages over clips."""
    found = {name: round(sum(row[name] for row in rows) / len(rows), 2) for name in rows[0]}
    return {**found, "L2 + PVB": round(found["L2"] + found["PVB"], 1)}


def main() -> None:
    """Correct the clips, fracture their masks, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds iccad13/")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--tolerance-nm", nargs="+", type=float, default=[8.0, 10.0, 12.0])
    given = parser.parse_args()
    layouts, kernels = contest_files(given.data)
    job = prepare(layouts, load_recipe("iccad13"), kernels=kernels)
    results, printer = list(correct(job, "cpu")), Printer(job, "cpu")
    masks: list[dict[str, Any]] = [
        {name: r.metrics[name] for name in ("L2", "PVB", "EPE")} | {"greedy_4nm": r.metrics["shots"]["count"]}
        for r in results
    ]
    record: dict[str, Any] = {"benchmark": "shots", **environment("cpu"), "mask": mean(masks), "shots": {}}
    for tolerance in given.tolerance_nm:
        rows = [shots_of(r, c, printer, tolerance) for r, c in zip(results, job.clips, strict=True)]
        record["shots"][f"{tolerance:g} nm"] = mean(rows)
        print(f"{tolerance:g} nm", record["shots"][f"{tolerance:g} nm"], flush=True)
        given.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
