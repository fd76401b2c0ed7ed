"""A campaign against everything that reads files of others: layouts, recipes, kernels, illuminators, given masks.

    nice -n 19 python tests/fuzz/readers.py --minutes 60 --findings /tmp/findings

Files of `tests/corpus/` and small ones made here are changed by `mutations.py`. A file whose refusal reads like none
before is changed further, so that the campaign works its way in. Each file must be read or refused in one sentence,
within `SECONDS` of processor time and `MEMORY_BYTES` above what the program takes anyway, and may leave nothing
behind. A file that does otherwise is written to the folder of findings, under the name of the place where it broke;
the exit status is then 1.

GDS and OASIS are read in a process of their own. Here that process is forked, not started, which is fifty times faster,
with the same limits; every `REAL`-th is started as in earnest.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import matplotlib.image  # noqa: F401 - that illuminators are read with; not in every batch anew
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mutations import mutated
from seeds import seeds

from litho.config import RecipeError, read_recipe
from litho.given_masks import _coverage_of_npz
from litho.grid import Grid
from litho.io import reader_process, streams
from litho.job import Clip
from litho.kernel_files import read_kernels
from litho.layout import LayoutError, read_layout
from litho.source_files import read_source

SECONDS = 10
MEMORY_BYTES = 2 * 2**30
BATCH = 200
REAL = 100
CORPUS = Path(__file__).resolve().parents[1] / "corpus"


_NUMBERS = re.compile(r"(?<=cell ).*|'[^']*'|\"[^\"]*\"|[-+]?[\d.,]+(e[-+]?\d+)?|nan|inf")


class TooSlow(BaseException):
    """A reader took longer than `SECONDS`."""


def layout(path: Path) -> str:
    """Read a layout, and look at parts of it; return what it is like."""
    found = read_layout(path, max_shapes=20_000)
    for layer in found.layers[:2]:
        x0, y0, x1, y1 = found.bounds_nm(layer)
        width, height = max(min(x1 - x0, 2000.0), 1.0), max(min(y1 - y0, 2000.0), 1.0)
        for x, y in ((x0, y0), ((x0 + x1) / 2, (y0 + y1) / 2)):
            found.window((x, y, x + width, y + height), layer)
    sizes = [found.shape_count(layer).bit_length() for layer in found.layers]
    return f"{len(found.hierarchy.cells)} cells {sizes[:4]}"


def given_mask(path: Path) -> None:
    """Read a mask of pixels."""
    _coverage_of_npz(path, Clip("clip", (), Grid((4, 4), (1.0, 1.0))))


def recipe(path: Path) -> None:
    """Read a recipe, and its own text again."""
    found = read_recipe(path.read_text(encoding="utf-8", errors="replace"))
    assert read_recipe(found.to_toml()) == found


READERS: dict[str, tuple[Callable[[Path], Any], type[ValueError], str]] = {
    "gds": (layout, LayoutError, "a.gds"),
    "oas": (layout, LayoutError, "a.oas"),
    "glp": (layout, LayoutError, "a.glp"),
    "gz": (layout, LayoutError, "a.gds.gz"),
    "toml": (recipe, RecipeError, "a.toml"),
    "npz": (lambda path: len(read_kernels(path)), ValueError, "a.npz"),
    "txt": (lambda path: len(read_source(path).shapes), ValueError, "a.txt"),
    "png": (lambda path: len(read_source(path).shapes), ValueError, "a.png"),
    "mask": (given_mask, ValueError, "mask.npz"),
}
"""Of each kind: how a file is read, what a refusal is, and the file's name."""


def outcome(kind: str, path: Path) -> str:
    """Read a file; return how it was refused, without the numbers in it, or "read" and what it is like."""
    read, refusal, _ = READERS[kind]
    try:
        with np.errstate(all="raise", under="ignore"):
            return f"read {read(path) or ''}"
    except refusal as error:
        text = str(error).replace(str(path), "")
        assert "Traceback" not in text and text.replace("\n", " " if kind == "toml" else "\n").isprintable(), repr(text)
        return _NUMBERS.sub("#", text)[:200]


def forked(path: Path, kind: str, output: Path) -> str:
    """Do what `streams._run` does, in a fork instead of a new process."""
    log = output.with_suffix(".log")
    child = os.fork()
    if child == 0:
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
        status = 1
        try:
            signal.setitimer(signal.ITIMER_PROF, 0)
            used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            seconds = streams.LEAST_SECONDS + round(streams.SECONDS_PER_BYTE * path.stat().st_size)
            reader_process.limit(used + streams.LEAST_BYTES, seconds)
            np.savez(output, **reader_process.arrays(*reader_process.read(kind, str(path))))
            status = 0
        except SystemExit as error:
            print(error, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except TooSlow:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    with log.open("rb") as stream:
        return streams._verdict(status, streams._complaints(stream, streams.LEAST_WORDS), seconds=0)


@contextmanager
def limited() -> Iterator[None]:
    """Raise `TooSlow` after `SECONDS` of processor time, or when nothing has come for far longer."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    signal.signal(signal.SIGPROF, stop)
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 30 * SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def one(kind: str, data: bytes, folder: Path) -> str:
    """Read one file; return its outcome, or "finding: ..." with the place where it broke."""
    path = folder / READERS[kind][2]
    path.write_bytes(data)
    try:
        with limited():
            result = outcome(kind, path)
    except (Exception, TooSlow) as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "/litho/" in f.filename]
        place = f"{Path(frames[-1].filename).name}:{frames[-1].name}" if frames else "elsewhere"
        return f"finding: {type(error).__name__} in {place}: {str(error)[:200]}"
    finally:
        path.unlink()
    left = [p.name for p in folder.iterdir()]
    return f"finding: left {left}" if left else result


def batch(kinds: list[str], pools: dict[str, list[bytes]], seed: int, folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """Yield kind, bytes and outcome of `BATCH` files, each noted in `folder`/last before it is read."""
    rng, started = random.Random(seed), streams._run
    inner = folder / "inner"
    inner.mkdir(exist_ok=True)
    for number in range(BATCH):
        kind = rng.choice(kinds)
        data = mutated(rng.choice(pools[kind]), kind, pools[kind], rng)
        (folder / "last").write_bytes(kind.encode() + b"\n" + data)
        streams._run = started if number % REAL == REAL - 1 else forked
        try:
            yield kind, data, one(kind, data, inner)
        finally:
            streams._run = started


def work(kinds: list[str], pools: dict[str, list[bytes]], seed: int, folder: Path) -> None:
    """Read a batch of files within limits, and leave in `folder` those with outcomes that are new in it."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    seen: set[str] = set()
    for kind, data, result in batch(kinds, pools, seed, folder):
        if result not in seen:
            seen.add(result)
            name = hashlib.sha256(data).hexdigest()[:12]
            (folder / f"new-{kind}-{name}").write_bytes(result.encode() + b"\n" + data)


def campaign(minutes: float, seed: int, findings: Path, kinds: list[str]) -> int:
    """Run batches, each in a process of its own, until time is up; return how many places broke."""
    pools = {kind: seeds(kind) + [p.read_bytes() for p in sorted(CORPUS.glob(f"{kind}/*"))] for kind in kinds}
    known: dict[str, set[str]] = {kind: set() for kind in kinds}
    found: Counter[str] = Counter()
    stop, number, last = time.monotonic() + 60 * minutes, 0, 0.0
    while time.monotonic() < stop:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            status = in_a_process(work, kinds, pools, seed + number, folder)
            if status:
                kind, data = (folder / "last").read_bytes().split(b"\n", 1)
                (folder / f"new-{kind.decode()}-crash").write_bytes(f"finding: exit status {status}\n".encode() + data)
            for file in sorted(folder.glob("new-*")):
                kind, (head, data) = file.name.split("-")[1], file.read_bytes().split(b"\n", 1)
                keep(kind, head.decode(errors="replace"), data, pools, known, found, findings)
        number += 1
        if time.monotonic() - last > 60:
            last = time.monotonic()
            sizes = {k: (len(known[k]), len(pools[k])) for k in kinds}
            print(f"{time.strftime('%H:%M:%S')} {number * BATCH} files, outcomes and pool {sizes}", flush=True)
    for place, count in found.most_common():
        print(count, place)
    return len(found)


def keep(
    kind: str,
    result: str,
    data: bytes,
    pools: dict[str, list[bytes]],
    known: dict[str, set[str]],
    found: Counter[str],
    findings: Path,
) -> None:
    """Take a file with a new outcome into the pool of its kind, and write a finding down."""
    if result.startswith("finding"):
        place = result.split(": ")[1] if ": " in result else result
        found[place] += 1
        if found[place] <= 3:
            findings.mkdir(parents=True, exist_ok=True)
            stem = re.sub(r"\W+", "_", place)[:60]
            (findings / f"{stem}.{found[place]}.{kind}").write_bytes(data)
            print(kind, result, flush=True)
    elif result not in known[kind]:
        known[kind].add(result)
        pools[kind].append(data)


def in_a_process(work: Callable[..., None], *arguments: Any) -> int:
    """Call a function in a fork; return its exit status, negative for a signal."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(*arguments)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--kinds", nargs="+", choices=READERS, default=list(READERS))
    options = parser.parse_args()
    sys.exit(bool(campaign(options.minutes, options.seed, options.findings, options.kinds)))
