"""The same aerial image in the lens band and the full-grid way, side by side.

    python -m benchmarks.full_grid [--case immersion] [--pixels 2048] [--device cpu] [--out benchmarks/results]

The full-grid way is the textbook's: one transform of the whole grid per kernel, and for the adjoint the fields kept
and one more transform per kernel. Both must agree before they are timed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import NAMES, Case, available, case
from benchmarks.timing import Timing, environment, measure, ratio
from litho.backend import Array, to_host
from litho.benchmark.full_grid import full_grid_image, full_grid_image_adjoint
from litho.fourier import band_transform
from litho.mask import Mask, transmission_band, transmission_band_adjoint
from litho.socs import image_band, image_band_adjoint

LARGEST_DIFFERENCE = 2e-6
"""Of the peak: what single precision allows."""


class FullGrid:
    """The full-grid way of one case."""

    def __init__(self, case: Case) -> None:
        self.kernels = case.kernels[0]

    def forward(self, coverage: Array) -> Array:
        """Return the intensity, (ny, nx)."""
        return full_grid_image(coverage, self.kernels, keep=False)[0]

    def gradient(self, coverage: Array) -> Array:
        """Return the gradient of half the squared difference between image and mask, (ny, nx)."""
        intensity, saved = full_grid_image(coverage, self.kernels, keep=True)
        return full_grid_image_adjoint(intensity - coverage, saved, self.kernels)


class LensBand:
    """The way of `litho.model`, without resist: pixels, band, image band, pixels."""

    def __init__(self, case: Case) -> None:
        self.kernels, self.mask = case.kernels[0], Mask()
        self.to_band = band_transform(case.grid.shape, self.kernels.radius, case.target)
        self.to_print = band_transform(case.grid.shape, self.kernels.image_radius, case.target)

    def forward(self, coverage: Array) -> Array:
        """Return the intensity, (ny, nx)."""
        half, _ = image_band(transmission_band(self.to_band(coverage), self.mask), self.kernels)
        return self.to_print.inverse(half)

    def gradient(self, coverage: Array) -> Array:
        """Return the gradient of half the squared difference between image and mask, (ny, nx)."""
        half, saved = image_band(transmission_band(self.to_band(coverage), self.mask), self.kernels)
        half_bar = self.to_print.inverse_adjoint(self.to_print.inverse(half) - coverage)
        band_bar = image_band_adjoint(half_bar, saved, self.kernels)
        return self.to_band.adjoint(transmission_band_adjoint(band_bar, self.mask))


WAYS = {"full_grid": FullGrid, "lens_band": LensBand}


def difference(name: str, case: Case) -> float:
    """Return the largest difference between both ways' `name` ("forward" or "gradient"), as a share of the peak."""
    full, band = (to_host(getattr(way(case), name)(case.target)) for way in WAYS.values())
    assert full.dtype == band.dtype == case.target.dtype
    return float(abs(full - band).max() / abs(full).max())


def compare(name: str, pixels: int, device: str, rounds: int) -> dict[str, Any]:
    """Return the record of one case: differences, times, ratios and memory."""
    inputs = case(name, pixels, device)
    kernels = inputs.kernels[0]
    record: dict[str, Any] = {
        "case": name,
        "what": NAMES[name],
        "pixels": list(inputs.grid.shape),
        "kernels": len(kernels.weights),
        "radius": list(kernels.radius),
        "band_grid": list(kernels.band_shape),
    }
    for task in ("forward", "gradient"):
        error = difference(task, inputs)
        if not error <= LARGEST_DIFFERENCE:
            raise ArithmeticError(
                f"the two ways' {task} must agree to {LARGEST_DIFFERENCE}, but differ by {error:.2g}."
            )
        chains = [_run(way, task, inputs) for way in (FullGrid, LensBand)]
        slow, fast = measure(chains, (1, 10), rounds)
        record[task] = {
            "largest_difference": error,
            "full_grid": asdict(slow),
            "lens_band": asdict(fast),
            "ratio": ratio(slow, fast),
        }
        _print_row(f"{name}, {task}", slow, fast, record[task])
    if device == "cpu":
        record["peak_memory_bytes"] = {way: peak_memory(way, inputs) for way in WAYS}
    return record


def peak_memory(way: str, inputs: Case) -> int:
    """Return the largest resident memory of a fresh process that computes one gradient, interpreter included.

    It is handed the kernels: to compute them takes more memory than either way on a small grid.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_one_gradient, (way, inputs))


def _one_gradient(way: str, inputs: Case) -> int:
    WAYS[way](inputs).gradient(inputs.target)
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _run(way: Callable[[Case], Any], task: str, inputs: Case) -> Callable[[], Array]:
    chain = getattr(way(inputs), task)
    return lambda: chain(inputs.target)


def _print_row(label: str, slow: Timing, fast: Timing, entry: dict[str, Any]) -> None:
    ratios = entry["ratio"]
    print(
        f"{label:22} {slow!s:>32} {fast!s:>26} {ratios['median']:7.0f}x ({ratios['low']:.0f}-{ratios['high']:.0f})"
        f"   {entry['largest_difference']:.1e}",
        flush=True,
    )


def main(arguments: list[str]) -> None:
    """Compare, print a table and write the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.full_grid", description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=list(NAMES), help="all whose data are there, if not given")
    parser.add_argument("--pixels", type=int, default=2048, help="on a side of the field of 2048 nm")
    parser.add_argument("--rounds", type=int, default=7, help="of one call of the slow way and ten of the fast one")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    print(f"{'':22} {'full grid':>32} {'lens band':>26} {'ratio':>8}           largest difference / peak")
    names = [options.case] if options.case else available()
    records = [compare(name, options.pixels, options.device, options.rounds) for name in names]
    for record in records:
        for way, size in record.get("peak_memory_bytes", {}).items():
            print(f"{record['case']}, gradient, peak memory of the {way.replace('_', ' ')} way: {size / 2**20:.0f} MiB")
    result = {"benchmark": "full_grid", **environment(case(names[0], 256, options.device).target), "records": records}
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / f"full_grid_{options.device}_{options.pixels}.json"
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {file}")


if __name__ == "__main__":
    main(sys.argv[1:])
