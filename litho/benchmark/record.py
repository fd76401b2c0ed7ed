"""The record of a run: JSON that is whole after every case, and what tables and plots read from it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from litho.benchmark.counts import Count
from litho.benchmark.timing import Timing, ratio
from litho.io.atomic import atomic_path

Result = Mapping[str, Any]


def write_record(record: Mapping[str, Any], file: Path) -> None:
    """Write a record, whole or not at all; what is not finite becomes null."""
    with atomic_path(file) as temporary:
        temporary.write_text(json.dumps(_plain(record), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def cases_of(record: Mapping[str, Any], kind: str | None = None, single: bool = False) -> list[Mapping[str, Any]]:
    """Return the cases of a record; of one kind, or those of single clips, if that is asked for."""
    found = [case for case in record["cases"] if kind in (None, case["kind"])]
    return [case for case in found if case["clips"] == 1] if single else found


def timed(case: Mapping[str, Any]) -> Iterator[tuple[str, Result]]:
    """Yield opponent's name and result of everybody who was timed."""
    for result in case["results"]:
        if result["status"] == "timed":
            yield result["opponent"], result


def fastest(
    record: Mapping[str, Any], case: Mapping[str, Any], way: str, device: str = "cpu", threads: int | None = None
) -> Result | None:
    """Return the result of the fastest opponent of a way and device, with so many threads if given; None if none."""
    known = {o["name"]: o for o in record["opponents"]}
    wanted = [
        result
        for name, result in timed(case)
        if (known[name]["way"], known[name]["device"]) == (way, device) and threads in (None, known[name]["threads"])
    ]
    return min(wanted, key=lambda result: float(result["timing"]["median_s"]), default=None)


def cores(record: Mapping[str, Any]) -> int:
    """Return the most host threads that an opponent had."""
    return max(int(o["threads"]) for o in record["opponents"] if o["device"] == "cpu")


def ratio_of(slow: Result | None, fast: Result | None) -> dict[str, float] | None:
    """Return how much faster one result is: of the medians, and the least and most that the quartiles allow."""
    if slow is None or fast is None:
        return None
    return ratio(Timing(**slow["timing"]), Timing(**fast["timing"]))


def best_steps(record: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the timed steps of each device and number of threads, with the fastest transforms, and its ceilings."""
    known = {o["name"]: (o["device"], o["threads"]) for o in record["opponents"]}
    ceilings = {known[c["opponent"]]: c for c in record.get("ceilings", []) if "copy_bytes_per_s" in c}
    best: dict[tuple[str, int], Mapping[str, Any]] = {}
    for entry in record.get("steps", []):
        key = known[entry["opponent"]]
        if "steps" in entry and key in ceilings and (key not in best or _whole_s(entry) < _whole_s(best[key])):
            best[key] = entry
    return [(entry, ceilings[key]) for key, entry in best.items()]


def over_floor(record: Mapping[str, Any], case: Mapping[str, Any], result: Result | None) -> float | None:
    """Return how many times the floor of a case a result took; None where either, or its ceilings, is not known."""
    if case["floor"] is None or result is None:
        return None
    known = {o["name"]: (o["device"], o["threads"]) for o in record["opponents"]}
    for ceiling in record.get("ceilings", []):
        if "copy_bytes_per_s" in ceiling and known[ceiling["opponent"]] == known[result["opponent"]]:
            floor = Count(**case["floor"]).floor_s(ceiling["copy_bytes_per_s"], ceiling["matmul_flops_per_s"])
            return float(result["timing"]["median_s"]) / floor
    return None


def _whole_s(entry: Mapping[str, Any]) -> float:
    return sum(float(step["median_s"]) for step in entry["steps"])


def problems(record: Mapping[str, Any]) -> Iterable[str]:
    """Yield a sentence for each case that failed, and for each opponent that could not compute one, or not twice."""
    for case in record["cases"]:
        if case["failed"]:
            yield case["failed"] + "."
        for result in case["results"]:
            if result["status"] in ("failed", "refused"):
                yield f"{case['name']}, {result['opponent']}: {result['status']}: {result['reason']}."
            if result.get("same_bits") is False:
                yield f"{case['name']}, {result['opponent']}: a second call gave other bits."


def has_failed(record: Mapping[str, Any]) -> bool:
    """Whether opponents disagreed or could not finish; what was refused for its size is no failure."""
    return any(c["failed"] or any(r["status"] == "failed" for r in c["results"]) for c in record["cases"])


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
