"""Energy and state of an NVIDIA board, from its driver (NVML, by `pip install 'litho[energy]'`).

`nvmlDeviceGetTotalEnergyConsumption` is millijoules since the driver was loaded, for Volta and later: of the whole
board, whoever uses it. It is refreshed some ten times a second, so what is counted should last for seconds.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from litho.benchmark.rapl import CounterError

UNSUPPORTED = "its energy counter is not there: boards before Volta have none, and parts of a board (MIG) neither"

WHY = {
    "LibraryNotFound": "NVML is not there: no NVIDIA driver is installed",
    "DriverNotLoaded": "the NVIDIA driver is not loaded",
    "NoPermission": "permission denied: the driver lets only root read it",
    "NotSupported": UNSUPPORTED,
    "GpuIsLost": "the GPU is lost: it fell off the bus, or was reset",
    "LibRmVersionMismatch": "driver and NVML are of different versions: the machine needs a restart",
}
"""What the names of NVML's errors mean."""


@dataclass(frozen=True)
class BoardCounter:
    """The energy counter of one board; made by `board_counter`.

    Parameters
    ----------
    nvml
        the module `pynvml`
    handle
        of the board
    name
        of the board
    """

    nvml: Any
    handle: Any
    name: str

    method = "nvml_total_energy"
    scope = "board"
    longest_window_s = float("inf")

    def read(self) -> int:
        """Return millijoules since the driver was loaded."""
        return int(self._asked("nvmlDeviceGetTotalEnergyConsumption"))

    def joules(self, before: int, after: int) -> float:
        """Return what was used between two readings, J."""
        if after < before:
            raise CounterError(f"the energy counter of {self.name} went back: its driver was loaded anew")
        return (after - before) * 1e-3

    def figures(self) -> dict[str, Any]:
        """Return driver, clocks as found, power limit, temperature and memory; None for what the driver hides."""
        clocks = {"graphics": 0, "sm": 1, "memory": 2}
        found = {f"{name}_clock_mhz": self._known("nvmlDeviceGetClockInfo", kind) for name, kind in clocks.items()}
        most = {f"{name}_clock_most_mhz": self._known("nvmlDeviceGetMaxClockInfo", k) for name, k in clocks.items()}
        limit, memory = self._known("nvmlDeviceGetPowerManagementLimit"), self._known("nvmlDeviceGetMemoryInfo")
        return {
            "driver": _text(self.nvml.nvmlSystemGetDriverVersion()),
            **found,
            **most,
            "power_limit_w": None if limit is None else limit * 1e-3,
            "temperature_c": self._known("nvmlDeviceGetTemperature", 0),
            "memory_used_bytes": None if memory is None else int(memory.used),
        }

    def _known(self, function: str, *given: Any) -> Any:
        try:
            return getattr(self.nvml, function)(self.handle, *given)
        except self.nvml.NVMLError:
            return None

    def _asked(self, function: str, *given: Any) -> Any:
        try:
            return getattr(self.nvml, function)(self.handle, *given)
        except self.nvml.NVMLError as error:
            raise CounterError(f"{function} of {self.name} cannot be read: {_why(error)}") from None


def board_counter(bus_id: str | None = None, nvml: Any = None) -> BoardCounter:
    """Return the counter of a board.

    Parameters
    ----------
    bus_id
        where it is on the bus, as CUDA says, for NVML counts boards that CUDA may not see; the first board if not given
    nvml
        the module; that of the installation if not given

    Raises
    ------
    CounterError
        in one sentence, if there is no counter or it cannot be read
    """
    if nvml is None:
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError:
            raise CounterError("NVML's Python module is not installed (pip install 'litho[energy]')") from None
    try:
        nvml.nvmlInit()
        at_bus = bus_id is not None
        handle = nvml.nvmlDeviceGetHandleByPciBusId(bus_id) if at_bus else nvml.nvmlDeviceGetHandleByIndex(0)
        counter = BoardCounter(nvml, handle, _text(nvml.nvmlDeviceGetName(handle)))
    except nvml.NVMLError as error:
        raise CounterError(f"the GPU's energy counter cannot be used: {_why(error)}") from None
    counter.read()
    return counter


def bus_id_of_cuda() -> str:
    """Return where the present CUDA device is on the bus."""
    return str(importlib.import_module("cupy").cuda.Device().pci_bus_id)


def _why(error: Exception) -> str:
    """Return what an error of NVML means; NVML names its classes after them."""
    return WHY.get(type(error).__name__.removeprefix("NVMLError_"), str(error))


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
