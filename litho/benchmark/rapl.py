"""Energy of processors, from the files of Linux's powercap (RAPL): microjoules of each package, and of its memory.

A counter is of the whole socket, not of a process, and starts again at zero when it has passed
`max_energy_range_uj`. In a virtual machine there is none, as a rule. On current kernels only root may read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/class/powercap")

MOST_WATTS = 2000.0
"""No package takes more: what bounds the time in which a counter can pass its end once."""


class CounterError(RuntimeError):
    """An energy counter cannot be used, or could not be read; the sentence says which and why."""


@dataclass(frozen=True)
class Domain:
    """One counter.

    Parameters
    ----------
    name
        such as "package-0" or "dram"
    file
        which holds its microjoules
    range_uj
        where it starts again at zero
    """

    name: str
    file: Path
    range_uj: int

    def read_uj(self) -> int:
        """Return what the counter shows."""
        try:
            return int(self.file.read_text())
        except PermissionError:
            raise CounterError(
                f"{self.file} cannot be read: permission denied (it is for root: run as root, or let root change the "
                "file's mode)"
            ) from None
        except (OSError, ValueError) as error:
            raise CounterError(f"{self.file} cannot be read: {error}") from None

    def used_uj(self, before: int, after: int) -> int:
        """Return what was used between two readings, if the counter passed its end at most once."""
        return after - before if after >= before else after - before + self.range_uj


@dataclass(frozen=True)
class RaplCounter:
    """All packages of the machine, with their memory where it is counted; made by `rapl_counter`."""

    domains: tuple[Domain, ...]

    method = "rapl"

    @property
    def scope(self) -> str:
        """What is counted: "package" or "package+dram"."""
        return "package+dram" if any(domain.name == "dram" for domain in self.domains) else "package"

    @property
    def longest_window_s(self) -> float:
        """Time in which no counter can pass its end twice."""
        return min(domain.range_uj for domain in self.domains) * 1e-6 / MOST_WATTS

    def read(self) -> tuple[int, ...]:
        """Return what every counter shows, microjoules."""
        return tuple(domain.read_uj() for domain in self.domains)

    def joules(self, before: tuple[int, ...], after: tuple[int, ...]) -> float:
        """Return what was used between two readings, J."""
        readings = zip(self.domains, before, after, strict=True)
        return sum(domain.used_uj(low, high) for domain, low, high in readings) * 1e-6


def rapl_counter(root: Path = ROOT) -> RaplCounter:
    """Return the counters of this machine.

    Packages count once, also where a second driver shows them again; parts of a package (cores, graphics) and the
    whole platform do not count.

    Raises
    ------
    CounterError
        where there are none, or one cannot be read: the sentence names the file
    """
    found: dict[tuple[str, str], Domain] = {}
    for folder in sorted(root.glob("*rapl*:*"), key=lambda f: ("mmio" in f.name, f.name)):
        name = _text(folder / "name")
        package = folder.name.split(":")[1]
        if name is not None and (name.startswith("package") or name == "dram"):
            key = (name, package)
            if key not in found:
                found[key] = Domain(name, folder / "energy_uj", _range(folder / "max_energy_range_uj"))
    if not any(domain.name.startswith("package") for domain in found.values()):
        raise CounterError(f"{root} holds no package: this machine, or its virtual machine, shows no energy counter")
    counter = RaplCounter(tuple(found.values()))
    counter.read()
    return counter


def _text(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:
        return None


def _range(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError) as error:
        raise CounterError(f"{file} cannot be read: {error}") from None
