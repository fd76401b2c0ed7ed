"""Who computes the cases: the textbook's way and ours, on one core, on all cores, and on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litho.backend import Array, to_device, to_host
from litho.benchmark.cases import GRADIENT_STAGE, PROCESS, Case, ilt_settings, masks
from litho.benchmark.fft_libraries import fft_library
from litho.benchmark.full_grid import full_grid_ilt, full_grid_images, full_grid_objective
from litho.model import aerial_images, print_model
from litho.pixel_ilt import IltSettings, ilt, stage_problem
from litho.process import Corner, Process
from litho.socs import Kernels

WAYS = ("full grid", "litho")

OUR_ARRAYS = {"image": 7, "gradient": 60, "ilt": 16}
"""Real arrays of the mask's grid that our way is taken to need at a time, results and temporaries of all steps."""


@dataclass(frozen=True)
class Opponent:
    """A way of computing on a device.

    Parameters
    ----------
    way
        "full grid": the textbook's; "litho": in the lens band
    device
        "cpu" or "gpu"
    threads
        of the host that it may use
    fft
        transforms of NumPy arrays, see `litho.benchmark.fft_libraries`; "cufft" on a GPU
    graph
        whether steps of a correction are captured as CUDA graphs, see `litho.cuda_graph`
    """

    way: str
    device: str
    threads: int
    fft: str
    graph: bool = False

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise ValueError(f"`way` must be one of {', '.join(WAYS)}, but got {self.way!r}.")
        if self.device not in ("cpu", "gpu"):
            raise ValueError(f"`device` must be 'cpu' or 'gpu', but got {self.device!r}.")
        if self.threads < 1:
            raise ValueError(f"`threads` must be at least 1, but got {self.threads}.")
        if self.graph and (self.way, self.device) != ("litho", "gpu"):
            raise ValueError(
                f"`graph` must be False but for 'litho' on a GPU, but got {self.way!r} on {self.device!r}."
            )

    @property
    def name(self) -> str:
        """Such as "litho, 16 cores, mkl"."""
        if self.device == "gpu":
            return f"{self.way}, GPU" + (", graph" if self.graph else "")
        return f"{self.way}, {self.threads} core{'s' if self.threads > 1 else ''}, {self.fft}"

    def as_dict(self) -> dict[str, Any]:
        """Return what a record says of the opponent."""
        return {"name": self.name, **asdict(self)}

    @contextmanager
    def transforms(self) -> Iterator[None]:
        """Let transforms on the host be this opponent's in this context."""
        with fft_library("scipy" if self.device == "gpu" else self.fft):
            yield


@dataclass(frozen=True)
class Prepared:
    """A case ready to be computed any number of times.

    Parameters
    ----------
    compute
        returns the image, the gradient, or the level, (clips, ny, nx)
    host
        the masks, on the host
    device
        where they were put
    """

    compute: Callable[[], Array]
    host: NDArray[Any]
    device: str

    def result(self) -> NDArray[Any]:
        """Return what one call finds, on the host."""
        return to_host(self.compute())


def takes_part(case: Case, opponent: Opponent) -> bool:
    """Whether an opponent computes a case: the textbook's way takes each clip by itself, so it takes single clips.

    Fields of more than 1 um it does not correct: a search costs some hundred of its gradients, whose times are there.
    Graphs are those of the steps of a correction.
    """
    if opponent.graph and case.kind != "ilt":
        return False
    return opponent.way == "litho" or (case.clips == 1 and not (case.kind == "ilt" and case.size_nm > 1024))


def needed_bytes(case: Case, opponent: Opponent, foci: int, kernels: Kernels) -> int:
    """Return the memory that a case is taken to need, from its shapes.

    Of the full grid, single precision: for an image five complex arrays; for a gradient one complex array for each
    kernel and focus, kept for the adjoint, and 40 real ones. Of ours: `OUR_ARRAYS` and three complex fields for each
    kernel and focus on the band grid.
    """
    ny, nx = case.grid.shape
    pixels = ny * nx * case.clips
    if opponent.way == "full grid":
        if case.kind == "image":
            return 8 * 5 * pixels
        fields = foci * len(kernels.weights)
        finest = pixels if case.kind == "gradient" else pixels // 16  # a correction's finest stage is on 4 nm
        return 8 * fields * finest + 4 * 40 * finest + (4 * 8 * pixels if case.kind == "ilt" else 0)
    foci = 1 if case.kind == "image" else foci
    band = 3 * foci * len(kernels.weights) * kernels.band_shape[0] * kernels.band_shape[1] * case.clips
    return 4 * OUR_ARRAYS[case.kind] * pixels + 8 * band


def prepare(
    case: Case,
    opponent: Opponent,
    kernels: tuple[Kernels, ...],
    steps: int | None = None,
    part: Sequence[int] | None = None,
) -> Prepared:
    """Return a case ready for one opponent, with everything that stays the same made and on its device.

    A GPU computes all clips at once, a host one after the other, as they then stay in its caches; `part` are the
    numbers of those that are asked for, all if it is not given.
    """
    host = masks(case) if part is None else masks(case)[list(part)]
    x = to_device(host, opponent.device)
    kernels = tuple(k.like(x) for k in kernels)
    settings, full = ilt_settings(steps, opponent.graph), opponent.way == "full grid"
    make = _MAKERS[case.kind]
    if opponent.device == "gpu":
        return Prepared(make(case, full, x, kernels, settings), host, opponent.device)
    each = [make(case, full, x[i : i + 1], kernels, settings) for i in range(len(x))]
    return Prepared(lambda: np.concatenate([compute() for compute in each]), host, opponent.device)


def _image(
    case: Case, full: bool, x: Array, kernels: tuple[Kernels, ...], settings: IltSettings
) -> Callable[[], Array]:
    if full:
        return lambda: full_grid_images(x, kernels[0])
    model = print_model(case.grid, Process((Corner(),), PROCESS.resist), kernels[:1], x)
    return lambda: aerial_images(x, model)[0][0, ...]


def _gradient(
    case: Case, full: bool, x: Array, kernels: tuple[Kernels, ...], settings: IltSettings
) -> Callable[[], Array]:
    problem = stage_problem(x, case.grid, PROCESS, kernels, settings, GRADIENT_STAGE)
    objective = full_grid_objective(problem) if full else problem.objective()
    start = problem.start(settings)
    return lambda: objective(start)[1]


def _ilt(case: Case, full: bool, x: Array, kernels: tuple[Kernels, ...], settings: IltSettings) -> Callable[[], Array]:
    if full:
        return lambda: full_grid_ilt(x, case.grid, PROCESS, kernels, settings)
    return lambda: ilt(x, case.grid, PROCESS, kernels, settings).level


_MAKERS = {"image": _image, "gradient": _gradient, "ilt": _ilt}


def in_double(case: Case, kernels: tuple[Kernels, ...]) -> NDArray[np.float64]:
    """Return what the textbook's way finds for the first clip of an image or gradient in double precision."""
    x = masks(replace(case, clips=1)).astype(np.float64)
    return to_host(_MAKERS[case.kind](case, True, x, kernels, ilt_settings(None))())
