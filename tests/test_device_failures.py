"""Memory that runs out and GPUs that fail are told in one sentence; faults of the program keep their traceback."""

from __future__ import annotations

import pytest

from litho import cli
from litho.device_failures import failure_in, failure_of, sentence_of


class CUDARuntimeError(RuntimeError):
    """As CuPy names it."""


class OutOfMemoryError(MemoryError):
    """As CuPy names it."""


FAILURES = {
    "host": (MemoryError("Unable to allocate 2.00 GiB for an array"), "memory"),
    "pool": (OutOfMemoryError("Out of memory allocating 512 bytes (allocated so far: 0 bytes)."), "memory"),
    "runtime": (CUDARuntimeError("cudaErrorMemoryAllocation: out of memory"), "memory"),
    "plan": (RuntimeError("CUFFT_ALLOC_FAILED"), "memory"),
    "lost": (CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered"), "device"),
    "product": (RuntimeError("CUBLAS_STATUS_EXECUTION_FAILED"), "device"),
    "fault": (ZeroDivisionError("division by zero"), None),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_failed_is_known_by_its_words(name: str) -> None:
    error, kind = FAILURES[name]
    assert failure_of(error) == kind
    assert failure_in(f"{type(error).__name__}: {error}") == kind
    told = sentence_of(error)
    assert (told is None) == (kind is None)
    assert told is None or (str(error).rstrip(".") in told and told.endswith("what was finished before is kept."))


@pytest.mark.parametrize("name", [name for name in FAILURES if name != "fault"])
def test_the_command_line_says_in_one_line_what_failed(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error, kind = FAILURES[name]

    def fails() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1 and told.count("\n") == 1
    assert told.startswith("litho: memory ran out (" if kind == "memory" else "litho: the GPU failed (")


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(ZeroDivisionError):
        cli.main()
