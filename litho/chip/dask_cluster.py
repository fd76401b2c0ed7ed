"""Workers of a cluster: dask.distributed behind a scheduler that runs already, or one started here.

Workers write results into the store, and only report how tasks ended; so nothing is lost with a worker. Few tasks are
handed out at a time: all that are with a worker that dies are under suspicion, and a long queue would be too.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import os
import queue
import secrets
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from litho.backend import gpu_problem
from litho.chip.chip_security import Certificates, address_to_reach
from litho.chip.dask_start import ALLOWED_FAILURES, import_distributed, start_cluster
from litho.chip.executors import Attempts, Ending, Outcome, Task, Try, Work, attempt, check_here, sentence
from litho.chip.keys import code_version
from litho.info import program_version

PATIENCE_S = 30.0
"""Time to wait for a scheduler, and for a worker where there is none."""

_RECOUNT_S = 2.0
_LEAVING_S = 0.5


class ClusterLost(OSError):
    """The scheduler is gone, or all workers are."""


class WrongVersion(ClusterLost):
    """A worker runs another version of this program, or of a library, and its results may differ."""


def dask_cluster(
    scheduler: str | None = None,
    *,
    workers: int | None = None,
    gpus: Sequence[str] | None = None,
    host: str = "127.0.0.1",
    certificates: Certificates | None = None,
    insecure: bool = False,
    dashboard: str = "127.0.0.1:0",
    patience_s: float = PATIENCE_S,
) -> DaskExecutor:
    """Return an executor on a running scheduler, or on a cluster of this machine that ends with it.

    A program that starts a cluster at its top level needs `if __name__ == "__main__":`, as each worker imports it.

    Parameters
    ----------
    scheduler
        address of one that runs, such as "tls://10.0.0.7:8786"; None starts one here
    workers
        processes to start here, each with one thread; every core by default
    gpus
        start one worker per GPU of these instead, as CUDA_VISIBLE_DEVICES names them; see `visible_gpus`
    host
        interface on which a scheduler that is started here, and its workers, listen
    certificates
        for TLS on every connection, which all interfaces but loopback need
    insecure
        go without certificates on other interfaces too
    dashboard
        interface and port of the web page on which a scheduler that is started here shows what it does; port 0 takes
        a free one. The page is not encrypted and asks for no password
    patience_s
        time to wait for the scheduler, and for workers when there are none

    Raises
    ------
    ValueError
        for a wrong address and unsafe interfaces
    ClusterLost
        where no scheduler answers, its certificate is not of the authority, or it has no workers; `WrongVersion` where
        they run another version of this program
    """
    if scheduler is not None and (workers is not None or gpus is not None):
        raise ValueError("`workers` and `gpus` must not be given for a scheduler that runs already: it has its own.")
    if scheduler is not None:
        address = address_to_reach(scheduler, certificates, insecure)
        return DaskExecutor(_connect(address, certificates, patience_s), None, certificates, insecure, patience_s)
    cluster = start_cluster(workers, gpus, host, certificates, insecure, dashboard)
    try:
        client = _connect(cluster.scheduler_address, certificates, patience_s)
    except BaseException:
        cluster.close()
        raise
    return DaskExecutor(client, cluster, certificates, insecure, patience_s)


def _connect(address: str, certificates: Certificates | None, patience_s: float) -> Any:
    """Return a client of a scheduler; its name is that of this program on the scheduler's pages."""
    distributed = import_distributed()
    security = {} if certificates is None else {"security": certificates.security()}
    try:
        return distributed.Client(address, timeout=patience_s, name="litho", set_as_default=False, **security)
    except (OSError, TimeoutError, RuntimeError) as error:
        why = sentence(error.__cause__ or error)
        raise ClusterLost(f"`scheduler` must answer within {patience_s:g} s, but {address} did not: {why}") from None


class DaskExecutor:
    """Workers of dask.distributed; made by `dask_cluster`."""

    def __init__(
        self, client: Any, cluster: Any, certificates: Certificates | None, insecure: bool, patience_s: float
    ) -> None:
        self._client, self._cluster = client, cluster
        self._certificates, self._insecure = certificates, insecure
        self._patience_s = patience_s
        self._counted_s = -_RECOUNT_S
        self._threads = 0
        self._code = code_here()
        try:
            self._wait_for_workers()
            self._check_workers()
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> int:
        """Number of tasks that run at once, as of now."""
        if time.monotonic() >= self._counted_s + _RECOUNT_S:
            self._threads = sum(self._client.nthreads().values())
            self._counted_s = time.monotonic()
        return self._threads

    @property
    def address(self) -> str:
        """Address of the scheduler."""
        return str(self._client.scheduler.address)

    @property
    def dashboard(self) -> str:
        """Address of the web page on which the scheduler shows what it does."""
        return str(self._client.dashboard_link)

    def run(self, work: Work, tasks: Iterable[Task]) -> Generator[Outcome, None, None]:
        """Yield how each task ended, in the order in which they end; closing the iterator takes back what waits.

        Raises
        ------
        ClusterLost
            where the scheduler is gone, or all workers have been for `patience_s`; what is finished is kept
        WrongVersion
            where a worker has joined that runs another version
        """
        attempts, ended, out = Attempts(tasks), queue.SimpleQueue[Any](), dict[Any, tuple[Any, Try]]()
        try:
            while True:
                self._hand_out(work, attempts, ended, out)
                if not out:
                    return
                attempts.prepare()
                heard = [out.pop(future.key) for future in self._next(ended)]
                settled = [attempts.settle(taken, self._ending(future)) for future, taken in heard]
                self._hand_out(work, attempts, ended, out)  # before whoever reads the outcomes takes time for them
                yield from (outcome for outcome in settled if outcome is not None)
        finally:
            with suppress(Exception):  # a scheduler that is gone has nothing to take back
                self._client.cancel([future for future, _ in out.values()], force=True)

    def check_folder(self, folder: Path) -> None:
        """Raise `OSError`, in one sentence, unless every worker can write in a folder that all of them share."""
        check_here(folder)
        folder.mkdir(parents=True, exist_ok=True)
        token = secrets.token_hex(8)
        probe = folder / f".probe-{token}"
        try:
            probe.write_text(token)
            answers = self._client.run(_see, str(folder.resolve()), token, on_error="return")
        finally:
            probe.unlink(missing_ok=True)
        for worker, answer in answers.items():
            if answer is not None:
                raise OSError(f"`out` must be a folder that all workers share and write in, but {worker}: {answer}")

    def check_gpus(self) -> None:
        """Raise `ValueError`, in one sentence, unless every worker has a GPU that it can use."""
        for worker, problem in self._client.run(gpu_problem, on_error="return").items():
            if problem is not None:
                raise ValueError(f"`gpus` must be there on every worker, but on {worker}: {problem}.")

    def close(self) -> None:
        """Leave the scheduler; end it, and its workers, if it was started here."""
        client, cluster, self._client, self._cluster = self._client, self._cluster, None, None
        if client is not None:
            client.close()
        if cluster is not None:
            cluster.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def _hand_out(self, work: Work, attempts: Attempts, ended: Any, out: dict[Any, tuple[Any, Try]]) -> None:
        """Keep one task per thread with the scheduler: a second one would be blamed for what the first one does."""
        while len(out) < max(self.workers, 1) and (taken := attempts.take()) is not None:
            key = "litho", f"{taken.task.name}, {taken.task.key[:12]}, {secrets.token_hex(8)}"
            future = self._client.submit(_compute, self._code, work, taken.task, key=key, pure=False)
            out[key] = future, taken
            future.add_done_callback(ended.put)

    def _next(self, ended: Any) -> list[Any]:
        """Wait for futures that are done, and return them."""
        alone_s = time.monotonic()
        while True:
            try:
                found = [ended.get(timeout=1.0)]
                break
            except queue.Empty:
                alone_s = time.monotonic() if self._is_alive() else alone_s
            if time.monotonic() > alone_s + self._patience_s:
                raise ClusterLost(
                    f"`scheduler` must have workers, but {self.address} had none for {self._patience_s:g} s."
                )
        with suppress(queue.Empty):
            while True:
                found.append(ended.get_nowait())
        return found

    def _ending(self, future: Any) -> Ending:
        """Return what a worker, or the scheduler in its place, reports of a task that ended."""
        try:
            found: Ending = future.result(timeout=self._patience_s)
        except WrongVersion:
            raise
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            raise ClusterLost(f"`scheduler` must stay, but {self.address} is gone; what is finished is kept.") from None
        except Exception as error:  # of the task, of its worker, or of the way of its report
            if type(error).__name__ != "KilledWorker":
                return Ending(0, sentence(error))
            return Ending(0, f"Its workers died, {ALLOWED_FAILURES + 1} of them.", final=True)
        finally:
            future.release()  # else the task is computed again if the worker dies that holds its report
        return found

    def _is_alive(self) -> bool:
        with suppress(Exception):  # of a connection that breaks
            return self._client.status == "running" and bool(self._client.nthreads())
        return False

    def _wait_for_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=self._patience_s)
        except (OSError, TimeoutError):
            raise ClusterLost(
                f"`scheduler` must have workers, but {self.address} had none for {self._patience_s:g} s."
            ) from None

    def _check_workers(self) -> None:
        """Raise an error unless all workers are as safe to talk to as the scheduler, and run this version."""
        for worker in self._client.nthreads():
            address_to_reach(worker, self._certificates, self._insecure)
        for worker, found in self._client.run(code_here, on_error="return").items():
            if found != code_here():
                found = sentence(found) if isinstance(found, BaseException) else found
                raise WrongVersion(f"Workers must run {code_here()}, but {worker} has {found}.")


def code_here() -> str:
    """Return which code this process runs, for people; processes whose results may differ say different things."""
    return f"litho {program_version()}, code {code_version()[:12]}"


def _compute(version: str, work: Work, task: Task) -> Ending:
    """Compute a task on a worker, and report; a process whose memory ran out ends soon after it has reported."""
    if code_here() != version:
        raise WrongVersion(f"Workers must run {version}, but one that joined has {code_here()}.")
    ending = attempt(work, task)
    if ending.exhausted:
        _leave()
    return ending


def _leave() -> None:
    """End this worker's process once its report is on the way, and let no other task begin on it until then.

    Its nanny starts another one. Without this, a process whose GPU is in a bad state might fail every task.
    """
    worker = import_distributed().get_worker()
    paused = importlib.import_module("distributed.core").Status.paused
    worker.loop.add_callback(setattr, worker, "status", paused)
    leave = threading.Timer(_LEAVING_S, os._exit, (1,))
    leave.daemon = True
    leave.start()


def _see(folder: str, token: str) -> str | None:
    """Return why this worker cannot work in a folder that the coordinator has made a file in, or None."""
    probe = Path(folder, f".probe-{token}")
    try:
        if probe.read_text() != token:
            return "it sees another folder of this name."
        own = probe.with_name(f"{probe.name}-{secrets.token_hex(4)}")
        own.touch(exist_ok=False)
        own.unlink()
    except FileNotFoundError:
        return f"it does not see {folder}."
    except OSError as error:
        return f"it cannot write in {folder}: {error.strerror}."
    return None
