"""Files that were changed at random: each is read or refused in one sentence, and nothing else happens.

The campaign that looks longer and deeper is `tests/fuzz/readers.py`; what it found that was worth keeping lies in
`tests/corpus/`, and is read here whole.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent / "fuzz"))

from mutations import LONGEST, mutated
from readers import CORPUS, READERS, limited, outcome
from seeds import seeds

from litho.io import streams

KEPT = sorted(p for p in CORPUS.rglob("*") if p.is_file() and p.name != "README.md")
QUIET = {"deadline": None, "derandomize": True, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
CHEAP = ("glp", "toml", "txt", "png", "npz", "mask")
"""Kinds that are read in this process."""

STARTED = ("gds", "oas", "gz")
"""Kinds for which a process is started."""


def read(kind: str, data: bytes, folder: Path) -> str:
    """Return how a file was refused, or what it is like, within limits."""
    path = folder / READERS[kind][2]
    path.write_bytes(data)
    with limited():
        found = outcome(kind, path)
    path.unlink()
    assert list(folder.iterdir()) == []
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("kind", CHEAP)
@settings(max_examples=40, **QUIET)  # type: ignore[arg-type]
@given(number=st.integers(0, 2**32))
def test_a_changed_file_is_read_or_refused_in_one_sentence(kind: str, folder: Path, number: int) -> None:
    pool = seeds(kind)
    rng = random.Random(number)
    assert read(kind, mutated(rng.choice(pool), kind, pool, rng), folder)


@pytest.mark.parametrize("kind", STARTED)
@settings(max_examples=3, **QUIET)  # type: ignore[arg-type]
@given(number=st.integers(0, 2**32))
def test_a_changed_layout_is_read_or_refused_in_one_sentence(kind: str, folder: Path, number: int) -> None:
    pool = seeds(kind)
    rng = random.Random(number)
    assert read(kind, mutated(rng.choice(pool), kind, pool, rng), folder)


@pytest.mark.parametrize("kind", READERS)
def test_what_changes_start_from_is_read(kind: str, folder: Path) -> None:
    for data in seeds(kind):
        assert read(kind, data, folder).startswith("read"), kind


@pytest.mark.parametrize("path", KEPT, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_what_once_broke_a_reader_breaks_it_no_more(path: Path, folder: Path) -> None:
    assert read(path.parent.name, path.read_bytes(), folder)


@given(data=st.binary(max_size=200), kind=st.sampled_from(sorted(CHEAP)))
@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_noise_is_refused(data: bytes, kind: str, folder: Path) -> None:
    assert read(kind, data, folder)


def test_the_corpus_is_small() -> None:
    assert sum(p.stat().st_size for p in CORPUS.rglob("*") if p.is_file()) < 100_000
    assert {p.parent.name for p in KEPT} <= set(READERS)


@pytest.mark.parametrize("kind", READERS)
def test_changes_change_and_stay_small(kind: str) -> None:
    pool, rng = seeds(kind), random.Random(0)
    made = [mutated(pool[0], kind, pool, rng) for _ in range(30)]
    assert sum(data != pool[0] for data in made) > 20
    assert max(map(len, made)) < 20 * LONGEST


def test_the_campaign_tells_what_broke(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own limits and its own checks: readers that raise, hang, say too much or leave files."""
    import readers

    def leave(path: Path) -> None:
        path.with_name("left").touch()

    def hang(path: Path) -> None:
        while True:
            pass

    def raises(error: BaseException) -> Any:
        def reader(path: Path) -> None:
            raise error

        return reader

    monkeypatch.setattr(readers, "SECONDS", 0.2)
    for reader, expected in (
        (raises(KeyError("x")), "finding: KeyError"),
        (raises(ValueError("two\nlines")), "finding: AssertionError"),
        (lambda path: np.float64(1) / np.float64(0), "finding: FloatingPointError"),
        (hang, "finding: TooSlow"),
        (leave, "finding: left"),
        (raises(ValueError("`x` must be y, but got z")), "`x` must be y"),
    ):
        monkeypatch.setitem(READERS, "txt", (reader, ValueError, "a.txt"))
        assert readers.one("txt", b"1 2 3", folder).startswith(expected)
        (folder / "left").unlink(missing_ok=True)
    assert streams._run is not readers.forked
