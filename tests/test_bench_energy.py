"""Energy by simulated counters: a powercap tree and an NVML that behave, wrap, refuse and disappear."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from litho.benchmark import energy_rounds
from litho.benchmark.energy import (
    LEAST_WINDOW_S,
    Energy,
    added,
    check_window,
    energy_ratio,
    idle_watts,
    measured,
    modelled,
    unavailable,
)
from litho.benchmark.energy_rounds import EnergyMeters, Tdp, energy_meters
from litho.benchmark.nvml import BoardCounter, board_counter
from litho.benchmark.rapl import CounterError, rapl_counter

RANGE_UJ = 262_143_328_850


def domain(root: Path, folder: str, name: str, energy_uj: int, range_uj: int = RANGE_UJ) -> Path:
    """Write one domain of a powercap tree and return the file of its counter."""
    (root / folder).mkdir()
    (root / folder / "name").write_text(name + "\n")
    (root / folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    (root / folder / "energy_uj").write_text(f"{energy_uj}\n")
    return root / folder / "energy_uj"


def server(root: Path) -> dict[str, Path]:
    """Two sockets with memory, and what must not be counted: cores, the platform, a second driver's view."""
    files = {
        "package-0": domain(root, "intel-rapl:0", "package-0", 1_000_000),
        "dram-0": domain(root, "intel-rapl:0:1", "dram", 500_000),
        "package-1": domain(root, "intel-rapl:1", "package-1", 2_000_000),
        "dram-1": domain(root, "intel-rapl:1:0", "dram", 0),
    }
    domain(root, "intel-rapl:0:0", "core", 7)
    domain(root, "intel-rapl:2", "psys", 7)
    domain(root, "intel-rapl-mmio:0", "package-0", 7)
    return files


def add(file: Path, uj: int) -> None:
    file.write_text(f"{int(file.read_text()) + uj}\n")


def test_packages_and_memory_of_all_sockets_count_once_and_nothing_else_does(tmp_path: Path) -> None:
    files = server(tmp_path)
    counter = rapl_counter(tmp_path)
    assert counter.scope == "package+dram" and len(counter.domains) == 4
    before = counter.read()
    for file, uj in zip(files.values(), (3_000_000, 400_000, 2_000_000, 100_000), strict=True):
        add(file, uj)
    add(tmp_path / "intel-rapl-mmio:0" / "energy_uj", 10**9)
    assert counter.joules(before, counter.read()) == pytest.approx(5.5)


def test_a_counter_that_passes_its_end_goes_on_from_zero(tmp_path: Path) -> None:
    file = domain(tmp_path, "intel-rapl:0", "package-0", RANGE_UJ - 1_500_000)
    counter = rapl_counter(tmp_path)
    before = counter.read()
    file.write_text("2500000\n")
    assert counter.joules(before, counter.read()) == pytest.approx(4.0)
    assert counter.scope == "package"


def test_a_window_in_which_the_counter_could_pass_its_end_twice_is_refused(tmp_path: Path) -> None:
    domain(tmp_path, "intel-rapl:0", "package-0", 0, range_uj=60_000_000_000)
    counter = rapl_counter(tmp_path)
    assert counter.longest_window_s == pytest.approx(30.0)
    check_window(counter, 30.0)
    with pytest.raises(ValueError, match="`window_s` must be 5 to 30 s, but got 31"):
        check_window(counter, 31.0)
    assert measured(counter, lambda seconds: (1, 31.0), None).quality == "unavailable"


def test_a_counter_without_permission_is_named_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, read = domain(tmp_path, "intel-rapl:0", "package-0", 0), Path.read_text

    def forbidden(self: Path, *given: Any, **named: Any) -> str:
        if self == file:
            raise PermissionError(13, "Permission denied", str(file))
        return read(self, *given, **named)

    monkeypatch.setattr(Path, "read_text", forbidden)  # the mode of a file does not stop root
    with pytest.raises(CounterError) as found:
        rapl_counter(tmp_path)
    assert str(found.value).startswith(f"{file} cannot be read: permission denied")


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CounterError, match="holds no package"):
            rapl_counter(root)
    (domain(tmp_path, "intel-rapl:0", "package-0", 0)).unlink()
    with pytest.raises(CounterError, match=r"energy_uj cannot be read: .*No such file"):
        rapl_counter(tmp_path)


class NVMLError(Exception):
    """As in pynvml: the base of classes that are named after the error."""


def nvml_error(name: str) -> NVMLError:
    return type(f"NVMLError_{name}", (NVMLError,), {})("as the driver says it")


class FakeNvml:
    """A driver with one board of 60 W idle; `fails` maps a function to the error that it raises."""

    NVMLError = NVMLError

    def __init__(self, **fails: str) -> None:
        self.fails, self.millijoules, self.asked_for = fails, 5_000_000, ""

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any) -> Any:
            if name in self.fails:
                raise nvml_error(self.fails[name])
            if name == "nvmlDeviceGetHandleByPciBusId":
                self.asked_for = given[0]
            known = {
                "nvmlDeviceGetTotalEnergyConsumption": self.millijoules,
                "nvmlDeviceGetName": b"NVIDIA Test",
                "nvmlSystemGetDriverVersion": "999.1",
                "nvmlDeviceGetClockInfo": 1980,
                "nvmlDeviceGetMaxClockInfo": 1980,
                "nvmlDeviceGetPowerManagementLimit": 700_000,
                "nvmlDeviceGetTemperature": 40,
                "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=2**30),
            }
            return known.get(name)

        return call


def test_the_board_counts_millijoules_and_says_what_it_is() -> None:
    nvml = FakeNvml()
    counter = board_counter("0000:81:00.0", nvml)
    before = counter.read()
    nvml.millijoules += 3_500
    assert counter.joules(before, counter.read()) == pytest.approx(3.5)
    assert nvml.asked_for == "0000:81:00.0" and counter.scope == "board"
    figures = counter.figures()
    assert (figures["driver"], figures["sm_clock_mhz"], figures["power_limit_w"]) == ("999.1", 1980, 700.0)


@pytest.mark.parametrize(
    ("function", "error", "told"),
    [
        ("nvmlInit", "LibraryNotFound", "no NVIDIA driver is installed"),
        ("nvmlInit", "DriverNotLoaded", "driver is not loaded"),
        ("nvmlDeviceGetTotalEnergyConsumption", "NoPermission", "permission denied"),
        ("nvmlDeviceGetTotalEnergyConsumption", "NotSupported", "before Volta"),
        ("nvmlDeviceGetHandleByIndex", "GpuIsLost", "the GPU is lost"),
        ("nvmlDeviceGetHandleByIndex", "Unheard", "as the driver says it"),
    ],
)
def test_a_board_that_cannot_be_counted_says_why(function: str, error: str, told: str) -> None:
    with pytest.raises(CounterError, match=told):
        board_counter(None, FakeNvml(**{function: error}))


def test_a_board_that_is_lost_in_a_window_leaves_no_value_but_its_reason() -> None:
    nvml = FakeNvml()
    meters = EnergyMeters("no counter", board_counter(None, nvml))

    def repeat(seconds: float) -> tuple[int, float]:
        nvml.fails["nvmlDeviceGetTotalEnergyConsumption"] = "GpuIsLost"
        return 3, seconds

    found = meters._counted(meters.gpu, "board", repeat, LEAST_WINDOW_S)
    assert found.quality == "unavailable" and "the GPU is lost" in found.note
    assert found.as_dict(1.0)["joules"] is None


def test_a_driver_that_was_loaded_anew_is_noticed() -> None:
    counter = board_counter(None, FakeNvml())
    with pytest.raises(CounterError, match="loaded anew"):
        counter.joules(10, 5)


def test_what_the_driver_hides_is_not_invented() -> None:
    counter = board_counter(None, FakeNvml(nvmlDeviceGetClockInfo="NoPermission"))
    assert isinstance(counter, BoardCounter)
    assert counter.figures()["sm_clock_mhz"] is None and counter.figures()["temperature_c"] == 40


class Steady:
    """A counter of constant power under work, and of another while idle."""

    method, scope, longest_window_s = "rapl", "package", 1e9

    def __init__(self) -> None:
        self.value = 0.0

    def read(self) -> float:
        """Return joules."""
        return self.value

    def joules(self, before: float, after: float) -> float:
        """Return their difference."""
        return after - before

    def lasts(self, seconds: float, watts: float) -> None:
        """Let time pass at a power."""
        self.value += seconds * watts


def test_energy_of_a_call_is_the_windows_energy_over_its_calls_and_idle_stands_beside_it() -> None:
    counter = Steady()
    idle = idle_watts(counter, 5.0, sleep=lambda seconds: counter.lasts(seconds, 60.0))
    assert idle == pytest.approx(60.0, rel=1e-3)

    def repeat(seconds: float) -> tuple[int, float]:
        counter.lasts(6.0, 300.0)
        return 200, 6.0

    found = measured(counter, repeat, 60.0)
    assert found.low_j == found.high_j == pytest.approx(9.0)
    assert found.idle_j == pytest.approx(1.8) and found.net_j == pytest.approx(7.2)
    assert found.label == "measured, package, rapl"
    shown = found.as_dict(area_um2=4.5)
    assert shown["j_per_um2"] == pytest.approx(2.0)
    assert shown["um2_per_s_per_mw"] == pytest.approx(0.5e6)  # um2 per J is um2/s per W


def test_windows_are_at_least_five_seconds() -> None:
    with pytest.raises(ValueError, match="`window_s` must be 5 to"):
        measured(Steady(), lambda seconds: (1, seconds), None, window_s=4.9)


def test_a_model_is_an_interval_with_its_source_and_is_never_called_measured() -> None:
    found = modelled(2.0, 350.0, "a datasheet", idle_share=0.2)
    assert (found.low_j, found.high_j) == (pytest.approx(140.0), pytest.approx(700.0))
    assert found.quality == "modelled" and "350 W (a datasheet)" in found.note and found.net_j is None
    assert found.as_dict(2.0)["j_per_um2"] == [pytest.approx(70.0), pytest.approx(350.0)]
    assert found.as_dict(2.0)["um2_per_s_per_mw"] == [pytest.approx(1e6 / 350), pytest.approx(1e6 / 70)]
    with pytest.raises(ValueError, match="measured value must be one number"):
        Energy(1.0, 2.0, "package", "rapl", "measured", "")
    with pytest.raises(ValueError, match="`low_j` and `high_j` must both be given"):
        Energy(None, None, "package", "rapl", "measured", "")


@pytest.mark.parametrize(("watts", "source", "share"), [(0.0, "x", 0.1), (float("nan"), "x", 0.1), (9.0, " ", 0.1)])
def test_a_tdp_counts_only_as_a_power_with_a_source(watts: float, source: str, share: float) -> None:
    with pytest.raises(ValueError, match=r"`(tdp_w|source)` must"):
        Tdp(watts, source, share)


def test_a_ratio_carries_both_labels_and_widens_by_both_intervals() -> None:
    cpu = modelled(10.0, 100.0, "a datasheet", idle_share=0.1)
    gpu = Energy(4.0, 4.0, "board", "nvml_total_energy", "measured", "")
    found = energy_ratio(cpu, gpu)
    assert found is not None
    assert (found["low"], found["high"]) == (pytest.approx(25.0), pytest.approx(250.0))
    assert found["cpu"] == "modelled, package, tdp_x_time" and found["gpu"] == "measured, board, nvml_total_energy"
    assert energy_ratio(cpu, unavailable("board", "no")) is None
    both = added(gpu, cpu)
    assert both.quality == "modelled" and (both.low_j, both.high_j) == (104.0, 1004.0)
    assert added(gpu, unavailable("package", "no counter")).note == "no counter"


def test_meters_of_a_machine_without_counters_say_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy_rounds, "rapl_counter", lambda: rapl_counter(tmp_path))
    bare, with_tdp = energy_meters(False), energy_meters(False, Tdp(300.0, "a datasheet"))
    assert "give --cpu-tdp-w and --tdp-source" in bare.missing()[0]
    assert "modelled from a TDP" in with_tdp.missing()[0]
    assert with_tdp.as_dict()["tdp"] == {"watts": 300.0, "source": "a datasheet", "idle_share": 0.1}
    assert with_tdp._host(lambda s: (1, s), 2.0, None).high_j == pytest.approx(600.0)
    assert bare._host(lambda s: (1, s), 2.0, None).quality == "unavailable"
