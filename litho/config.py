"""Recipes: everything a job needs to know besides the layout, as TOML.

    recipe = load_recipe("iccad13")         # or a TOML file
    recipe.process.build()                  # dataclasses of the numerical core

A file is read whole, and all its mistakes are told at once. `base = "iccad13"` starts from a recipe that came with
the program and changes only what the file says. Tables of the numerical core (`ilt`, `epe`) have the fields of their
dataclasses as keys; the others are in `litho.recipe_tables`, and those of metrology in `litho.recipe_verify`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ValidationError, model_validator

from litho.chip.chip_settings import ChipSettings
from litho.level_set_ilt import LevelSetSettings, LevelSetStage
from litho.losses import LossWeights
from litho.metrics import EpeRule
from litho.nucleation import Seeding
from litho.opc_settings import OpcSettings
from litho.optimize import LbfgsSettings
from litho.pixel_ilt import IltSettings, Stage
from litho.process import Corner
from litho.recipe_errors import KNOWN_KEYS, RecipeError, as_json, mistakes
from litho.recipe_optics import OpticsTable, WaferTable
from litho.recipe_tables import (
    FieldTable,
    KernelTable,
    MaskTable,
    OutputTable,
    ProbeTable,
    ProcessTable,
    Table,
    whole_multiple,
)
from litho.recipe_verify import CutTable, VerifyTable, WindowTable
from litho.resources import path, recipe_names
from litho.rule_set import MaskRules
from litho.smo import SmoSettings
from litho.source_space import SourceLimits
from litho.spline_ilt import SplineSettings

__all__ = ["Recipe", "RecipeError", "load_recipe", "read_recipe"]

LARGEST_BYTES = 2**20
"""A recipe file larger than this is refused."""

DEEPEST, MOST_VALUES = 20, 200_000
"""Tables in tables, and values at one depth, that a recipe may have."""


class Recipe(Table):
    """How a layout becomes a mask, or how a mask is simulated.

    Parameters
    ----------
    description
        one line for people
    seed
        of random numbers; no step of the present flow draws any
    method
        of `litho ilt`: "pixel", "level-set" (table `level_set`), or "spline", which refines what pixels found
    field, mask, rules, process, probes, epe, output, cutline, window, verify
        see their classes
    ilt, level_set, spline, opc, smo
        settings of each method, see their classes
    chip
        how `litho chip` cuts a layout into tiles, see `litho.chip.chip_settings.ChipSettings`
    optics, kernels
        our own kernels, or those of a file: exactly one of the two
    """

    description: str = ""
    seed: int = 0
    method: Literal["pixel", "level-set", "spline"] = "pixel"
    field: FieldTable
    optics: OpticsTable | None = None
    kernels: KernelTable | None = None
    mask: MaskTable = MaskTable()
    rules: MaskRules = MaskRules()
    process: ProcessTable
    ilt: IltSettings = IltSettings()
    level_set: LevelSetSettings = LevelSetSettings()
    spline: SplineSettings = SplineSettings()
    opc: OpcSettings = OpcSettings()
    smo: SmoSettings = SmoSettings()
    chip: ChipSettings = ChipSettings()
    probes: ProbeTable = ProbeTable()
    epe: EpeRule = EpeRule()
    output: OutputTable = OutputTable()
    cutline: tuple[CutTable, ...] = ()
    window: WindowTable = WindowTable()
    verify: VerifyTable = VerifyTable()

    @model_validator(mode="after")
    def _kernels_from_one_place(self) -> Recipe:
        if (self.optics is None) == (self.kernels is None):
            raise ValueError("exactly one of the tables `optics` and `kernels` must be given")
        return self

    @model_validator(mode="after")
    def _pixels_fit(self) -> Recipe:
        pixel = self.field.pixel_nm
        for name, length in self._grids():
            if not whole_multiple(length, pixel):
                raise ValueError(f"{name} must be a multiple of `field.pixel_nm` ({pixel:g}), but got {length:g}")
            if self.field.size_nm and not all(whole_multiple(size, length) for size in self.field.size_nm):
                raise ValueError(f"{name} must divide `field.size_nm` {list(self.field.size_nm)}, but got {length:g}")
        return self

    @property
    def inverse(self) -> IltSettings | LevelSetSettings:
        """Stages and weights of the method, which for splines are those of pixels."""
        return self.level_set if self.method == "level-set" else self.ilt

    def _grids(self) -> list[tuple[str, float]]:
        table = "level_set" if self.method == "level-set" else "ilt"
        pixels: list[float] = [stage.pixel_nm for stage in self.inverse.stages]
        stages = [(f"`{table}.stages[{i}].pixel_nm`", pixel) for i, pixel in enumerate(pixels)]
        prints = [
            (f"`ilt.stages[{i}].print_pixel_nm`", stage.print_pixel_nm)
            for i, stage in enumerate(self.ilt.stages)
            if stage.print_pixel_nm is not None
        ]
        return [*stages, *prints, ("`output.shot_pixel_nm`", self.output.shot_pixel_nm)]

    def as_dict(self) -> dict[str, Any]:
        """Return every value, as TOML has them."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_toml(self) -> str:
        """Return the whole recipe as TOML; `read_recipe` gives an equal one back."""
        return tomli_w.dumps(self.as_dict())


def load_recipe(name: str) -> Recipe:
    """Return the recipe of a name that came with the program, or of a TOML file.

    Raises
    ------
    RecipeError
        naming all mistakes
    """
    if name in recipe_names():
        return read_recipe(path("recipes", f"{name}.toml").read_text(encoding="utf-8"), name)
    file = Path(name)
    if file.suffix != ".toml" and not file.is_file():
        raise RecipeError(f"`recipe` must be a TOML file or one of {', '.join(recipe_names())}, but got {name!r}.")
    return read_recipe(_text(file), name)


def read_recipe(text: str, name: str = "recipe") -> Recipe:
    """Return the recipe that TOML text describes; `name` is for messages."""
    data = _with_base(_parsed(text, name), name)
    try:
        return Recipe.model_validate_json(as_json(data))
    except ValidationError:
        lines = mistakes(data, Recipe.model_validate_json, _right())
    count = "one mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    raise RecipeError("\n".join([f"`recipe` must be free of mistakes, but {name} has {count}:", *lines]))


def _parsed(text: str, name: str) -> dict[str, Any]:
    """Return what TOML holds, if it is no more than a recipe can be."""
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise RecipeError(f"`recipe` must be nested at most {DEEPEST} deep, but {name} is nested deeper.") from error
    except ValueError as error:  # a number of too many digits, too
        raise RecipeError(f"`recipe` must be TOML, but {name} is not: {error}.") from error
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        level = [v for part in level for v in (part.values() if isinstance(part, dict) else part)]
        if len(level) > MOST_VALUES:
            raise RecipeError(f"`recipe` must hold at most {MOST_VALUES} values, but {name} holds more.")
        if any(isinstance(v, int) and abs(v) >= 2**63 for v in level):
            raise RecipeError(f"`recipe` must hold whole numbers of at most 64 bits, but {name} holds a longer one.")
        level = [v for v in level if isinstance(v, dict | list)]
    if level:
        raise RecipeError(f"`recipe` must be nested at most {DEEPEST} deep, but {name} is nested deeper.")
    return data


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise RecipeError(f"`recipe` must be a file of at most {LARGEST_BYTES} bytes, but {file} is larger.")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"`recipe` must be TOML in UTF-8, but {file} is not text.") from error
    except OSError as error:
        raise RecipeError(f"`recipe` must be a readable file, but {file}: {error.strerror}.") from error


def _with_base(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a recipe's data laid over those of its `base`, if it names one."""
    if "base" not in data:
        return data
    base = data.pop("base")
    if base not in recipe_names():
        raise RecipeError(f"`base` must be one of {', '.join(recipe_names())}, but {name} has {base!r}.")
    return _laid_over(_shipped(base), data)


def _laid_over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with the values of `above`, table by table; lists and light sources are replaced whole."""
    result = dict(below)
    for key, value in above.items():
        merge = key != "source" and isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _laid_over(result[key], value) if merge else value
    for mine, other in (("optics", "kernels"), ("kernels", "optics")):
        if mine in above and other not in above:
            result.pop(other, None)
    return result


def _shipped(name: str) -> dict[str, Any]:
    return _with_base(tomllib.loads(path("recipes", f"{name}.toml").read_text(encoding="utf-8")), name)


def _right() -> dict[str, Any]:
    """Return right values for every table, for `mistakes`."""
    default = Recipe.model_validate(_shipped("default"), strict=False).as_dict()
    film = {"thickness_nm": 100.0, "n": 1.5}
    default["optics"] |= {"polarization": "te", "wafer": {"films": [film], "substrate_n": 1.0}}
    return {"kernels": {}, **default, "cutline": [{"start_nm": [0.0, 0.0], "end_nm": [1.0, 0.0]}]}


def _keys(kind: Any) -> list[str]:
    names = list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
    return names or ([f.name for f in fields(kind)] if is_dataclass(kind) else [])


_TABLES = (Recipe, FieldTable, OpticsTable, WaferTable, KernelTable, MaskTable, ProcessTable, ProbeTable, OutputTable)
_METROLOGY = (CutTable, WindowTable, VerifyTable)
_CORE = (IltSettings, LossWeights, Stage, LbfgsSettings, EpeRule, Corner, MaskRules)
_METHODS = (OpcSettings, ChipSettings, SmoSettings, SourceLimits)
_STAGED = (LevelSetSettings, LevelSetStage, Seeding, SplineSettings)
_KINDS = (*_TABLES, *_METROLOGY, *_CORE, *_METHODS, *_STAGED)
KNOWN_KEYS.extend(dict.fromkeys(key for kind in _KINDS for key in _keys(kind)))
