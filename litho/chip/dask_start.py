"""Clusters that are started here: a scheduler in this process, and workers that are processes of this machine."""

from __future__ import annotations

import importlib
import logging
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from litho.chip.chip_security import Certificates, dashboard_to_show, protocol_to_listen
from litho.chip.executors import TRIES
from litho.chip.processes import ONE_THREAD, inherited
from litho.info import usable_cpus

ALLOWED_FAILURES = TRIES - 1
"""Workers that may die with a task before it is blamed: as no more tasks are handed out than there are threads, it was
alone with each of them."""

NEVER = "1000 days"
"""Time after which a cluster gives up a worker that is being restarted. With Dask's 15 s, a worker that happens to be
killed a second time about then is not started again, and in the end there is none.
"""


def start_cluster(
    workers: int | None,
    gpus: Sequence[str] | None,
    host: str,
    certificates: Certificates | None,
    insecure: bool,
    dashboard: str,
) -> Any:
    """Return a running cluster of this machine, a `distributed.SpecCluster`; parameters as in `dask_cluster`."""
    distributed = import_distributed()
    if workers is not None and workers < 1:
        raise ValueError(f"`workers` must be at least 1, but got {workers}.")
    if gpus is not None and (workers is not None or not gpus):
        raise ValueError(f"`gpus` must name GPUs, one for each worker, but got {list(gpus)} and {workers} workers.")
    listening = {
        "host": host,
        "protocol": protocol_to_listen(host, certificates, insecure),
        "security": None if certificates is None else certificates.security(),
        "dashboard_address": dashboard_to_show(dashboard, insecure),
        "worker_dashboard_address": "127.0.0.1:0",  # workers have pages too, by default for everyone
        "silence_logs": logging.CRITICAL,  # that a worker died is told with its task
        "threads_per_worker": 1,
        "memory_limit": 0,  # tiles are cut to the memory there is; a limit would stop workers in the middle of them
    }
    config = importlib.import_module("dask").config
    config.set({"distributed.deploy.lost-worker-timeout": NEVER})  # it is read when a worker is lost, so it has to stay
    settings = {"distributed.scheduler.allowed-failures": ALLOWED_FAILURES}
    with config.set(settings), inherited({}):  # Ctrl-C is for the coordinator
        if gpus is None:
            count = workers if workers is not None else usable_cpus()
            return distributed.LocalCluster(n_workers=count, env=ONE_THREAD, **listening)
        if find_spec("dask_cuda") is not None:
            made = importlib.import_module("dask_cuda").LocalCUDACluster
            return made(CUDA_VISIBLE_DEVICES=list(gpus), **listening)
        return _one_worker_per_gpu(gpus, listening)


def _one_worker_per_gpu(gpus: Sequence[str], listening: dict[str, Any]) -> Any:
    """Start workers of which each sees one GPU: what dask-cuda does, without its placement on cores."""
    cluster = import_distributed().LocalCluster(n_workers=0, **listening)
    try:
        for gpu in gpus:
            name, worker = f"gpu-{gpu}", cluster.new_spec
            options = {**worker["options"], "env": {**ONE_THREAD, "CUDA_VISIBLE_DEVICES": gpu}}
            cluster.worker_spec[name] = {**worker, "options": options}
        cluster.sync(cluster._correct_state)
    except BaseException:
        cluster.close()
        raise
    return cluster


def visible_gpus() -> list[str]:
    """Return the GPUs of this machine that programs may use, as CUDA_VISIBLE_DEVICES names them.

    Parts of a GPU (MIG) count as GPUs, and the GPU that is divided does not. Needs no CUDA context, which would take
    memory that the workers need.
    """
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [name.strip() for name in allowed.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return gpus_of_list(listed)


def gpus_of_list(text: str) -> list[str]:
    """Return the names of what `nvidia-smi -L` lists, of divided GPUs their parts."""
    found: list[str] = []
    for line in text.splitlines():
        name = re.search(r"\(UUID: ([A-Za-z0-9/-]+)\)", line)
        if name is None:
            continue
        if name[1].startswith("MIG-") and found and not found[-1].startswith("MIG-"):
            found.pop()
        found.append(name[1])
    return found


def least_free_bytes(gpus: Sequence[str]) -> int:
    """Return the memory that is free on each of some GPUs, at least.

    Each is asked by a process of its own, with whose end the CUDA context is gone: a context takes memory.

    Raises
    ------
    ValueError
        in one sentence, where one of them cannot be used
    """
    question = "from litho.info import free_bytes; print(free_bytes('gpu'))"
    asked = {
        gpu: subprocess.Popen(
            [sys.executable, "-c", question],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": gpu},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for gpu in gpus
    }
    told = {gpu: process.communicate() for gpu, process in asked.items()}
    for gpu, (_, error) in told.items():
        if asked[gpu].returncode != 0:
            why = (error.strip() or "it does not answer").splitlines()[-1]
            raise ValueError(f"`gpus` must name GPUs that can be used, but {gpu!r} cannot: {why}")
    return min(int(answer) for answer, _ in told.values())


def import_distributed() -> Any:
    """Return the module `distributed`."""
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise ValueError(
            "`scheduler`, and `gpus`, need dask.distributed, but it is not here: pip install 'litho[cluster]'."
        ) from None
