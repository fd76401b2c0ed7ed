"""What rates mean: linear in area, inverse in devices, and labelled."""

from __future__ import annotations

import math

import pytest

from litho.benchmark.projection import FIELD_UM2, LAYERS, Rate, devices_for, hours, kwh, projection, replaced

GPU = Rate("GPU", 1000.0, (0.7, 0.7), "measured, board, nvml_total_energy")
CPU = Rate("CPU", 10.0, (5.0, 50.0), "modelled, package, tdp_x_time")


def test_a_field_is_26_by_33_mm_and_takes_its_area_over_the_rate() -> None:
    assert pytest.approx(8.58e8) == FIELD_UM2
    assert hours(FIELD_UM2, GPU) == pytest.approx(8.58e5 / 3600)
    # 1,000 um2/s on 30 GPUs correct a field in eight hours
    assert hours(FIELD_UM2, GPU, 30) == pytest.approx(7.94, abs=0.01)


@pytest.mark.parametrize("times", [2, 3.5, 80])
def test_hours_and_energy_are_linear_in_area_and_hours_inverse_in_devices(times: float) -> None:
    assert hours(times * FIELD_UM2, GPU) == pytest.approx(times * hours(FIELD_UM2, GPU))
    assert hours(FIELD_UM2, GPU, times) == pytest.approx(hours(FIELD_UM2, GPU) / times)
    one, many = kwh(FIELD_UM2, CPU), kwh(times * FIELD_UM2, CPU)
    assert one is not None and many is not None
    assert many == (pytest.approx(times * one[0]), pytest.approx(times * one[1]))


def test_energy_of_an_area_is_power_times_time_whatever_the_number_of_devices() -> None:
    watts = 0.7 * GPU.um2_per_s
    assert kwh(FIELD_UM2, GPU) == (pytest.approx(watts * hours(FIELD_UM2, GPU) / 1000),) * 2
    assert kwh(FIELD_UM2, Rate("GPU", 5.0)) is None


@pytest.mark.parametrize("night", [1.0, 8.0, 12.0, 1e6])
def test_devices_for_a_night_are_the_fewest_that_finish(night: float) -> None:
    area = LAYERS * FIELD_UM2
    count = devices_for(area, GPU, night)
    assert hours(area, GPU, count) <= night * (1 + 1e-9)
    assert count == 1 or hours(area, GPU, count - 1) > night


def test_exactly_enough_devices_are_enough() -> None:
    assert devices_for(3600.0 * 70, Rate("x", 10.0), 1.0) == 7


def test_a_gpu_replaces_the_ratio_of_the_rates() -> None:
    assert replaced(GPU, CPU) == pytest.approx(100.0)
    found = projection([CPU, GPU], 30, "CPU", "GPU")
    assert found["cpus_one_gpu_replaces"] == pytest.approx(100.0)
    assert found["label"] == "projection" and "hours = area / (rate x devices)" in found["formula"]
    cpu, gpu = found["rows"]
    assert cpu["field_hours"] / gpu["field_hours"] == pytest.approx(100.0)
    assert gpu["mask_set_hours"] == pytest.approx(LAYERS * gpu["field_hours"])
    assert cpu["energy"].startswith("modelled") and cpu["field_kwh"][1] == pytest.approx(10 * cpu["field_kwh"][0])
    assert found["gpus_for_a_mask_set_overnight"] == math.ceil(hours(LAYERS * FIELD_UM2, GPU) / found["night_hours"])


def test_without_a_gpu_nothing_is_said_of_one() -> None:
    found = projection([CPU], 1, "CPU", None)
    assert "cpus_one_gpu_replaces" not in found and len(found["rows"]) == 1


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_rates_are_positive_numbers(rate: float) -> None:
    with pytest.raises(ValueError, match="`um2_per_s` must be a positive rate"):
        Rate("x", rate)


def test_no_devices_and_no_hours_are_refused() -> None:
    with pytest.raises(ValueError, match="`devices` must be over 0, but got 0"):
        hours(1.0, GPU, 0)
    with pytest.raises(ValueError, match="`within_hours` must be over 0, but got 0"):
        devices_for(1.0, GPU, 0)
