"""
From rules to inverse lithography
=================================

Four generations of correction on one pattern. *Rules* move edges by what a table says. *Edge-based correction* (OPC)
simulates, and moves each piece of an edge until its print stands where it should; *assist features* beside the pattern
come next. *Inverse lithography* drops edges altogether and asks every pixel. Each prints better than the one before.
The last one costs more.

Run it with ``python examples/14_from_rules_to_inverse.py [folder]``; it writes one figure there.
"""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from litho.contour import contours, drop_specks
from litho.edge_area import AreaSettings
from litho.edge_image import edge_model
from litho.edge_masks import corrected_mask
from litho.edge_opc import StepSettings
from litho.grid import Grid
from litho.layout import read_layout
from litho.losses import LossWeights
from litho.metrics import EpeRule, evaluate
from litho.model import aerial_images, print_model
from litho.opc_settings import OpcSettings, SrafSettings
from litho.pixel_ilt import IltSettings, Stage, ilt
from litho.process import Process, expose
from litho.pupil import Optics
from litho.raster import coverage
from litho.resist import prints
from litho.resources import path
from litho.rule_opc import bias_table
from litho.scene import COLORS
from litho.shots import greedy_rectangles
from litho.source import Source
from litho.tcc import socs_kernels

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# The pattern
# -----------
# Seven lines of 55 nm at a pitch of 130 nm, cut by gaps of 60 nm, above a bar; and the corners of the process: 4 % more
# dose, and 4 % less at a defocus of 40 nm.

optics = Optics(wavelength_nm=193, na=1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
process = Process()
drawn = read_layout(path("masks", "line_ends.oas")).polygons()
grid = Grid.over((1536, 1280), 4, origin_nm=(417 - 640, 500 - 768))
target = coverage(drawn, grid)
kernels = tuple(socs_kernels(optics, grid.period_nm, z, max_error=0.05) for z in process.foci_nm)

# %%
# Rules
# -----
# A table says how far an edge moves, by the width of its shape and the space before it. It is made once for a process,
# from long lines: here by the model itself. Ends of lines grow by a fixed length and get hammerheads, other corners get
# serifs. Nothing of this pattern is simulated.

model = edge_model(grid, process, kernels)
widths, spaces = (55.0, 70.0, 100.0), (60.0, 75.0, 120.0, 250.0)
table = bias_table(model, widths, spaces)
no_bars = SrafSettings("none")
rules_only = OpcSettings(edges=StepSettings(steps=0), area=AreaSettings(steps=0), srafs=no_bars)
for width, row in zip(widths, table.bias_nm, strict=True):
    print(
        f"bias of a line of {width:g} nm: " + ", ".join(f"{b:+.1f} at {s:g}" for s, b in zip(spaces, row, strict=True))
    )

# %%
# Edges
# -----
# Now the print of this very mask is looked at. Every edge is cut into fragments, each with a site where the printed
# edge is wanted, and each step moves all of them at once, by the matrix of what each does to each. The last steps look
# at the whole print, between the sites too, and at the corners of the process.
#
# Then bars are laid beside the pattern, where the gradient of the loss says that light would help; too thin to print.

weights = LossWeights(1.0, 1.0, 0.0)
steps, whole_print = StepSettings(steps=3), AreaSettings(steps=20, weights=weights)
on_edges = OpcSettings(edges=steps, area=whole_print, srafs=no_bars)
with_bars = replace(on_edges, srafs=SrafSettings("image"))
recipes = {"rules": rules_only, "edges": on_edges, "edges and bars": with_bars}
found = {name: corrected_mask(drawn, model, target, recipe, table=table) for name, recipe in recipes.items()}
masks = {"nothing": drawn, **{name: result.outlines() for name, result in found.items()}}
assert found["edges"].lost == 0
assert not any(len(result.broken_nm) for result in found.values())

# %%
# Pixels
# ------
# And inverse lithography, as in the lesson on one mask. Its outlines are free to bend.

stages = Stage(8, 36, 4, 30), Stage(8, 14, 8, 50), Stage(4, 14, 16, 150)
result = ilt(target[None], grid, process, kernels, IltSettings(stages=stages))
masks["pixels"] = drop_specks(contours(result.level[0], grid), min_area_nm2=500)

# %%
# The judge
# ---------
# The same for all: sharp prints on pixels of 2 nm, the area printed wrong, the band between the corners, edges that are
# off by more than 15 nm; and how many rectangular shots the mask takes, the largest that is left first, on 4 nm.

fine = grid.resampled(2)
judge = print_model(grid, process, kernels, target, print_grid=fine)
wanted = coverage(drawn, fine) >= 0.5
scores, bands, shots = {}, {}, {}
for name, polygons in masks.items():
    images = expose(aerial_images(coverage(polygons, grid)[None], judge)[0], process)[:, 0]
    sharp = prints(images, process.resist)
    scores[name] = evaluate(sharp[0], sharp[1:], wanted, fine, EpeRule(joined_edges=False))
    bands[name] = [contours(image, fine, process.resist.threshold) for image in images]
    shots[name] = greedy_rectangles(coverage(polygons, fine) >= 0.5, fine).count
wrong = {name: s.l2_nm2 + s.pv_band_nm2 for name, s in scores.items()}

# %%
# Each leaves less wrong than the one before, area and band together, and fewer edges off. From rules to bars each step
# asks for more computing but hardly for more shots. Pixels do: their curved outlines take more than ten times as many
# rectangles. A later lesson looks at what can be done about that.
#
# And the table has a hole: it knows long lines. Ends that grow by a fixed length meet across their gaps, and the print
# is one shape where two were drawn. Whoever writes rules finds such places one by one; a simulation sees them.

names = list(masks)
for before, after in pairwise(names):
    assert wrong[after] < wrong[before]
    assert scores[after].epe_violations < scores[before].epe_violations
print_counts = {name: len(nominal) for name, (nominal, *_) in bands.items()}
assert print_counts["rules"] < len(drawn)  # ends that moved by the table meet across their gap
assert print_counts["edges"] == print_counts["edges and bars"] == print_counts["pixels"] == len(drawn)
assert wrong["rules"] < 0.6 * wrong["nothing"]
assert wrong["edges and bars"] < 1.3 * wrong["pixels"]
assert shots["edges and bars"] < 1.5 * shots["rules"]
assert shots["pixels"] > 10 * shots["edges and bars"]

# %%
# The figure
# ----------
# The upper part of the pattern, lines and gaps: the masks (blue), what they print (green), the band between the corners
# (yellow) and what is wanted (dashed). Last, what each costs and what is left.

REGION = (-180, 600, 450, 1150)  # x0, x1, y0, y1


def outline(axes, polygons, **style):
    """Draw polygons; those that run clockwise are holes."""
    closed = [Outline(np.concatenate([p, p[:1]]), closed=True) for p in polygons]
    axes.add_patch(PathPatch(Outline.make_compound_path(*closed), **{"facecolor": "none", **style}))


figure, axes = plt.subplots(2, 3, figsize=(13.6, 8.8))
for panel, (name, polygons) in zip(axes.flat, masks.items(), strict=False):
    nominal, most, least = bands[name]
    outline(panel, polygons, facecolor=COLORS["mask"], alpha=0.25, linewidth=0)
    outline(panel, polygons, edgecolor=COLORS["mask"], linewidth=0.9)
    outline(panel, [*most, *(ring[::-1] for ring in least)], facecolor=COLORS["band"], alpha=0.75, linewidth=0)
    outline(panel, nominal, edgecolor=COLORS["print"], linewidth=1.3)
    outline(panel, drawn, edgecolor=COLORS["ink"], linewidth=0.8, linestyle=(0, (4, 2)))
    panel.set(xlim=REGION[:2], ylim=REGION[2:], aspect="equal", xlabel="x, nm", ylabel="y, nm")
    score = scores[name]
    panel.set_title(
        f"{name.capitalize()}: {shots[name]:,} shots\nL2 {score.l2_nm2:,.0f} nm², band {score.pv_band_nm2:,.0f} nm², "
        f"EPE {score.epe_violations}"
    )
last = axes[1, 2]
last.plot(shots.values(), wrong.values(), color=COLORS["grid"], zorder=0)
ABOVE_LEFT = {"pixels", "edges"}
for name in names:
    last.plot(shots[name], wrong[name], "o", color=COLORS["mask"], markersize=7)
    at, side = ((-8, 6), "right") if name in ABOVE_LEFT else ((8, 6), "left")
    last.annotate(name, (shots[name], wrong[name]), xytext=at, textcoords="offset points", ha=side)
last.set(xscale="log", xlim=(10, 4000), ylim=(0, 215_000), xlabel="shots", ylabel="L2 + band, nm²")
last.set_title("What it costs, what is left")
last.yaxis.set_major_formatter("{x:,.0f}")
last.xaxis.set_major_formatter("{x:,.0f}")
figure.savefig(FOLDER / "14_from_rules_to_inverse.png")
for name, score in scores.items():
    print(f"{name}: {score.as_dict()}, {shots[name]} shots")

# %%
# Why do people still write rules? A table is applied in a moment to a chip of a billion shapes, and is the start of all
# that follows. Try it: give the edges longer fragments, ``OpcSettings(fragments=FragmentSettings(run_nm=120))``. How
# many shots does that save, and what does it cost?
