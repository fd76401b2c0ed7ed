"""How one recipe does on clips that it was not made for: hundreds of standard cells, with the contest's kernels.

    python benchmarks/clip_sets.py --data ../shared --json benchmarks/results/clip_sets_cpu.json

Each cell is put in the middle of the contest's field. Reported are averages, the share of sites whose edge is off by
more than the tolerance, and how many masks keep the rules.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from litho.config import Recipe, read_recipe
from litho.flow import correct
from litho.info import environment
from litho.job import prepare
from litho.outputs import figures
from litho.spline_flow import correct_splines

ARCHIVE = "clips/lithobench_glp.zip"
SETS = ("StdMetal", "StdContact", "OpenROAD")
AT_ONCE = 8
RECIPE = """
base = "iccad13"
method = "{method}"
[field]
pixel_nm = 1.0
size_nm = [2048.0, 2048.0]
"""


def centred(method: str) -> Recipe:
    """Return the contest's recipe for clips that stand anywhere in their files."""
    recipe = read_recipe(RECIPE.format(method=method))
    return recipe.model_copy(update={"field": recipe.field.model_copy(update={"offset_nm": None})})


def corrected(files: list[Path], kernels: Path, recipe: Recipe) -> list[dict[str, Any]]:
    """Return the figures of every clip, a few at a time so that memory does not grow with their number."""
    correction = correct_splines if recipe.method == "spline" else correct
    found: list[dict[str, Any]] = []
    for start in range(0, len(files), AT_ONCE):
        job = prepare(files[start : start + AT_ONCE], recipe, kernels=kernels)
        found += [figures(result) for result in correction(job, "cpu")]
        print(f"{len(found)}/{len(files)}", end="\r", flush=True)
    return found


def summary(found: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return averages over clips, and shares over all sites and masks."""
    count = len(found)
    mean = {name: sum(f[name] for f in found) / count for name in ("L2", "PVB", "EPE")}
    sites = sum(f["sites"] for f in found)
    return {
        "clips": count,
        **{name: round(value, 2) for name, value in mean.items()},
        "sites": sites,
        "share_of_sites_violated": round(sum(f["EPE"] for f in found) / max(sites, 1), 5),
        "clean_masks": sum(f["rules"]["clean"] for f in found),
        "seconds_a_clip": round(seconds / count, 2),
    }


def main() -> None:
    """Correct the sets and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds iccad13/ and clips/")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--every", type=int, default=1, help="take each n-th clip only")
    parser.add_argument("--method", choices=("pixel", "spline"), default="pixel")
    given = parser.parse_args()
    recipe, results = centred(given.method), {}
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(given.data / ARCHIVE) as archive:
        archive.extractall(folder)
        for name in given.sets:
            files = sorted(Path(folder, name).glob("*.glp"))[:: given.every]
            begin = time.perf_counter()
            found = corrected(files, given.data / "iccad13" / "optical_kernels.npz", recipe)
            results[name] = summary(found, time.perf_counter() - begin)
            results[name]["worst"] = [
                {"clip": f["clip"], "EPE": f["EPE"], "sites": f["sites"]}
                for f in sorted(found, key=lambda f: -f["EPE"])[:5]
            ]
            print(name, results[name])
    record = {"benchmark": "clip_sets", "every": given.every, "method": given.method, **environment("cpu")}
    given.json.write_text(json.dumps(record | {"sets": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
