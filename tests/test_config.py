"""Recipes: what is shipped, what may be written, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litho.config import Recipe, RecipeError, load_recipe, read_recipe
from litho.films import Film, Stack
from litho.focus import Flare, FocusSpread
from litho.process import Corner
from litho.pupil import Optics
from litho.resources import recipe_names
from litho.source import Source


def mistakes(text: str) -> list[str]:
    """Return the lines that a recipe is refused with, the first one left out."""
    with pytest.raises(RecipeError) as caught:
        read_recipe(text)
    return str(caught.value).splitlines()[1:]


def test_light_films_and_blur_of_a_recipe_are_those_of_the_engine() -> None:
    text = """base = "default"
[optics]
polarization = "te"
polarization_degree = 0.9
zernikes_waves = { 6 = 0.02 }
zernike_order = "noll"
focus_blur_nm = 12.0
vibration_nm = 4.0
flare = 0.01
obscuration = 0.1
radiometric = true
reduction = [8.0, 4.0]
[optics.wafer]
films = [{ thickness_nm = 90.0, n = 1.7, k = 0.02 }, { thickness_nm = 80.0, n = 1.8, k = 0.3 }]
substrate_n = 0.88
substrate_k = 2.78
"""
    recipe = read_recipe(text)
    assert recipe.optics is not None
    optics = recipe.optics.build()
    assert (optics.polarization, optics.polarization_degree, optics.zernike_order) == ("te", 0.9, "noll")
    assert optics.focus_spread == FocusSpread.gaussian(12.0) and optics.flare == (Flare(0.01),)
    assert optics.vibration_nm == (4.0, 4.0) and optics.reduction == (8.0, 4.0) and optics.radiometric
    assert optics.wafer == Stack((Film(90.0, 1.7 + 0.02j), Film(80.0, 1.8 + 0.3j)), 0.88 + 2.78j)


@pytest.mark.parametrize("name", recipe_names())
def test_a_resolved_recipe_reads_back_as_it_was(name: str) -> None:
    recipe = load_recipe(name)
    assert read_recipe(recipe.to_toml()) == recipe


def test_a_resolved_recipe_names_every_value(tmp_path: Path) -> None:
    text = read_recipe('base = "default"\n[mask]\nfree_margin_nm = 150').to_toml()
    for key in ("free_margin_nm = 150.0", "max_error", "smoothing_nm", "patience", "joined_edges", "dbu_nm", "seed"):
        assert key in text


def test_the_contest_recipe_squares_its_doses_and_keeps_its_field() -> None:
    recipe = load_recipe("iccad13")
    process = recipe.process.build()
    assert [c.dose for c in process.corners] == pytest.approx([1.0, 1.02**2, 0.98**2], rel=1e-15)
    assert process.foci_nm == (0.0, 25.0)
    assert process.resist.threshold == 0.225
    assert recipe.field.size_nm == (2048.0, 2048.0)
    assert recipe.field.offset_nm == (512.0, 512.0)
    assert recipe.ilt.stages[-1].print_pixel_nm == 2.0
    assert recipe.process.labels()[1] == "amplitude dose 1.02, defocus 0 nm"


def test_the_default_recipe_has_its_own_optics() -> None:
    recipe = load_recipe("default")
    assert recipe.kernels is None and recipe.optics is not None
    assert recipe.optics.build() == Optics(193.0, 1.35, Source.annular(0.6, 0.9), 1.44)
    assert recipe.process.build().corners[2] == Corner(0.96, 40.0)


@pytest.mark.parametrize(
    ("table", "source"),
    [
        ('{ shape = "point", x = 0.1 }', Source.point(0.1, 0.0)),
        ('{ shape = "points", xy = [[0, 0.5], [0, -0.5]] }', Source.points([[0, 0.5], [0, -0.5]])),
        ('{ shape = "conventional", sigma = 0.7 }', Source.conventional(0.7)),
        ('{ shape = "annular", inner = 0.4, outer = 0.8 }', Source.annular(0.4, 0.8)),
        ('{ shape = "annular", inner = 0.4, outer = 0.8, edge = 0.1 }', Source.annular(0.4, 0.8).softened(0.1)),
        ('{ shape = "dipole", center = 0.7, radius = 0.2, axis = "y" }', Source.dipole(0.7, 0.2, "y")),
        (
            '{ shape = "dipole", center = 0.7, radius = 0.2, rotation_deg = 10, edge = 0.1 }',
            Source.dipole(0.7, 0.2, rotation_deg=10).softened(0.1),
        ),
        ('{ shape = "quadrupole", center = 0.7, radius = 0.2 }', Source.quadrupole(0.7, 0.2)),
        ('{ shape = "hexapole", center = 0.7, radius = 0.2, rotation_deg = 30 }', Source.hexapole(0.7, 0.2, 30)),
        (
            '{ shape = "sectors", inner = 0.4, outer = 0.8, opening_deg = 35, poles = 3, rotation_deg = 90 }',
            Source.sectors(0.4, 0.8, 35, 3, 90),
        ),
        ('{ shape = "quasar", inner = 0.4, outer = 0.8, opening_deg = 35 }', Source.quasar(0.4, 0.8, 35)),
        ('{ shape = "cquad", inner = 0.4, outer = 0.8, opening_deg = 35 }', Source.cquad(0.4, 0.8, 35)),
        ('{ shape = "pixels", rows = [[0, 1], [1, 0.5]] }', Source.pixels([[0, 1], [1, 0.5]])),
        (
            '{ shape = "sum", parts = [{ shape = "point" }, { shape = "conventional", sigma = 0.3 }], '
            "brightness = [1, 0.5] }",
            Source.point() + 0.5 * Source.conventional(0.3),
        ),
    ],
)
def test_every_source_has_its_table(table: str, source: Source) -> None:
    recipe = read_recipe(f'base = "default"\n[optics]\nsource = {table}')
    assert recipe.optics is not None
    assert recipe.optics.build().source == source
    assert read_recipe(recipe.to_toml()) == recipe


def test_a_source_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("0.5,0,1\n-0.5,0,1\n", encoding="utf-8")
    table = f'{{ shape = "file", path = "{(tmp_path / "a.csv").as_posix()}" }}'
    recipe = read_recipe(f'base = "default"\n[optics]\nsource = {table}')
    assert recipe.optics is not None
    assert recipe.optics.build().source == Source.points([(0.5, 0), (-0.5, 0)])
    assert read_recipe(recipe.to_toml()) == recipe


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (
            '{ shape = "dipole", center = 0.9, radius = 0.2 }',
            "`optics.source`: `center` and `radius` must obey 0 < radius <= 1 - center, so that poles lie in the unit "
            "disc, but got 0.9 and 0.2.",
        ),
        (
            '{ shape = "quadrupole", center = 0.3, radius = 0.25 }',
            "`optics.source`: `radius` must be at most 0.212132, where poles meet, but got 0.25.",
        ),
        (
            '{ shape = "conventional", sigma = 1.0, edge = 0.1 }',
            "`optics.source`: `center`, `outer` and `edge` must keep a shape in the unit disc, but it reaches 1.05.",
        ),
        (
            '{ shape = "file", path = "nowhere.png" }',
            "`optics.source`: `path` must be a file, but nowhere.png does not exist.",
        ),
        (
            '{ shape = "sum", parts = [{ shape = "point" }], brightness = [1, 2] }',
            "`optics.source`: `brightness` must have one entry per part (1), but got 2.",
        ),
        (
            '{ shape = "sum", parts = [{ shape = "annular", inner = 0.9, outer = 0.6 }] }',
            "`optics.source.parts[0]`: `inner` and `outer` must obey 0 <= inner < outer <= 1, but got 0.9 and 0.6.",
        ),
    ],
)
def test_a_bad_source_is_refused_in_one_sentence(table: str, line: str) -> None:
    assert mistakes(f'base = "default"\n[optics]\nsource = {table}') == [line]


def test_a_base_is_changed_only_where_the_file_says_so() -> None:
    base, recipe = load_recipe("iccad13"), read_recipe('base = "iccad13"\n[ilt.weights]\nepe = 3')
    assert recipe.ilt.weights.epe == 3.0
    assert recipe.ilt.weights.pv_band == base.ilt.weights.pv_band
    assert recipe.process == base.process and recipe.field == base.field


def test_optics_laid_over_kernels_take_their_place() -> None:
    text = 'base = "iccad13"\n[optics]\nwavelength_nm = 193\nna = 0.9\nsource = { shape = "conventional", sigma = 0.5 }'
    recipe = read_recipe(text)
    assert recipe.kernels is None and recipe.optics is not None
    assert recipe.optics.na == 0.9


def test_a_recipe_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = "default"\nseed = 7', encoding="utf-8")
    assert load_recipe(str(file)).seed == 7


BAD = """
base = "default"
colour = 1

[field]
pixel_nm = -1

[optics]
na = 1.5
source = { shape = "annular", inner = 0.9, outer = 0.6 }

[process]
threshold = nan

[[process.corners]]
dos = 2
dose = -1

[[ilt.stages]]
pixel_nm = -4
steps = 2.5
mask_steepness = -4
resist_steepness = "x"

[epe]
tolerance_nm = -1
interval_nm = -2

[mask]
tone = "grey"
"""


def test_all_mistakes_are_named_at_once_also_those_that_hide_behind_others() -> None:
    lines = mistakes(BAD)
    expected = [
        "`colour` is not a key",
        "`field.pixel_nm` must be greater than 0, but got -1.",
        "`optics`: `na` must be below `immersion_index` (1.44), but got 1.5.",
        "`optics.source`: `inner` and `outer` must obey 0 <= inner < outer <= 1, but got 0.9 and 0.6.",
        "`process.threshold` must be a finite number, but got nan.",
        "`process.corners[0].dos` is not a key that belongs there; did you mean `dose`?",
        "`process.corners[0]`: `dose` must be positive, but got -1.0.",
        "`ilt.stages[0]`: `pixel_nm` must be a positive number, but got -4.0.",
        "`ilt.stages[0].steps` must be an integer, but got 2.5.",
        "`ilt.stages[0]`: `mask_steepness` must be a positive number, but got -4.0.",
        "`ilt.stages[0].resist_steepness` must be a number, but got 'x'.",
        "`epe`: `tolerance_nm` must be a positive length, but got -1.0.",
        "`epe`: `interval_nm` must be a positive length, but got -2.0.",
        "`mask.tone` must be 'dark field' or 'bright field', but got 'grey'.",
    ]
    for start in expected:
        assert [line for line in lines if line.startswith(start)], start
    assert len(lines) == len(expected)


WAFER = '[optics]\npolarization = "te"\n[optics.wafer]\nsubstrate_n = 0.9\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[optics]\nna = true", "`optics.na` must be a number, but got True."),
        ("[optics]\nwavelength_nm = inf", "`optics.wavelength_nm` must be a finite number, but got inf."),
        ("[field]\nhalo_nm = 1\nsize_nm = [8, 8]", "`field`: exactly one of `size_nm` and `halo_nm` must be given."),
        ("[ilt]\nsmoothing = 3", "`ilt.smoothing` is not a key that belongs there; did you mean `smoothing_nm`?"),
        (
            '[optics]\npolarization = "te"\nwafer = { substrate_n = 0.9, films = [{ thickness_nm = -1.0, n = 1.7 }] }',
            "`optics.wafer.films[0].thickness_nm` must be greater than 0, but got -1.0.",
        ),
        (
            "[optics]\nzernikes_waves = { 99 = 0.1 }",
            "`optics`: `zernikes` must have Fringe indices in 1..37, but got 99.",
        ),
        ("[optics]\nsource = { inner = 0.1 }", "`optics.source` unable to extract tag"),
        ("[process]\ncorners = []", "`process.corners` must have 1 or more entries, but got []."),
        (f"{WAFER}films = []", "`optics.wafer.films` must have 1 or more entries, but got []."),
        (
            f"{WAFER}films = [{{ thickness_nm = -9, n = 1.7 }}]",
            "`optics.wafer.films[0].thickness_nm` must be greater than 0, but got -9.",
        ),
        ("[mask]\nborder_nm = 1979-05-27", "`mask.border_nm` must be a number, but got '1979-05-27'."),
        ("[rules]\nmin_width_nm = -1", "`rules`: `min_width_nm` must be a length of at least 0, but got -1.0."),
        ('method = "magic"', "`method` must be 'pixel', 'level-set' or 'spline', but got 'magic'."),
        ("[kernels]\n[optics]\nna = 1", "exactly one of the tables `optics` and `kernels` must be given."),
        (
            "[[ilt.stages]]\npixel_nm = 2.5\nsteps = 1\nmask_steepness = 4\nresist_steepness = 50",
            "`ilt.stages[0].pixel_nm` must be a multiple of `field.pixel_nm` (1), but got 2.5.",
        ),
    ],
)
def test_one_mistake_is_one_line(text: str, line: str) -> None:
    found = mistakes(f'base = "default"\n{text}')
    assert len(found) == 1
    assert found[0].startswith(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "`field` must be given."),
        ("field = 3", "`field` must be"),
        ("[ilt]\nstages = 5", "`ilt.stages` "),
        ("[ilt]\nstages = [5]", "`ilt.stages[0]` "),
    ],
)
def test_a_recipe_of_the_wrong_form_is_refused_with_a_line_for_each_place(text: str, line: str) -> None:
    assert [found for found in mistakes(text) if found.startswith(line)]


def test_what_is_no_recipe_is_refused_in_one_sentence(tmp_path: Path) -> None:
    binary, large = tmp_path / "binary.toml", tmp_path / "large.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    large.write_bytes(b"#" * (2**20 + 1))
    for name, part in (
        ("nosuch", "one of chip, default, iccad13"),
        (str(tmp_path / "missing.toml"), "No such file"),
        (str(binary), "not text"),
        (str(large), "at most 1048576 bytes"),
    ):
        with pytest.raises(RecipeError, match=part):
            load_recipe(name)
    with pytest.raises(RecipeError, match=r"must be TOML, but recipe is not: Invalid value"):
        read_recipe("x = ")
    with pytest.raises(RecipeError, match="`base` must be one of"):
        read_recipe('base = "nosuch"')


def test_recipes_do_not_change_once_they_are_read() -> None:
    recipe: Any = load_recipe("default")
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 1
    assert isinstance(recipe, Recipe)
