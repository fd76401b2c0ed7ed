"""What the documentation takes from the program itself: key tables, options, public names, pages of the API."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import litho
from litho import config, recipe_optics, recipe_sources, recipe_tables, recipe_verify
from litho.chip.chip_settings import ChipSettings
from litho.edge_area import AreaSettings
from litho.edge_opc import StepSettings
from litho.fragments import FragmentSettings
from litho.level_set_ilt import LevelSetSettings, LevelSetStage
from litho.losses import LossWeights
from litho.metrics import EpeRule
from litho.move_limits import MoveRules
from litho.nucleation import Seeding
from litho.opc_settings import OpcSettings, SrafSettings
from litho.optimize import LbfgsSettings
from litho.pixel_ilt import IltSettings, Stage
from litho.process import Corner
from litho.pupil import Optics
from litho.rule_opc import RuleSettings
from litho.rule_set import MaskRules
from litho.smo import SmoSettings
from litho.source_space import SourceLimits
from litho.spline_ilt import SplineSettings
from litho.srafs import SrafRules

ROOT = Path(__file__).parents[1]

WITHOUT_NAMES = ("cli",)
"""Modules that have a page of their own."""

UNITS = {"_nm2": "nm²", "_nm": "nm", "_deg": "degrees", "_waves": "waves"}

TABLES = (
    ("", config.Recipe, ()),
    ("[field]", recipe_tables.FieldTable, ()),
    ("[optics]", recipe_optics.OpticsTable, (Optics,)),
    ("[optics.wafer]", recipe_optics.WaferTable, ()),
    ("[[optics.wafer.films]]", recipe_optics.FilmTable, ()),
    ("[kernels]", recipe_tables.KernelTable, ()),
    ("[mask]", recipe_tables.MaskTable, ()),
    ("[mask.euv]", recipe_tables.ShadowTable, ()),
    ("[process]", recipe_tables.ProcessTable, ()),
    ("[[process.corners]]", Corner, ()),
    ("[ilt]", IltSettings, ()),
    ("[ilt.weights]", LossWeights, ()),
    ("[[ilt.stages]]", Stage, ()),
    ("[ilt.optimizer]", LbfgsSettings, ()),
    ("[rules]", MaskRules, ()),
    ("[level_set]", LevelSetSettings, ()),
    ("[[level_set.stages]]", LevelSetStage, ()),
    ("[level_set.seeding]", Seeding, ()),
    ("[spline]", SplineSettings, ()),
    ("[opc]", OpcSettings, ()),
    ("[opc.fragments]", FragmentSettings, ()),
    ("[opc.rules]", RuleSettings, ()),
    ("[opc.limits]", MoveRules, ()),
    ("[opc.edges]", StepSettings, ()),
    ("[opc.area]", AreaSettings, ()),
    ("[opc.srafs]", SrafSettings, ()),
    ("[opc.srafs.rules]", SrafRules, ()),
    ("[chip]", ChipSettings, ()),
    ("[smo]", SmoSettings, ()),
    ("[smo.limits]", SourceLimits, ()),
    ("[probes]", recipe_tables.ProbeTable, ()),
    ("[epe]", EpeRule, ()),
    ("[output]", recipe_tables.OutputTable, ()),
    ("[[cutline]]", recipe_verify.CutTable, ()),
    ("[window]", recipe_verify.WindowTable, ()),
    ("[verify]", recipe_verify.VerifyTable, ()),
)
"""Tables of a recipe, the class of each, and classes that describe its keys too."""


PACKAGES = ("chip",)
"""Packages that are described module by module."""


def write_pages(docs: Path) -> None:
    """Write every generated page and part of a page."""
    folder = docs / "api-generated"
    (folder / "include").mkdir(parents=True, exist_ok=True)
    parts = {"recipe-keys": recipe_keys(), "cli": command_line(), "names": names(), "full-grid": full_grid()}
    for name, text in parts.items():
        _write(folder / "include" / f"{name}.md", text)
    rows = module_rows(litho.__doc__ or "")
    for row, modules in rows.items():
        _write(folder / f"{row}.rst", api_page(row, modules))


def example_arguments(gallery_conf: Any, script_vars: Any) -> list[str]:
    """Return the arguments of an example, a folder for its figures, and let it know its own place as when it is run."""
    script_vars["example_globals"]["__file__"] = script_vars["src_file"]
    return [tempfile.gettempdir()]


def run_blocks(pages: Iterable[Path]) -> None:
    """Run the Python blocks of pages, one process per page, as a reader would who types them one after the other."""
    for page in pages:
        code = "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "masks").symlink_to(ROOT / "masks")
            path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=folder, env=os.environ | {"PYTHONPATH": path}, text=True, stderr=-1
            )
        if done.returncode:
            raise RuntimeError(f"the code of {page} fails:\n{done.stderr}")


def recipe_keys() -> str:
    """Return one table per table of a recipe, from the classes that read them."""
    parts = []
    for name, kind, others in TABLES:
        described = {
            k: v for other in (*others, kind) for k, v in parameters(other).items() if not v.startswith("see ")
        }
        rows = [
            [f"`{key}`", _unit(key), _default(value), _markdown(described.get(key, ""))] for key, value in keys(kind)
        ]
        if not name:
            rows = [
                ["`base`", "", "", "name of a shipped recipe to start from; what the file says is laid over it"],
                *rows,
            ]
        intro = f"### `{name}`" if name else "### Top level"
        body = table(["key", "unit", "default", "meaning"], rows) if rows else "Only the tables below it."
        parts.append(f"{intro}\n\n{_summary(kind)}\n\n{body}")
        if kind is recipe_optics.OpticsTable:
            parts.append(_source_shapes())
    return "\n\n".join(parts) + "\n"


def keys(kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield keys of a table that are no tables themselves, with their defaults (`...`: has to be given)."""
    if issubclass(kind, BaseModel):
        for key, info in kind.model_fields.items():
            if not _is_table(info.annotation):
                yield key, ... if info.is_required() else info.default
        return
    kinds = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if not dataclasses.is_dataclass(kinds[field.name]) and field.name != "stages":
            yield field.name, ... if field.default is dataclasses.MISSING else field.default


def parameters(kind: Any) -> dict[str, str]:
    """Return the descriptions in the `Parameters` section of a docstring."""
    text = inspect.getdoc(kind) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", text, re.M | re.S)
    found: dict[str, str] = {}
    for heads, body in re.findall(r"^(\w[^\n]*)\n((?:[ ]{4}[^\n]*\n?)*)", section[1] if section else "", re.M):
        for name in heads.partition(" : ")[0].split(", "):
            found[name] = " ".join(body.split())
    if issubclass(kind, Optics):
        found["zernikes_waves"] = found["zernikes"]
    return found


def command_line() -> str:
    """Return what the commands say of themselves."""
    command = [sys.executable, "-m", "typer", "litho.cli", "utils", "docs", "--name", "litho"]
    text = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ).stdout
    text = re.sub(r"^# .*\n", "", text, count=1)
    return re.sub(r"(?<=\s)(--[a-z][a-z-]*)", r"`\1`", text)  # options within sentences


def names() -> str:
    """Return the names of the package `litho` itself, with links and first lines."""
    rows = []
    for name in sorted(set(litho.__all__) - {"__version__"}, key=str.lower):
        home = f"{litho._HOME[name]}.{name}"
        rows.append([f"{{py:obj}}`litho.{name} <litho.{home}>`", _summary(getattr(litho, name))])
    return table(["name", "what it is"], rows) + "\n"


def module_rows(text: str) -> dict[str, list[str]]:
    """Return the modules of each row, as the docstring of the package names them."""
    rows: dict[str, list[str]] = {}
    for row, body in re.findall(r"^(\w+)\n((?:    .*\n)+)", text, re.M):
        named = re.findall(r"`(\w+)`", body)
        rows[row] = [m for n in named if importlib.util.find_spec(f"litho.{n}") for m in (n, *parts_of(n))]
    return rows


def parts_of(name: str) -> list[str]:
    """Return the modules of a package whose parts have pages, such as "chip.tiles" for "chip"."""
    if name not in PACKAGES:
        return []
    spec = importlib.util.find_spec(f"litho.{name}")
    places = spec.submodule_search_locations if spec else None
    return sorted(f"{name}.{found.name}" for found in pkgutil.iter_modules(places))


def api_page(row: str, modules: Sequence[str]) -> str:
    """Return the page of a row."""
    parts = [_heading(row.capitalize(), "=")]
    for module in modules:
        parts.append(_heading(f"litho.{module}", "-"))
        options = "   :no-members:\n" if module in WITHOUT_NAMES else ""
        parts.append(f".. automodule:: litho.{module}\n{options}")
    return "\n".join(parts)


def full_grid() -> str:
    """Return what `benchmarks/results` says of lens band against full grid."""
    record = json.loads((ROOT / "benchmarks" / "results" / "full_grid_cpu_2048.json").read_text(encoding="utf-8"))
    rows = []
    for entry in record["records"]:
        for task in ("forward", "gradient"):
            found = entry[task]
            slow, fast = (_ms(found[way]["median_s"]) for way in ("full_grid", "lens_band"))
            ratio = f"{found['ratio']['median']:.0f} ({found['ratio']['low']:.0f} to {found['ratio']['high']:.0f})"
            rows.append([entry["what"], task, slow, fast, ratio, f"{found['largest_difference']:.1e}"])
    threads = f"{record['threads']} thread{'s' if record['threads'] > 1 else ''}"
    pixels = " x ".join(map(str, record["records"][0]["pixels"]))
    head = ["kernels", "task", "full grid", "lens band", "ratio (quartiles)", "largest difference, of the peak"]
    where = f"{pixels} pixels, {record['dtype']}, {threads} of {record['device_name']}, medians."
    return f"{table(head, rows)}\n\n{where}\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _source_shapes() -> str:
    groups = (recipe_sources.Shape, recipe_sources.Poles)
    rows = []
    for kind in (kind for group in groups for kind in group.__subclasses__() if kind not in groups):
        fields = ((key, info) for key, info in kind.model_fields.items() if key != "shape")
        values = [(key, ... if info.is_required() else info.default) for key, info in fields]
        listed = ", ".join(f"`{key}`" + ("" if value is ... else f" ({_default(value)})") for key, value in values)
        shape = kind.model_fields["shape"].annotation.__args__[0]
        rows.append([f'`"{shape}"`', listed, _summary(kind)])
    return (
        '`[optics.source]` is one of the following; lengths are direction sines over NA ("sigma"), angles degrees, '
        f"defaults in parentheses. An `edge` is a width over which the brightness falls at every border, half of it "
        f"beyond.\n\n{table(['shape', 'keys', 'meaning'], rows)}"
    )


def _ms(seconds: float) -> str:
    ms = 1000 * seconds
    return f"{ms:,.0f} ms" if ms >= 100 else f"{ms:.3g} ms"


def _is_table(annotation: Any) -> bool:
    text = str(annotation)
    return any(word in text for word in ("Table", "_Shape", "Source", "IltSettings", "EpeRule", "Corner"))


def _unit(key: str) -> str:
    return next((unit for ending, unit in UNITS.items() if key.endswith(ending)), "")


def _default(value: Any) -> str:
    if value is ...:
        return "required"
    if value is None:
        return "left out"
    value = list(value) if isinstance(value, tuple) else value
    text = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
    return f"`{text or (json.dumps(value) if isinstance(value, str) else value)}`"


def _summary(thing: Any) -> str:
    return _markdown((inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " "))


def _markdown(text: str) -> str:
    return text.replace("^2", "²").replace("*", "\\*").replace("<", "\\<")


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _write(path: Path, text: str) -> None:
    """Write a file unless it has this text already, so that pages are not built again for nothing."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
