"""The benchmark of speed: everybody agrees before anybody is timed, and nothing finished is lost."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from litho import bench
from litho.benchmark import command, machine, rounds, speed
from litho.benchmark.agreement import compared
from litho.benchmark.cases import Case, kernels
from litho.benchmark.energy import Energy
from litho.benchmark.energy_rounds import EnergyMeters
from litho.benchmark.fft_libraries import fft_library, installed
from litho.benchmark.opponents import Opponent, in_double, prepare, takes_part
from litho.benchmark.record import problems, write_record
from litho.benchmark.rounds import Effort
from litho.benchmark.speed import Plan, SpeedRun, all_opponents
from litho.benchmark.tables import show_record
from litho.benchmark.timing import measure_for
from litho.benchmark.workers import Worker, WorkerError, environment_of

FULL, OURS = Opponent("full grid", "cpu", 1, "scipy"), Opponent("litho", "cpu", 1, "scipy")
GPU = Opponent("litho", "gpu", 1, "cufft")
NO_METERS = EnergyMeters("no counter", "no GPU takes part")
FAST = Effort(seconds=0.02, most=3, steps=2)

STANDS_IN = """
import os, sys
from dataclasses import replace
import numpy as np
import litho.benchmark.worker as worker
how, flag = sys.argv[1:3]

class StandIn(worker.Server):
    def __init__(self, opponent):
        self.gpu = opponent.device == "gpu"
        super().__init__(replace(opponent, device="cpu", fft="scipy") if self.gpu else opponent)
        if self.gpu and how == "lost" and os.path.exists(flag):
            self.fail("cupy_backends.cuda.api.runtime.CUDARuntimeError: cudaErrorNoDevice: no CUDA-capable device")
    def fail(self, text):
        sys.exit(text)
    def memory(self, case, scene):
        found = super().memory(case, scene)
        if self.gpu and how == "full":
            found |= {"fits": False, "needed_bytes": 3 * 2**30, "free_bytes": 2**30, "total_bytes": 80 * 2**30}
        return found
    def open(self, case, scene, steps):
        if self.gpu and how == "lost" and case["size_nm"] > 256:
            open(flag, "w").close()
            self.fail("cupy_backends.cuda.api.runtime.CUDARuntimeError: cudaErrorLaunchFailure: launch failure")
        return super().open(case, scene, steps)
    def close(self):
        if self.gpu and how == "late":
            self.fail("cupy_backends.cuda.api.runtime.CUDARuntimeError: cudaErrorUnknown: unknown error")
        return super().close()
    def result(self, file):
        found = super().result(file)
        if self.gpu and how == "wrong":
            np.save(file, np.load(file) + np.float32(1e-5))
        return found

worker.Server = StandIn
worker.main()
"""


def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: tuple[Case, ...], who: tuple[Opponent, ...], how: str = ""
) -> dict[str, Any]:
    """Run the benchmark with a process that stands in for a GPU's, and return the record that it left in a file."""
    monkeypatch.setattr(speed, "machine_record", lambda gpu, figures: {"gpu": None})
    monkeypatch.setattr(SpeedRun, "_of_devices", lambda self, what: [])
    monkeypatch.setattr(SpeedRun, "_of_steps", lambda self: [])
    if FULL not in who:  # nobody to compare with: no process for the double precision either
        monkeypatch.setattr(SpeedRun, "_start_double", lambda self: None)
    script, file = tmp_path / "stand_in.py", tmp_path / "speed.json"
    script.write_text(STANDS_IN)
    plan = Plan(cases, who, FAST, command=(sys.executable, str(script), how, str(tmp_path / "flag")))
    saved: list[str] = []

    def save(record: dict[str, Any]) -> None:
        write_record(record, file)
        saved.append(file.read_text())

    with SpeedRun(plan, tmp_path, NO_METERS, save, lambda text: None) as measuring:
        measuring.run()
    for text in saved:  # valid at every moment
        json.loads(text)
    found: dict[str, Any] = json.loads(saved[-1])
    return found


def test_every_transform_that_is_installed_keeps_single_precision_and_agrees(tmp_path: Path) -> None:
    case = Case("image", 256)
    scene = tmp_path / "scene.npz"
    speed.write_scene(256, scene)
    reference = in_double(case, kernels(256))
    for fft in installed():  # each in a process of its own, as one process can hold one of them
        with Worker(replace(OURS, fft=fft)) as worker:
            worker.ask("open", case=asdict(case), scene=str(scene), steps=None)
            worker.ask("result", file=str(tmp_path / "found.npy"))
        found = np.load(tmp_path / "found.npy")
        assert found.dtype == np.float32 and compared(case, reference, found).holds, fft


def test_transforms_that_are_not_installed_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`fft` must be one of the installed scipy.*, but got 'accelerate'"):
        with fft_library("accelerate"):
            pass


def test_a_batch_on_two_processes_is_the_same_bits_as_clip_by_clip(tmp_path: Path) -> None:
    case, scene = Case("gradient", 256, 3), tmp_path / "scene.npz"
    speed.write_scene(256, scene)
    with Worker(Opponent("litho", "cpu", 2, "scipy")) as worker:
        assert worker.ask("open", case=asdict(case), scene=str(scene), steps=None)["processes"] == 2
        worker.ask("result", file=str(tmp_path / "found.npy"))
        assert worker.ask("time", seconds=0.01, least=2, most=2)["cpu_s"] is None
    expected = prepare(case, OURS, kernels(256)).result()
    assert np.array_equal(np.load(tmp_path / "found.npy"), expected)


def test_each_process_has_its_threads_from_the_start() -> None:
    found = environment_of(Opponent("litho", "cpu", 7, "scipy"))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    assert {found[name] for name in names} == {"7"} and found["KMP_BLOCKTIME"] == "0"
    assert {o.threads for o in all_opponents(16, gpu=True) if o.device == "cpu"} == {1, 16}
    on_gpu = [o for o in all_opponents(1, gpu=True) if o.device == "gpu"]
    assert [o.name for o in on_gpu] == ["full grid, GPU", "litho, GPU", "litho, GPU, graph"]
    assert [takes_part(Case(kind, 512), on_gpu[2]) for kind in ("image", "gradient", "ilt")] == [False, False, True]


def test_a_process_that_ends_says_why_and_the_next_question_starts_another(tmp_path: Path) -> None:
    with Worker(OURS) as worker:
        with pytest.raises(WorkerError, match="process ended with code 1: ValueError: `kind` must be") as found:
            worker.ask("memory", case={"kind": "film", "size_nm": 256}, scene="")
        assert found.value.kind == "failed"
        speed.write_scene(256, tmp_path / "scene.npz")
        assert worker.ask("memory", case=asdict(Case("image", 256)), scene=str(tmp_path / "scene.npz"))["fits"]
    killed = Worker(OURS, (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(WorkerError, match="killed from outside") as found:
        killed.ask("ceilings")
    assert found.value.kind == "memory"


def test_corrections_take_the_transforms_that_were_fastest_in_the_gradient_most_like_them(tmp_path: Path) -> None:
    """A batch goes by a batch, and where there was none by a single clip; the field nearest in size counts."""
    ours = {fft: Opponent("litho", "cpu", 2, fft) for fft in ("scipy", "mkl")}

    def timed(case: Case, **seconds: float) -> rounds.Round:
        done = rounds.Round(case, {o: Worker(o) for o in ours.values()}, tmp_path, FAST)
        for fft, opponent in ours.items():
            done.results[opponent] |= {"status": "timed", "timing": {"median_s": seconds[fft]}}
        return done

    small = timed(Case("gradient", 256), scipy=1.0, mkl=2.0)
    large = timed(Case("gradient", 1024), scipy=2.0, mkl=1.0)
    batch = timed(Case("gradient", 512, 4), scipy=1.0, mkl=2.0)
    image = timed(Case("image", 1024), scipy=1.0, mkl=2.0)
    found = [small, large, batch, image]
    assert rounds.strongest_fft([image], 2, Case("ilt", 1024)) is None
    assert rounds.strongest_fft(found, 2, Case("ilt", 2048)) == "mkl"
    assert rounds.strongest_fft(found, 2, Case("ilt", 272)) == "scipy"
    assert rounds.strongest_fft(found, 2, Case("ilt", 1024, 4)) == "scipy"
    assert rounds.strongest_fft([small, large, image], 2, Case("ilt", 1024, 4)) == "mkl"
    assert rounds.strongest_fft([small, large], 1, Case("ilt", 1024)) is None


def test_a_device_that_is_lost_once_a_case_is_done_takes_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = run(tmp_path, monkeypatch, (Case("image", 256),), (GPU,), "late")
    (result,) = record["cases"][0]["results"]
    assert result["status"] == "timed" and result["timing"]["median_s"] > 0
    assert record["cases"][0]["failed"] is None


def test_a_lost_device_keeps_what_was_finished_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = (Case("image", 256), Case("image", 272), Case("image", 288))
    record = run(tmp_path, monkeypatch, cases, (FULL, GPU), "lost")
    first, second, third = record["cases"]
    assert [r["status"] for r in first["results"]] == ["timed", "timed"]
    assert [r["status"] for r in second["results"]] == ["timed", "failed"]
    assert "cudaErrorLaunchFailure" in second["results"][1]["reason"]
    assert [r["opponent"] for r in third["results"]] == [FULL.name]
    (lost,) = (text for text in record["missing"] if text.startswith("The GPU was lost in image 272 nm"))
    assert "finished cases are kept" in lost and record["complete"]


def test_opponents_that_disagree_fail_the_case_loudly_and_are_not_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = run(tmp_path, monkeypatch, (Case("image", 256),), (FULL, GPU), "wrong")
    (case,) = record["cases"]
    assert [r["status"] for r in case["results"]] == ["not timed", "disagrees"]
    assert case["failed"].startswith("image 256 nm: results must agree to 2e-06, but litho, GPU is off by")
    assert "timing" not in case["results"][0]
    assert list(problems(record)) == [case["failed"] + "."]
    record["machine"] = {"cpu": "a CPU", "cores": 1, "load_average": [0.0], "gpu": None, "gpu_problem": "none"}
    show_record(record)
    assert case["failed"] in capsys.readouterr().out and case["reference"] == "full grid in double precision"


def test_a_gpu_that_others_filled_refuses_with_the_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = run(tmp_path, monkeypatch, (Case("image", 256),), (GPU,), "full")
    (refused,) = record["cases"][0]["results"]
    assert refused["status"] == "refused"
    assert refused["reason"] == (
        "image 256 nm needs about 3.00 GiB, but 1.00 GiB are free of the GPU's 80.0 GiB: 79.0 GiB are in use"
    )


def test_energy_of_what_was_timed_is_measured_for_the_fastest_and_its_ratio_is_labelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counter:
        longest_window_s, method = 1e9, "simulated"

        def __init__(self, scope: str) -> None:
            self.scope, self.joules_shown = scope, 0.0

        def read(self) -> float:
            self.joules_shown += 10.0
            return self.joules_shown

        def joules(self, before: float, after: float) -> float:
            return after - before

    speed.write_scene(256, tmp_path / "scene_256.npz")
    monkeypatch.setattr(rounds.Round, "repeat", lambda self, opponent, seconds: (5, seconds))
    case = Case("image", 256)
    done = rounds.Round(case, {o: Worker(o) for o in (OURS, GPU)}, tmp_path, FAST)
    for seconds, (opponent, result) in zip((0.4, 0.1), done.results.items(), strict=True):
        result |= {"status": "timed", "timing": {"median_s": seconds}, "opponent": opponent.name}
    meters = EnergyMeters(Counter("package"), Counter("board"), idle_w={"board": 1.0})
    meters.take(done, 5.0)
    ours, gpu = (done.results[o]["energy"] for o in (OURS, GPU))
    assert [value["joules"] for value in ours] == [pytest.approx(2.0)]
    assert [value["scope"] for value in gpu] == ["board", "package", "board+package"]
    assert gpu[0]["net_joules"] == pytest.approx(2.0 - 1.0) and gpu[2]["joules"] == pytest.approx(4.0)
    ratio = done.results[GPU]["energy_ratio"]
    assert ratio["low"] == pytest.approx(0.5) and ratio["cpu"].startswith("measured, package")
    assert ratio["gpu"].startswith("measured, board+package")
    assert isinstance(Energy(1.0, 1.0, "board", "x", "measured", "").as_dict(1.0)["joules"], float)


@pytest.mark.parametrize(
    ("driver", "runtime", "told"),
    [
        (0, 12090, "no NVIDIA driver is loaded"),
        (11040, 12090, "the driver is too old: it serves CUDA 11.4, but CuPy was built for 12.9"),
        (12040, 12090, "CuPy is installed but finds no CUDA device"),
    ],
)
def test_no_driver_an_old_one_and_no_device_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, driver: int, runtime: int, told: str
) -> None:
    asked = SimpleNamespace(driverGetVersion=lambda: driver, runtimeGetVersion=lambda: runtime)
    cupy = SimpleNamespace(is_available=lambda: False, cuda=SimpleNamespace(runtime=asked))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert (machine.gpu_state() or "").startswith(told)


def test_a_timer_makes_at_least_the_calls_that_were_asked_for() -> None:
    calls: list[int] = []

    def work() -> Any:
        calls.append(1)
        return np.zeros(1)

    assert measure_for(work, 0.0, 3, 9).repeats == len(calls) == 3
    with pytest.raises(ValueError, match="`least` must be at least 2"):
        measure_for(work, 0.0, 1, 9)


def test_the_command_leaves_a_record_tables_and_plots_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "all_opponents", lambda cores, gpu: (FULL, OURS))
    monkeypatch.setattr(command, "quick_cases", lambda: (Case("image", 256), Case("gradient", 256), Case("ilt", 256)))
    monkeypatch.setattr(command, "QUICK", FAST)
    monkeypatch.setattr(command, "energy_meters", lambda gpu, tdp: replace_cpu(tdp))
    ceilings = {"copy_bytes_per_s": 1e10, "triad_bytes_per_s": 1e10, "matmul_flops_per_s": 1e11}
    monkeypatch.setattr(SpeedRun, "_of_devices", lambda self, what: [{"opponent": OURS.name, **ceilings}])
    given = ["--device", "cpu", "--out", str(tmp_path), "--cpu-tdp-w", "100", "--tdp-source", "a datasheet"]
    done = CliRunner().invoke(bench.bench_app, ["speed", *given])
    assert done.exit_code == 0, done.output
    for name in ("speed.json", "time.png", "speedup.png", "energy.png", "roofline.png"):
        assert (tmp_path / name).stat().st_size > 1000
    record = json.loads((tmp_path / "speed.json").read_text())
    assert record["complete"] and record["schema"] == speed.SCHEMA and record["machine"]["commit"]
    image, gradient, correction = record["cases"]
    for case in record["cases"]:
        assert {r["status"] for r in case["results"]} == {"timed"} and case["failed"] is None
        assert all(r["timing"]["low_s"] <= r["timing"]["median_s"] <= r["timing"]["high_s"] for r in case["results"])
        assert all(r["agreement"]["holds"] and r["same_bits"] for r in case["results"])
    assert image["reference"] == gradient["reference"] == "full grid in double precision"
    assert correction["results"][1]["l2_plus_pvb_nm2"] > 0
    energy = image["results"][1]["energy"][0]
    median = image["results"][1]["timing"]["median_s"]
    assert energy["quality"] == "modelled" and energy["joules"] == [pytest.approx(m * median) for m in (10, 100)]
    assert record["projection"]["rows"][0]["energy"].startswith("modelled")
    assert "Missing: No GPU takes part" in done.output and "Projection, not a measurement" in done.output
    assert "a datasheet" in done.output and "measured, package" not in done.output
    page = (Path(__file__).resolve().parents[1] / "docs" / "howto" / "bench.md").read_text(encoding="utf-8")
    documented = [record, image, image["results"][1], record["energy_counters"], record["projection"], energy]
    assert {key for found in documented for key in found if f"`{key}`" not in page} == set()


def replace_cpu(tdp: Any) -> EnergyMeters:
    """Return the meters of a machine without counters."""
    return EnergyMeters("no counter", "no GPU takes part", tdp)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--cpu-tdp-w", "350"], "`cpu_tdp_w` and `tdp_source` must be given together"),
        (["--tdp-source", "a datasheet"], "`cpu_tdp_w` and `tdp_source` must be given together"),
        (["--cpu-tdp-w", "-3", "--tdp-source", "x"], "`tdp_w` must be a positive number of watts, but got -3.0."),
        (["--only", "film"], "`only` must be of image, gradient, ilt, but got 'film'."),
        (["--largest-nm", "100"], "`largest_nm` must leave a case, but got 100."),
        (["--devices", "0"], "`devices` must be at least 1, but got 0."),
        (["--device", "tpu"], "`device` must be 'auto', 'cpu' or 'gpu', but got 'tpu'."),
        (["--out", "/dev/null/x"], "`out` must be a folder"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_sentence(given: list[str], told: str) -> None:
    done = CliRunner().invoke(bench.bench_app, ["speed", *given])
    assert done.exit_code == 2 and done.stderr.startswith(f"litho: {told}") and done.stderr.count("\n") == 1


@pytest.mark.skipif(machine.gpu_state() is None, reason="a GPU is there")
def test_a_gpu_that_is_asked_for_and_not_there_is_refused_with_the_reason() -> None:
    done = CliRunner().invoke(bench.bench_app, ["speed", "--device", "gpu"])
    assert done.exit_code == 2
    assert done.stderr == f"litho: `device` must name a device that is there, but got 'gpu': {machine.gpu_state()}.\n"
