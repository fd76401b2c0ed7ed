"""
Level set against pixels
========================

Two ways to search for a mask. Pixels are free to be grey, and harden as the search goes on. A *level set* is sharp
from its first step: it is the mask's edge itself that moves, and the field it is the zero of is a distance. This lesson
looks at how an edge is moved, what it cannot do by itself, and which of the two finds the better mask.

Run it with ``python examples/16_level_set_against_pixels.py [folder]``; it writes one figure there.
"""

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from litho.contour import contours, drop_specks
from litho.grid import Grid
from litho.layout import read_layout
from litho.level_set import curvature, level_coverage, moved
from litho.level_set_ilt import LevelSetSettings, LevelSetStage, level_set_ilt
from litho.level_set_steps import LevelProblem
from litho.metrics import EpeRule, evaluate
from litho.model import aerial_images, print_model
from litho.nucleation import seeded
from litho.pixel_ilt import IltSettings, Stage, ilt, stage_problem
from litho.process import Process, expose
from litho.pupil import Optics
from litho.raster import coverage
from litho.resist import prints
from litho.resources import path
from litho.scene import COLORS
from litho.signed_distance import signed_distance
from litho.source import Source
from litho.tcc import socs_kernels

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# A field of distances
# --------------------
# Let :math:`\phi` be positive inside the mask and negative outside. Many fields have the same zero contour; the best to
# work with is the *signed distance* to it, in nm. Here is a disc given by a field that is no distance at all. What
# ``signed_distance`` makes of it agrees with the true distance to a hundredth of a pixel, so the edge has not moved.

grid = Grid((64, 64), (4.0, 4.0))
x, y = np.meshgrid((np.arange(64) + 0.5) * 4, (np.arange(64) + 0.5) * 4)
true = 80 - np.hypot(x - 127, y - 129)
distance = signed_distance(np.sinh(true / 30) * (1 + 0.3 * np.sin(x / 60)), grid, reach_nm=24)
near = np.abs(true) < 4
assert np.abs(distance - true)[near].max() < 0.01 * 4

# %%
# An edge that moves outwards with the speed v obeys
#
# .. math:: \frac{\partial \phi}{\partial t} = v \, |\nabla \phi| ,
#
# and no step may carry it farther than about a pixel (Courant, Friedrichs and Lewy). After 20 units of time at v = 1
# the disc has grown by 20 nm. Its curvature is 1 / r wherever one looks.

grown = moved(signed_distance(true, grid, 60.0), np.ones_like(true), 20.0, grid)
assert np.abs(grown - (true + 20))[np.abs(true + 20) < 4].max() < 0.02 * 4
assert np.abs(curvature(true, grid) * (80 - true) - 1)[near].max() < 2e-3

# %%
# The problem
# -----------
# Two combs, from the sample layouts; their teeth end 60 nm from each other's back.

optics = Optics(wavelength_nm=193, na=1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
process = Process()
drawn = read_layout(path("masks", "t_junctions.oas")).polygons()
grid = Grid.over((1280, 1536), 4, origin_nm=(510 - 768, 340 - 640))
target = coverage(drawn, grid)[None, ...]
kernels = tuple(socs_kernels(optics, grid.period_nm, z, max_error=0.05) for z in process.foci_nm)

# %%
# Where an edge wants to go
# -------------------------
# The adjoint gives the derivative of the loss by the coverage of every pixel. On the edge it says how the loss changes
# when the edge moves out: the *shape gradient*, and the best speed is minus that. Does it hold? Move all edges by a
# little, out and in, and compare. (Edges that lie just between two rows of pixels have a gradient for either row; the
# mask is drawn 1 nm larger, so that none does.)

problem = LevelProblem(stage_problem(target, grid, process, kernels, IltSettings(), Stage(4, 1, 1, 50)))
level = signed_distance(problem.smoothing(target) - 0.5, grid, 32.0) + 1.0
_, coverage_bar, level_bar = problem.loss(level)
outwards, inwards = (problem.loss(level + shift)[0][0] for shift in (0.1, -0.1))
assert np.isclose((outwards - inwards) / 0.2, level_bar.sum(), rtol=1e-3)

# %%
# What an edge cannot do
# ----------------------
# So edges are moved, from coarse to fine grids, and after each leg of steps the field is made a distance again. Edges
# move, merge and vanish, but where there is none, none appears. Far from the pattern the same derivative says what a
# *new* opening would change: there it is called the topological derivative. Islands are put where it is most negative
# beside its neighbourhood: many at first, of which those that do not help shrink and vanish as the edges move on.

stages = LevelSetStage(8, 42, 30, seedings=2), LevelSetStage(8, 14, 50), LevelSetStage(4, 14, 150)
edges = LevelSetSettings(stages=stages, leg_steps=14)
bare = replace(edges, stages=(replace(stages[0], seedings=0), *stages[1:]))
found = {"edges only": level_set_ilt(target, grid, process, kernels, bare)}
settled = found["edges only"].level
_, promise, _ = problem.loss(settled)
born = seeded(settled, promise, grid, edges.seeding, 32.0)
assert ((born > 0) & (settled < 0)).any()
assert level_coverage(born)[0].sum() > level_coverage(settled)[0].sum()

# %%
# Three searches
# --------------
# Once more, with islands; and pixels, on the same grids, with the same loss and as many steps.

grey = IltSettings(stages=(Stage(8, 42, 4, 30), Stage(8, 14, 8, 50), Stage(4, 14, 16, 150)))
found["edges and islands"] = level_set_ilt(target, grid, process, kernels, edges)
found["pixels"] = ilt(target, grid, process, kernels, grey)

# %%
# The judge sees sharp prints on pixels of 2 nm, of the masks as they would be written.

fine = grid.resampled(2)
judge = print_model(grid, process, kernels, target, print_grid=fine)
wanted = coverage(drawn, fine) >= 0.5
outlines, figures, bands = {}, {}, {}
for name, result in found.items():
    outlines[name] = drop_specks(contours(result.level[0], grid), min_area_nm2=500)
    images = expose(aerial_images(coverage(outlines[name], grid), judge)[0], process)
    sharp = prints(images, process.resist)
    figures[name] = evaluate(sharp[0], sharp[1:], wanted, fine, EpeRule(joined_edges=False))
    bands[name] = [contours(image, fine, process.resist.threshold) for image in images]
wrong = {name: f.l2_nm2 + f.pv_band_nm2 for name, f in figures.items()}
assert wrong["edges and islands"] < 0.97 * wrong["edges only"]
assert wrong["edges and islands"] < 1.15 * wrong["pixels"]
assert len(outlines["edges only"]) < len(outlines["edges and islands"])
for result in found.values():
    for stage in result.history:
        assert np.all(np.diff(stage.values[:, 0]) <= 0)

# %%
# The figure
# ----------
# Above: the shape gradient with the edge at the start (blue: open here, red: close here), the islands that are born
# once edges have settled, and the loss of each search. Below: the three masks, with what they print and the band
# between the corners.

REGION = (-230, 1250, -280, 960)  # x0, x1, y0, y1


def outline(axes, polygons, **style):
    """Draw polygons; those that run clockwise are holes."""
    closed = [Outline(np.concatenate([p, p[:1]]), closed=True) for p in polygons]
    axes.add_patch(PathPatch(Outline.make_compound_path(*closed), **{"facecolor": "none", **style}))


def show_drawn(axes, title):
    """Draw the wanted shapes dashed, and the axes."""
    outline(axes, drawn, edgecolor=COLORS["ink"], linewidth=0.8, linestyle=(0, (4, 2)))
    axes.set(xlim=REGION[:2], ylim=REGION[2:], aspect="equal", xlabel="x, nm", ylabel="y, nm", title=title)


figure, axes = plt.subplots(2, 3, figsize=(13.6, 8.2))
x0, y0, x1, y1 = grid.bounds_nm
derivative = coverage_bar[0] / grid.pixel_area_nm2
limit = np.quantile(np.abs(derivative), 0.98)
picture = axes[0, 0].imshow(derivative, extent=(x0, x1, y0, y1), cmap="RdBu_r", vmin=-limit, vmax=limit)
figure.colorbar(picture, cax=axes[0, 0].inset_axes((1.02, 0, 0.03, 1)))
outline(axes[0, 0], contours(level[0], grid), edgecolor=COLORS["mask"], linewidth=1.2)
show_drawn(axes[0, 0], "1  Loss by coverage, nm² per nm²")
outline(axes[0, 1], contours(born[0], grid), facecolor=COLORS["mask"], alpha=0.3, linewidth=0)
outline(axes[0, 1], contours(born[0], grid), edgecolor=COLORS["mask"], linewidth=1)
show_drawn(axes[0, 1], "2  Islands are born")
STYLES = {"edges only": COLORS["violation"], "edges and islands": COLORS["mask"], "pixels": COLORS["print"]}
for name, result in found.items():
    steps = 0
    for stage in result.history:
        count = steps + np.arange(len(stage.values))
        steps = count[-1]
        label = name if stage is result.history[0] else None
        axes[0, 2].plot(count, stage.values[:, 0], color=STYLES[name], label=label)
axes[0, 2].set(yscale="log", xlabel="step", ylabel="loss, nm²", title="3  Loss of the best mask so far")
axes[0, 2].legend()
axes[0, 2].set_box_aspect((REGION[3] - REGION[2]) / (REGION[1] - REGION[0]))
axes[0, 2].yaxis.set_minor_formatter("{x:,.0f}")
for panel, (name, polygons) in zip(axes[1], outlines.items(), strict=True):
    outline(panel, polygons, facecolor=COLORS["mask"], alpha=0.3, linewidth=0)
    nominal, most, least = bands[name]
    outline(panel, [*most, *(ring[::-1] for ring in least)], facecolor=COLORS["band"], alpha=0.75, linewidth=0)
    outline(panel, nominal, edgecolor=COLORS["print"], linewidth=1)
    show_drawn(panel, f"{name}: {wrong[name]:,.0f} nm² wrong")
figure.savefig(FOLDER / "16_level_set_against_pixels.png")
for name, score in figures.items():
    print(f"{name}: {score.as_dict()}, {len(outlines[name])} outlines")

# %%
# Grey pixels can try every island at once and let go of most; an edge must be told where to begin. So pixels are a
# little ahead, and level sets come close only because islands are born. What speaks for edges is that every mask on
# their way is one that could be written: their loss is that of a sharp mask from the first step on.
