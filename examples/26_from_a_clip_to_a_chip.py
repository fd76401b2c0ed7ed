"""
From a clip to a chip
=====================

A clip has a border, and beyond it nothing. A chip goes on, for a million clips in every direction, and no computer
holds all of it at once. So it is cut into tiles. This lesson asks what a tile has to see of its neighbours, shows what
goes wrong where two tiles meet that have not talked to each other, mends it, and looks for the seam in the result.

Run it with ``python examples/26_from_a_clip_to_a_chip.py [folder]``; it writes one figure there.
"""

import sys
import tempfile
from pathlib import Path

import gdstk
import matplotlib.pyplot as plt
import numpy as np
from gdstk import Library
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline

from litho.chip.ambit import energy_beyond, largest_change
from litho.chip.array_pitch import array_plan
from litho.chip.blend import BlendShape, blended, weights
from litho.chip.chip_job import prepare_chip
from litho.chip.chip_settings import ChipSettings
from litho.chip.executors import serial
from litho.chip.passes import ChipCorrection
from litho.chip.run import run_chip_job
from litho.chip.store import TileStore
from litho.chip.tile_kinds import distinct_tiles
from litho.chip.tile_setup import field_kernels, read_setup
from litho.chip.tiles import tile_plan
from litho.chip.whole_verify import STORE
from litho.chip.windows import LayoutWindows
from litho.config import read_recipe
from litho.contour import contours
from litho.grid import Grid
from litho.layout import read_layout
from litho.resources import path
from litho.scene import COLORS

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))
RECIPE = read_recipe(
    """
base = "default"
[field]
pixel_nm = 4.0
[output]
dbu_nm = 0.1
[optics]
max_error = 0.1
[process]
corners = [{ dose = 1.0, defocus_nm = 0.0 }]
[ilt]
weights = { fidelity = 1.0, pv_band = 0.0, epe = 0.0 }
stages = [{ pixel_nm = 8.0, steps = 25, mask_steepness = 8.0, resist_steepness = 50.0 }]
"""
)

# %%
# How far light reaches
# ---------------------
# The image at a point is made of the mask around it, weighed by the kernels. Their energy beyond a distance bounds what
# a change so far away can do there: by Cauchy and Schwarz, a change of the transmission with the squared integral A
# changes the intensity I by at most 2 sqrt(I s E A) + s E A, with E the energy of the kernels and s the share of it
# that lies beyond. The halo of a tile, the part that it sees but does not answer for, ends where s is small enough.

HALO = 320.0
kernels = field_kernels(RECIPE, (2048.0, 2048.0))[0]
distance = np.arange(0.0, 660.0, 20.0)
beyond = np.array([energy_beyond(kernels, d) for d in distance])
assert np.all(np.diff(beyond) <= 0) and beyond[0] < 1
nearer, farther = (largest_change(kernels, d, area_nm2=50.0 * 50.0) for d in (HALO, 2 * HALO))
assert farther < nearer

# %%
# Tiles
# -----
# Cores lie edge to edge; each has a halo of its own around it, so fields overlap. All fields have one size, and one set
# of kernels serves them all. Every tile is corrected for itself, with the real surroundings in its halo. Then come the
# passes over the borders, and a verification on windows that lie half a tile off, so that every seam is inside one.

PART = (0.0, 0.0, 1500.0, 640.0)
SETTINGS = ChipSettings(field_nm=1536.0, halo_nm=HALO, overlap_nm=96.0, margin_nm=100.0, context_nm=160.0)
with tempfile.TemporaryDirectory() as folder:
    job = prepare_chip(path("masks", "logic_metal.oas"), RECIPE, folder, window_nm=PART, settings=SETTINGS)
    result = run_chip_job(job, serial())
    store, setup = TileStore(Path(folder) / STORE), read_setup(Path(folder))
    chip = ChipCorrection(job.plan.tiles, job.source, setup)
    alone, agreed = (
        [chip.level(store, name, place) for place in ((0, 0), (1, 0))]
        for name in ("correct", f"border {SETTINGS.border_passes}")
    )
    mask = read_layout(Path(folder) / "mask.oas").polygons("2/0")
tiles = job.plan.tiles
assert tiles.counts == (2, 1)

# %%
# What two tiles do not agree on
# ------------------------------
# A mask that prints one pattern is not unique: far from the pattern a tile is free to do one thing or another, and two
# tiles choose differently. Cut at the seam, an outline would jump there. Blended over a strip, by weights that rise
# smoothly from 0 to 1 and sum to 1, it goes on without a step, whatever the tiles do. The weights are an average, not
# an agreement: what is printed under the strip is what neither tile has asked for. So each tile takes a few more steps
# from the blend, its halo now filled with what its neighbours found, and the results are blended again.

pixel, overlap = setup.pixel_nm, round(SETTINGS.overlap_nm / setup.pixel_nm)
rising = weights(overlap)
assert np.all(rising + rising[::-1] == 1) and np.all(np.diff(rising) >= 0)


def strip(levels):
    """Return what both tiles have around the seam: the right end of the left one, the left end of the right one."""
    return levels[0][:, -2 * overlap :], levels[1][:, : 2 * overlap]


def disagreement(levels):
    """Return the share of the strip around the seam that is open in one tile and closed in the other."""
    left, right = strip(levels)
    return float(np.mean((left > 0) != (right > 0)))


assert disagreement(agreed) < disagreement(alone)
shape = BlendShape((round(tiles.core_nm[1] / pixel), round(tiles.core_nm[0] / pixel)), overlap)
left_window = blended({(0, 0): agreed[0], (1, 0): agreed[1]}, shape, overlap, setup.background)
right_window = blended({(0, 0): agreed[1], (-1, 0): agreed[0]}, shape, overlap, setup.background)
assert np.array_equal(left_window[:, -2 * overlap :], right_window[:, : 2 * overlap])  # the same bits in both windows

# %%
# Looking for the seam
# --------------------
# The mask is one geometry. If the tiles can be told in it, then by edges that print worse along the seam than
# elsewhere, or by a step of an outline there. Both are measured on the polygons that are handed over.

found = result.verification
assert found is not None and result.contour_step_nm == 0 and not result.set_aside
assert found.seams.sites > 50 and found.seams.rms_nm < 1.5 * found.interior.rms_nm

# %%
# Tiles that are equal
# --------------------
# Memories repeat. Tiles with the same surroundings have the same result, so one is computed and placed many times over;
# but only where the core is a whole number of the array's steps do tiles see the same. Otherwise each sees another
# phase.

with tempfile.TemporaryDirectory() as folder:
    library = Library(unit=1e-9, precision=1e-9)
    bit = library.new_cell("bit")
    bit.add(gdstk.rectangle((20, 20), (90, 250)), gdstk.rectangle((120, 90), (180, 180)))
    library.new_cell("memory").add(gdstk.Reference(bit, columns=64, rows=40, spacing=(200, 280)))
    library.write_oas(Path(folder) / "memory.oas")
    memory = LayoutWindows(Path(folder) / "memory.oas")
    fitting = array_plan(memory, 1500.0, HALO, unit_nm=8.0)
    assert fitting is not None and fitting.core_nm[0] % 200 == fitting.core_nm[1] % 280 == 0
    careless = tile_plan(memory.bounds_nm, (1208.0, 1208.0), HALO, unit_nm=8.0)
    counts = [(plan.count, distinct_tiles(plan, memory)[0]) for plan in (careless, fitting)]
assert counts[1][1] < counts[1][0] / 4 < counts[0][1]

# %%
# The figure
# ----------

X0, Y0, X1, Y1 = tiles.box_nm
SEAM = tiles.tile(0, 0).core_nm[2]
DETAIL = (SEAM - 92, SEAM + 92, 320, 504)


def outline(axes, polygons, **style):
    """Draw polygons."""
    if polygons:
        closed = [Outline(np.concatenate([p, p[:1]]), closed=True) for p in polygons]
        axes.add_patch(PathPatch(Outline.make_compound_path(*closed), **{"facecolor": "none", **style}))


def show(axes, title, region):
    """Draw the wanted shapes and the seam."""
    outline(axes, job.source.polygons(PART), edgecolor=COLORS["ink"], linewidth=0.7, linestyle=(0, (4, 2)))
    axes.axvline(SEAM, color=COLORS["violation"], linewidth=1.1)
    axes.set(xlim=region[:2], ylim=region[2:], aspect="equal", xlabel="x, nm", ylabel="y, nm", title=title)


def outlines_of(level, place):
    """Return the outlines of a tile's level in the layout."""
    x0, y0, _, _ = tiles.tile(*place).core_nm
    corner = x0 - SETTINGS.overlap_nm, y0 - SETTINGS.overlap_nm
    return contours(level.astype(float), Grid(level.shape, (pixel, pixel), corner))


figure, axes = plt.subplots(2, 3, figsize=(14.4, 8.8))
axes[0, 0].semilogy(distance, beyond)
axes[0, 0].axvline(HALO, color=COLORS["violation"], linewidth=1.2)
axes[0, 0].annotate("halo", (HALO, 0.3), xytext=(6, 0), textcoords="offset points", color=COLORS["violation"])
axes[0, 0].set(xlabel="distance, nm", ylabel="share of the energy beyond", ylim=(1e-4, 1), xlim=(0, 600))
axes[0, 0].set_title("1  How far light reaches")

show(axes[0, 1], "2  Two cores, each with a halo around it", (X0 - HALO, X1 + HALO, Y0 - HALO, Y1 + HALO))
for number, tile in enumerate(tiles.tiles()):
    for (x0, y0, x1, y1), alpha in ((tile.field_nm, 0.12), (tile.core_nm, 0.25)):
        color = (COLORS["mask"], COLORS["band"])[number]
        axes[0, 1].add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, facecolor=color, alpha=alpha, edgecolor="none"))

for axis, levels, title in (
    (axes[0, 2], alone, "3  Each for itself"),
    (axes[1, 0], agreed, "4  Border passes"),
):
    show(axis, f"{title}, {100 * disagreement(levels):.1f} % of the strip differs", DETAIL)
    for level, place, color in zip(levels, ((0, 0), (1, 0)), (COLORS["mask"], COLORS["band"]), strict=True):
        outline(axis, outlines_of(level, place), edgecolor=color, linewidth=1.4)

outline(axes[1, 1], mask, facecolor=COLORS["mask"], alpha=0.3, linewidth=0)
show(axes[1, 1], "5  The mask: where was the seam?", (X0, X1, Y0, Y1))

for tally, name, color in ((found.interior, "interior", COLORS["target"]), (found.seams, "seam", COLORS["mask"])):
    above = 100 * (1 - np.cumsum(tally.sizes) / tally.measured)
    axes[1, 2].plot(0.01 * np.arange(len(above)), above, color=color, label=f"{name}, {tally.sites} sites")
reach = 1.1 * max(found.interior.largest_nm, found.seams.largest_nm)
axes[1, 2].set(xlim=(0, reach), ylim=(0, 100), xlabel="edge placement error, nm", ylabel="% of sites beyond")
axes[1, 2].set_title("6  Seam and interior print alike")
axes[1, 2].legend()
(many, different), (fewer, equal) = counts
told = f"A memory of 64 x 40 bits: {different} of {many} tiles differ,\n{equal} of {fewer} if cores are whole bits"
axes[1, 2].text(0.97, 0.6, told, transform=axes[1, 2].transAxes, ha="right", fontsize=8.5)
figure.savefig(FOLDER / "26_from_a_clip_to_a_chip.png")
print(f"seam {found.seams.figures(5.0)}\ninterior {found.interior.figures(5.0)}")

# %%
# From here on a chip is a matter of bookkeeping: which tile is done, which one failed, which one is equal to another,
# and who computes it. ``litho chip`` does that, on two cores or on a cluster; see the page on full chips.
