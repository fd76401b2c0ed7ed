"""Schedulers and workers as users start them, in a network or a view of files of their own where a test asks for it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from litho.chip.chip_security import Certificates

SCHEDULER = ("-m", "distributed.cli.dask_scheduler", "--port", "0")
WORKER = ("-m", "distributed.cli.dask_worker", "--nworkers", "1", "--nthreads", "1", "--memory-limit", "0")
PAGES = ("--dashboard-address", "127.0.0.1:0")
TESTS = str(Path(__file__).parent)


def make_certificates(folder: Path) -> Certificates:
    """Make an authority, and a certificate that it signed, by the commands of the documentation."""
    folder.mkdir(parents=True)
    page = (Path(__file__).parents[1] / "docs" / "howto" / "cluster.md").read_text(encoding="utf-8")
    commands = page.partition("```sh\n")[2].partition("```")[0]
    if shutil.which("openssl") is None:
        pytest.skip("certificates need the command `openssl`, which is not here")
    subprocess.run(["bash", "-euc", commands], cwd=folder, check=True, capture_output=True)
    return Certificates(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")


def tls_options(certificates: Certificates | None) -> list[str]:
    """Return the options of dask's commands for certificates."""
    if certificates is None:
        return []
    ca, cert, key = certificates.authority, certificates.certificate, certificates.key
    return ["--tls-ca-file", str(ca), "--tls-cert", str(cert), "--tls-key", str(key)]


@contextlib.contextmanager
def process(command: Sequence[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a process group of its own, all of which ends with the block."""
    search = [environment.pop("PYTHONPATH", ""), os.environ.get("PYTHONPATH", ""), TESTS]
    with open(log, "wb") as file:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search)), **environment}
        found = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, env=env, cwd=log.parent)
        try:
            yield found
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(found.pid, signal.SIGKILL)
            found.wait()


@contextlib.contextmanager
def scheduler(
    folder: Path, certificates: Certificates | None = None, host: str = "127.0.0.1", inside: Sequence[str] = ()
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a scheduler; yield its address and process. `inside` is a command that runs commands elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    found = folder / "scheduler.json"
    protocol = "tcp" if certificates is None else "tls"
    options = ["--host", host, "--protocol", protocol, "--scheduler-file", str(found), *tls_options(certificates)]
    command = [*inside, sys.executable, *SCHEDULER, *PAGES, *options]
    with process(command, folder / "scheduler.log") as running:
        yield _address(found), running


def _address(path: Path) -> str:
    for _ in range(600):
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(path.read_text())["address"])
        time.sleep(0.05)
    raise TimeoutError(f"no scheduler in {path.parent}: {path.with_name('scheduler.log').read_text()}")


@contextlib.contextmanager
def worker(
    address: str,
    folder: Path,
    certificates: Certificates | None = None,
    host: str = "127.0.0.1",
    inside: Sequence[str] = (),
    **environment: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one worker with its nanny."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--host", host, "--local-directory", str(folder), *tls_options(certificates)]
    command = [*inside, sys.executable, *WORKER, *PAGES, *options, address]
    with process(command, folder / "worker.log", OMP_NUM_THREADS="1", **environment) as running:
        yield running
