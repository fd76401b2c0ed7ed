"""
What assist features do
=======================

A lone line prints worse than one among many: off-axis light is made for dense patterns, and a lone line is none. So it
is given neighbours, bars too thin to print. This lesson says where bars help and why, how thick they may be, and what
they do to the depth of focus of a line.

Run it with ``python examples/15_what_assist_features_do.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import PercentFormatter
from scipy.optimize import brentq
from scipy.special import j1

from litho.cutline import CutLine, cut, measure
from litho.edge_area import AreaSettings
from litho.edge_image import edge_model
from litho.edge_masks import corrected_mask
from litho.grid import Grid
from litho.image import aerial_image
from litho.layout import read_layout
from litho.losses import LossWeights
from litho.opc_settings import OpcSettings, SrafSettings
from litho.process import Process
from litho.process_window import exposure_window, through_focus
from litho.pupil import Optics
from litho.raster import coverage
from litho.resources import path
from litho.rule_opc import bias_table
from litho.scene import COLORS
from litho.source import Source
from litho.srafs import brightest
from litho.tcc import socs_kernels
from litho.window_fit import latitude_curve

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))
WAVELENGTH, NA, INNER, OUTER = 193.0, 1.35, 0.6, 0.9
GOAL, BAR = 60.0, 30.0  # widths, nm
optics = Optics(wavelength_nm=WAVELENGTH, na=NA, immersion_index=1.44, source=Source.annular(INNER, OUTER))
process = Process()
T = process.resist.threshold

# %%
# Two minus signs
# ---------------
# Beside an opening the field of a lens swings: at a distance d from a long thin one it is as :math:`\mathrm{sinc}`, and
# negative in the first side lobe. Light from a ring is only partly coherent: fields at a distance d from each other
# have the *mutual coherence* :math:`\gamma`, the Fourier transform of the source, which is negative at some distances,
# too. What a bar adds to the light on the line goes with the product,
#
# .. math:: \gamma(d) \, \mathrm{sinc}(2 \, \mathrm{NA} \, d / \lambda), \qquad
#           \gamma(d) = 2 \, \frac{\sigma_2 J_1(a \sigma_2) - \sigma_1 J_1(a \sigma_1)}{a (\sigma_2^2 - \sigma_1^2)},
#           \quad a = 2 \pi \, \mathrm{NA} \, d / \lambda .
#
# It is largest where both are negative.

distances = np.arange(80.0, 181.0, 10.0)
finer = np.linspace(80, 180, 1001)


def interference(d):
    """Return mutual coherence times field, between two thin lines."""
    a = 2 * np.pi * NA * d / WAVELENGTH
    coherence = 2 * (OUTER * j1(a * OUTER) - INNER * j1(a * INNER)) / (a * (OUTER**2 - INNER**2))
    return coherence * np.sinc(2 * NA * d / WAVELENGTH)


predicted = finer[np.argmax(interference(finer))]

# %%
# Does it hold for a line of 60 nm and bars of 30 nm? The line is drawn so wide that it prints on size. What tells how
# well it is imaged is the normalised image log-slope at its edge.

FIELD = Grid((2, 280), (5.0, 5.0), (-700.0, -5.0))
ACROSS = CutLine((-350, 0), (350, 0))


def image_of(width, distance=None, bar=BAR, z=0.0):
    """Return the image of a long line along y, with a bar on each side if there is a distance to it."""
    middles = [(0.0, width)] if distance is None else [(0.0, width), (-distance, bar), (distance, bar)]
    shapes = [np.array([[c - w / 2, -5], [c + w / 2, -5], [c + w / 2, 5], [c - w / 2, 5]]) for c, w in middles]
    return aerial_image(shapes, optics, FIELD, defocus_nm=z, method="abbe", spacing=0.05)


def at_edge(image):
    """Return the intensity where the edge of the line is wanted."""
    return float(image.at(np.array([GOAL / 2]), np.zeros(1))[0])


def sized(distance=None, bar=BAR):
    """Return the width of the line that prints on size."""
    return brentq(lambda width: at_edge(image_of(width, distance, bar)) - T, 40, 100, xtol=0.1)


def nils(image):
    """Return the normalised image log-slope of the line."""
    return measure(cut(image, ACROSS), ACROSS, T, near_nm=(0, 0)).nils


alone = image_of(sized())
slopes = np.array([nils(image_of(sized(d), d)) for d in distances])
best = distances[np.argmax(slopes)]
assert abs(best - predicted) <= 10
assert slopes.max() > 1.25 * nils(alone)
assert slopes.min() < 0.8 * nils(alone)  # at a wrong distance bars do harm

# %%
# How thick?
# ----------
# Thicker bars help more, up to a point. Before they get there they print themselves, which must not be, at any corner
# of the process: 4 % more dose is the worst of them.

most_dose = max(corner.dose for corner in process.corners)
thick = np.arange(20.0, 66.0, 5.0)
helped, bar_light = [], []
for bar in thick:
    image = image_of(sized(best, bar), best, bar)
    helped.append(nils(image))
    around = best + np.linspace(-40, 40, 41)
    bar_light.append(most_dose * image.at(around, 0 * around).max() / T)
thickest = np.interp(1.0, bar_light, thick)
assert np.all(np.diff(bar_light) > 0) and bar_light[0] < 0.6 < 1 < bar_light[-1]
assert np.interp(BAR, thick, bar_light) < 0.8
assert helped[0] < helped[3] and thick[np.argmax(helped)] > thickest

# %%
# A real line
# -----------
# One line of 60 x 1000 nm from the sample layouts, corrected three times by its edges: alone, with bars by a rule, and
# with bars where the gradient of the loss asks for light (the *inverse image*). The rule is what was just found: the
# near side of a bar of 30 nm stands at the best distance less half of both widths, and a second row as far again.

drawn = read_layout(path("masks", "isolated_line.gds")).polygons()
grid = Grid.over((1536, 768), 4, origin_nm=(30 - 384, 500 - 768))
kernels = tuple(socs_kernels(optics, grid.period_nm, z, max_error=0.05) for z in process.foci_nm)
model = edge_model(grid, process, kernels)
table = bias_table(model, (GOAL,), (300.0,))
area = AreaSettings(steps=30, weights=LossWeights(1.0, 1.0, 0.0))
near = float(best - GOAL / 2 - BAR / 2)
ways = {
    "no bars": SrafSettings("none"),
    "bars by rule": SrafSettings("rules", distances_nm=(near, near + best)),
    "bars by inverse image": SrafSettings("image"),
}
found = {
    name: corrected_mask(drawn, model, coverage(drawn, grid), OpcSettings(area=area, srafs=way), table=table)
    for name, way in ways.items()
}
masks = {name: result.outlines() for name, result in found.items()}

# %%
# Through focus: where the width stays within 10 %, and with which doses. And the brightest place on and around any bar,
# at the corners of the process, where it is compared with what would print.

foci = np.linspace(-160, 160, 17)
middle = CutLine((30 - 200, 500), (30 + 200, 500))
series, windows, depth, peaks = {}, {}, {}, {}
for name, polygons in masks.items():
    images = {z: aerial_image(polygons, optics, grid, defocus_nm=z, spacing=0.1) for z in foci[foci >= 0]}
    series[name] = through_focus([images[abs(z)] for z in foci], foci, middle, T, near_nm=(30, 500))
    windows[name] = latitude_curve(exposure_window(series[name], GOAL))
    depth[name] = windows[name].depth_of_focus_nm(0.05)
    bars = polygons[len(polygons) - len(found[name].bars) :]
    at_corners = [images[corner.defocus_nm] for corner in process.corners]
    peaks[name] = brightest(bars, at_corners, [corner.dose for corner in process.corners]) / T
for name in ("bars by rule", "bars by inverse image"):
    assert depth[name] > 1.4 * depth["no bars"]
    assert series[name].nominal.nils > 1.2 * series["no bars"].nominal.nils
    assert 0.4 < peaks[name].max() < 0.95  # no bar prints at any corner

# %%
# The figure
# ----------
# Above, the long line: its image with and without bars, what the distance of the bars does (dots; the dashed curve is
# the product of the formula, to a scale of its own), and what their thickness does. Below, one end of the real line
# with its two sets of bars, and the exposure latitude that each mask leaves over the depth of focus.

REGION = (-270, 330, 560, 1160)  # x0, x1, y0, y1
STYLES = {"no bars": COLORS["target"], "bars by rule": COLORS["mask"], "bars by inverse image": COLORS["print"]}


def outline(axes, polygons, **style):
    """Draw polygons."""
    closed = [Outline(np.concatenate([p, p[:1]]), closed=True) for p in polygons]
    axes.add_patch(PathPatch(Outline.make_compound_path(*closed), **{"facecolor": "none", **style}))


figure, axes = plt.subplots(2, 3, figsize=(13.6, 8.2), height_ratios=(1, 1.25))
x = np.linspace(-250, 250, 501)
for image, color, label in (
    (alone, COLORS["target"], "line alone"),
    (image_of(sized(best), best), COLORS["mask"], f"bars at {best:g} nm"),
):
    axes[0, 0].plot(x, image.at(x, 0 * x), color=color, label=f"{label}: NILS {nils(image):.2f}")
axes[0, 0].axhline(T, color=COLORS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
axes[0, 0].text(245, T + 0.01, "threshold", ha="right", fontsize=8.5, color=COLORS["muted"])
axes[0, 0].axvspan(-GOAL / 2, GOAL / 2, ymax=0.68, color=COLORS["grid"], alpha=0.6, linewidth=0)
axes[0, 0].set(xlim=(-250, 250), ylim=(0, 0.75), xlabel="x, nm", ylabel="intensity / clear field", title="1  Image")
axes[0, 0].legend(loc="upper left")

scale = (slopes.max() - nils(alone)) / interference(finer).max()
axes[0, 1].plot(finer, nils(alone) + scale * interference(finer), "--", color=COLORS["muted"], linewidth=1.2)
axes[0, 1].plot(distances, slopes, "o-", color=COLORS["mask"], markersize=4, linewidth=1)
axes[0, 1].axhline(nils(alone), color=COLORS["target"], linewidth=0.9)
axes[0, 1].text(112, nils(alone) - 0.06, "line alone", ha="center", fontsize=8.5, color=COLORS["target"])
axes[0, 1].set(xlabel="distance of line and bar, middle to middle, nm", ylabel="NILS", ylim=(1, 2.2))
axes[0, 1].set_title("2  Where bars help")

axes[0, 2].plot(
    thick, np.array(helped) / nils(alone), "o-", color=COLORS["mask"], markersize=4, label="NILS / line alone"
)
axes[0, 2].plot(thick, bar_light, "o-", color=COLORS["violation"], markersize=4, label="light on the bar / threshold")
axes[0, 2].axvspan(thickest, thick[-1], color=COLORS["violation"], alpha=0.1, linewidth=0)
axes[0, 2].text(thickest + 1, 0.3, f"prints from {thickest:.0f} nm on", fontsize=8.5, color=COLORS["violation"])
axes[0, 2].set(
    xlim=(thick[0], thick[-1]), ylim=(0.2, 2.3), xlabel="width of the bar, nm", title="3  How thick bars may be"
)
axes[0, 2].legend(loc="upper left")

for panel, number, name in zip(axes[1], (4, 5), list(ways)[1:], strict=False):
    outline(panel, masks[name], facecolor=COLORS["mask"], alpha=0.25, linewidth=0)
    outline(panel, masks[name], edgecolor=COLORS["mask"], linewidth=1)
    outline(panel, drawn, edgecolor=COLORS["ink"], linewidth=0.8, linestyle=(0, (4, 2)))
    bounds = np.linspace(REGION[0], REGION[1], 301), np.linspace(REGION[2], REGION[3], 301)
    image = aerial_image(masks[name], optics, grid, spacing=0.1)
    shown = image.at(*(a.ravel() for a in np.meshgrid(*bounds))).reshape(301, 301)
    panel.contour(*bounds, shown, [T], colors=[COLORS["print"]], linewidths=1.3)
    panel.set(xlim=REGION[:2], ylim=REGION[2:], aspect="equal", xlabel="x, nm", ylabel="y, nm")
    panel.set_title(f"{number}  {name.capitalize()}\n    brightest: {peaks[name].max():.0%} of the threshold")
for name, curve in windows.items():
    axes[1, 2].plot(
        np.append(0, curve.dof_nm),
        np.append(curve.latitude[:1], curve.latitude),
        color=STYLES[name],
        label=f"{name}: {depth[name]:.0f} nm at 5 %",
    )
axes[1, 2].axhline(0.05, color=COLORS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
axes[1, 2].set(xlim=(0, 220), ylim=(0, 0.27), yticks=np.arange(0, 0.26, 0.05))
axes[1, 2].set(xlabel="depth of focus, nm", ylabel="exposure latitude")
axes[1, 2].set_title("6  Latitude over depth of focus")
axes[1, 2].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
axes[1, 2].legend(loc="upper center")
figure.savefig(FOLDER / "15_what_assist_features_do.png")
print(f"best distance {best:g} nm, predicted {predicted:.0f} nm; bars print from {thickest:.1f} nm on")
for name in masks:
    print(f"{name}: NILS {series[name].nominal.nils:.2f}, depth of focus {depth[name]:.0f} nm at 5 % latitude")

# %%
# Bars by rule do as well here as those by the inverse image, for one lone line is what the rule was made for. Where
# shapes stand in every distance from each other, there is no such rule, and the inverse image still works.
#
# Try it: turn the ring into a small disc, ``Source.conventional(0.3)``, whose mutual coherence at this distance is
# positive. What do the bars do now?
