"""A step captured once as a CUDA graph, and then started by one call: without the host's time for each launch.

    with Recorder(x) as recorder:
        step()                                # once as it is: makes plans, loads kernels, fills the pool of memory
        again = recorder.captured(step)
        again()

Inside, launches go to a stream of their own and arrays come from a pool of their own. A graph holds addresses: what a
step allocates must stay its own for as long as the graph is started, which that pool sees to, and what it reads and
writes beyond it must be arrays that live on. A step may neither ask the host for anything nor multiply matrices with
cuBLAS, which CuPy refuses while it captures.

Tests capture steps with CuPy on an emulated GPU (`tests/emulated_gpu`): the same bits as without, one list of launches
whatever the number of steps, and nothing that waits. No real GPU has captured one yet.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from litho.backend import Array, array_module

Step = Callable[[], None]


class Recorder:
    """A context in which steps can be captured; made from any array on the GPU.

    Work that was queued before it is waited for by what is queued inside, and that by what is queued after it; the host
    waits for neither. The cache of FFT plans of this thread keeps every plan from here on, for graphs use their memory.
    """

    def __init__(self, x: Array) -> None:
        self._library = array_module(x)
        self._stream = self._library.cuda.Stream(non_blocking=True)
        self._pool = self._library.cuda.MemoryPool()
        self._inside = ExitStack()
        self._outer: Any = None

    def __enter__(self) -> Recorder:
        """Send launches to the own stream, and take arrays from the own pool."""
        cuda = self._library.cuda
        self._library.fft.config.get_plan_cache().set_size(-1)
        self._outer = cuda.get_current_stream()
        self._stream.wait_event(self._outer.record())
        self._inside.enter_context(cuda.using_allocator(self._pool.malloc))
        self._inside.enter_context(self._stream)
        return self

    def __exit__(self, *exception: object) -> None:
        """Go back to the stream and the pool from before."""
        self._inside.close()
        self._outer.wait_event(self._stream.record())

    def captured(self, step: Step) -> Step:
        """Return a function that does what `step` does, as one graph; `step` has to have run before, and does not now.

        Parameters
        ----------
        step
            launches on the current stream, the same every time

        Raises
        ------
        RuntimeError
            if it cannot be captured
        """
        self._stream.begin_capture()
        try:
            step()
        except NotImplementedError as error:
            raise RuntimeError(f"`step` must not call libraries that cannot be captured, but got: {error}.") from error
        finally:
            graph = self._stream.end_capture()
        return lambda: graph.launch(self._stream)
