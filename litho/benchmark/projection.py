"""What measured rates mean for masks: a projection, linear in area and inverse in devices, with its formula.

    hours = area / (rate x devices) / 3600
    kWh   = area x J per um^2 / 3.6e6

A projection is not a measurement: whole layouts add borders between tiles, reading, writing, checking and repair, and
real patterns are denser or emptier than the benchmark's. It takes the rate of the largest correction that was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

FIELD_MM = (26.0, 33.0)
"""The largest field of a scanner, at wafer scale."""

FIELD_UM2 = FIELD_MM[0] * FIELD_MM[1] * 1e6
LAYERS = 80
"""Of one mask set."""

NIGHT_HOURS = 12.0
"""How long an overnight run may take."""

FORMULA = "hours = area / (rate x devices) / 3600; kWh = area x J per µm² / 3.6e6"

CULITHO = {
    "announced": "March 2023: up to 40 times as fast, 1/9 of the power, 500 DGX H100 systems for 40,000 CPU systems",
    "announced_source": "NVIDIA, announcement of cuLitho at GTC, 21 March 2023",
    "quoted": "up to 70 times as fast, 1/9 of the power, 1/8 of the space",
    "quoted_source": "as quoted of cuLitho since; no document with these figures is at hand",
    "speed": 70.0,
    "power": 1 / 9,
    "space": 1 / 8,
}
"""What is claimed elsewhere."""


@dataclass(frozen=True)
class Rate:
    """What one device does.

    Parameters
    ----------
    name
        of the device
    um2_per_s
        corrected area in time
    j_per_um2
        energy of an area: ends of an interval, both the same if measured; None if not known
    energy_label
        how the energy is known
    """

    name: str
    um2_per_s: float
    j_per_um2: tuple[float, float] | None = None
    energy_label: str = "unavailable"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.um2_per_s) and self.um2_per_s > 0):
            raise ValueError(f"`um2_per_s` must be a positive rate, but got {self.um2_per_s}.")


def hours(area_um2: float, rate: Rate, devices: float = 1) -> float:
    """Return how long devices that share an area take for it, h."""
    if devices <= 0:
        raise ValueError(f"`devices` must be over 0, but got {devices}.")
    return area_um2 / (rate.um2_per_s * devices) / 3600


def kwh(area_um2: float, rate: Rate) -> tuple[float, float] | None:
    """Return the energy of an area, kWh, as an interval; it does not depend on the number of devices."""
    if rate.j_per_um2 is None:
        return None
    low, high = (area_um2 * j / 3.6e6 for j in rate.j_per_um2)
    return low, high


def devices_for(area_um2: float, rate: Rate, within_hours: float) -> int:
    """Return the fewest devices that correct an area in time."""
    if within_hours <= 0:
        raise ValueError(f"`within_hours` must be over 0, but got {within_hours}.")
    return math.ceil(hours(area_um2, rate) / within_hours * (1 - 1e-12))


def replaced(gpu: Rate, cpu: Rate) -> float:
    """Return how many CPU machines one GPU does the work of."""
    return gpu.um2_per_s / cpu.um2_per_s


def projection(rates: list[Rate], devices: int, cpu: str | None = None, gpu: str | None = None) -> dict[str, Any]:
    """Return what a record says of fields and mask sets.

    Parameters
    ----------
    rates
        one per device
    devices
        how many of each share the work
    cpu, gpu
        names of the two that are compared, if both are there
    """
    by_name = {rate.name: rate for rate in rates}
    rows = [_row(rate, devices) for rate in rates]
    found: dict[str, Any] = {
        "label": "projection",
        "formula": FORMULA,
        "field_um2": FIELD_UM2,
        "layers": LAYERS,
        "devices": devices,
        "rows": rows,
        "culitho": CULITHO,
    }
    if cpu in by_name and gpu in by_name:
        assert cpu is not None and gpu is not None
        night = devices_for(FIELD_UM2 * LAYERS, by_name[gpu], NIGHT_HOURS)
        found["cpus_one_gpu_replaces"] = replaced(by_name[gpu], by_name[cpu])
        found["gpus_for_a_mask_set_overnight"] = night
        found["gpus_for_a_field_overnight"] = devices_for(FIELD_UM2, by_name[gpu], NIGHT_HOURS)
        found["night_hours"] = NIGHT_HOURS
    return found


def _row(rate: Rate, devices: int) -> dict[str, Any]:
    field, masks = FIELD_UM2, FIELD_UM2 * LAYERS
    return {
        "device": rate.name,
        "um2_per_s": rate.um2_per_s,
        "field_hours": hours(field, rate, devices),
        "mask_set_hours": hours(masks, rate, devices),
        "field_kwh": kwh(field, rate),
        "mask_set_kwh": kwh(masks, rate),
        "energy": rate.energy_label,
    }
