"""
Process windows
===============

No scanner hits dose and focus exactly. What counts of a pattern is how far both may be off until its width is wrong.
This lesson measures that: width through focus and dose, the window of both, what it leaves, and how little is left when
two patterns must share it.

Run it with ``python examples/11_process_windows.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.ticker import PercentFormatter
from scipy.optimize import brentq

from litho.cutline import CutLine
from litho.grid import Grid
from litho.image import aerial_image
from litho.mask import Mask
from litho.process_window import exposure_window, isofocal_dose, overlap, runs, spline, through_focus
from litho.pupil import Optics
from litho.scene import COLORS
from litho.source import Source
from litho.window_fit import latitude_curve

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))
WAVELENGTH, NA, TOLERANCE = 193.0, 0.85, 0.1


def series_of(width, pitch, source, foci, threshold):
    """Return an opaque line through focus: resist stays where the intensity is below the threshold."""
    lens = Optics(wavelength_nm=WAVELENGTH, na=NA, source=source)
    a, b = width / 2, 5.0
    line = np.array([[-a, -b], [a, -b], [a, b], [-a, b]])
    grid = Grid((2, 128), (5.0, pitch / 128), (-pitch / 2, -5.0))
    opaque = Mask.binary("bright field")
    images = [aerial_image([line], lens, grid, defocus_nm=z, mask_type=opaque, method="abbe") for z in foci]
    reach = min(pitch / 2, 300.0)
    return through_focus(images, foci, CutLine((-reach, 0), (reach, 0)), threshold, tone="dark")


# %%
# Three beams
# -----------
# Opaque lines of 78 nm every 260 nm, in straight, coherent light: three orders pass, :math:`a_0 = 0.7` (the open share)
# and twice :math:`a_1 = \sin(0.3 \pi) / \pi`. A defocus z turns the outer ones by
#
# .. math:: \varphi = \frac{2 \pi z}{\lambda} \left( 1 - \sqrt{1 - (\lambda / p)^2} \right)
#
# and with :math:`C = \cos(2 \pi x / p)`, x from the middle of a line, the intensity is
#
# .. math:: I = a_0^2 - 4 a_0 a_1 \, C \cos \varphi + 4 a_1^2 C^2.
#
# Resist of the threshold T at the dose D has its edges where I = T / D, so the width of a line is
#
# .. math:: w = \frac{p}{\pi} \arccos \frac{a_0 \cos \varphi - \sqrt{T / D - a_0^2 \sin^2 \varphi}}{2 a_1}.

PITCH, DRAWN = 260.0, 78.0
A0, A1 = 1 - DRAWN / PITCH, np.sin(np.pi * DRAWN / PITCH) / np.pi
THRESHOLD = A0**2
foci = np.linspace(-100, 100, 17)
doses = np.array([0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15])
three_beams = series_of(DRAWN, PITCH, Source.point(), foci, THRESHOLD)


def phase(z):
    """Return the phase of the first orders."""
    return 2 * np.pi * z / WAVELENGTH * (1 - np.sqrt(1 - (WAVELENGTH / PITCH) ** 2))


def width_of(z, dose):
    """Return the width of a line."""
    root = np.sqrt(THRESHOLD / dose - (A0 * np.sin(phase(z))) ** 2)
    return PITCH / np.pi * np.arccos((A0 * np.cos(phase(z)) - root) / (2 * A1))


bossung = three_beams.cd_nm(doses)
width_error = np.abs(bossung - width_of(foci[:, None], doses)).max()
assert width_error < 1e-9  # nm

# %%
# These are the *Bossung curves*. At the dose :math:`T / a_0^2` the formula gives w = p / 2 at any focus: this is the
# *isofocal dose*. Below it the curves bend one way, above it the other. The lines are drawn thin so that they print
# p / 2 wide at this very dose. (Further out of focus than 100 nm light gets into their middle, and they split.)

isofocal, isofocal_width = isofocal_dose(three_beams)
assert abs(isofocal - THRESHOLD / A0**2) < 1e-5
assert abs(isofocal_width - PITCH / 2) < 1e-3

# %%
# Latitude
# --------
# Say the width may be wrong by 10 %. The dose may then vary by the *exposure latitude*. Edges move as the logarithm of
# the dose, over the slope of the logarithm of the image, so in focus the latitude is nearly a tenth of the NILS:
#
# .. math:: \frac{\Delta D}{D} \approx 0.1 \, \mathrm{NILS}, \qquad \mathrm{NILS} = w \, \frac{d \ln I}{dx}.
#
# Out of focus less is left. A rectangle of dose and focus fits if its corners do, and with
# :math:`s = \sin(\pi / 20)` the formula above gives the latitude that a rectangle of the depth 2 z has:
#
# .. math:: EL(z) = \frac{8 a_0 a_1 s}{a_0^2 + 4 a_1^2 s^2} \, \cos \varphi(z).

window = exposure_window(three_beams, PITCH / 2, TOLERANCE)
rectangles, ellipses = latitude_curve(window, "rectangle"), latitude_curve(window, "ellipse")
s = np.sin(np.pi / 2 * TOLERANCE)
predicted = 8 * A0 * A1 * s / (A0**2 + 4 * A1**2 * s**2) * np.cos(phase(rectangles.dof_nm / 2))
latitude_error = np.abs(rectangles.latitude - predicted).max()
assert latitude_error < 1e-4


def latitude_in_focus(window):
    """Return the exposure latitude in the middle of the range of focus, where the dose to size is 1."""
    middle = len(window.foci_nm) // 2
    return window.high[middle] - window.low[middle]


nils = three_beams.nominal.nils
assert abs(latitude_in_focus(window) - TOLERANCE * nils) < 0.03 * TOLERANCE * nils

# %%
# Errors of dose and focus that scatter independently seldom are both large. An ellipse spares the corners, and so it is
# deeper at the same latitude.

rectangle, ellipse = rectangles.at(140.0), ellipses.at(140.0)
assert ellipse.latitude > 1.2 * rectangle.latitude

# %%
# Two patterns
# ------------
# A chip has dense lines and lone ones, and one exposure for both. Take lines of 110 nm, dense and isolated, and a
# source that is a disc. Drawn alike they want different doses (the *iso-dense bias*), and share little. So the isolated
# line is drawn thinner, until it wants the dose of the dense ones.

GOAL, DENSE, ISOLATED = 110.0, 220.0, 1200.0
disc, depths, focus = Source.conventional(0.7), np.linspace(-320, 320, 17), np.zeros(1)
level = 0.3 / series_of(GOAL, DENSE, disc, focus, 0.3).dose_to_size(GOAL)[0]  # the dense lines want the dose 1


def excess(width):
    """Return how much more dose than the dense lines an isolated line of the mask wants."""
    return series_of(width, ISOLATED, disc, focus, level).dose_to_size(GOAL)[0] - 1


drawn = brentq(excess, GOAL - 25, GOAL, xtol=0.05)
patterns = {"dense": (GOAL, DENSE), "isolated": (drawn, ISOLATED), "isolated, drawn alike": (GOAL, ISOLATED)}
patterns = {name: series_of(*sizes, disc, depths, level) for name, sizes in patterns.items()}
windows = {name: exposure_window(series, GOAL, TOLERANCE) for name, series in patterns.items()}
dense, isolated, alike = windows.values()
windows["both"] = overlap([dense, isolated])
windows["both, drawn alike"] = overlap([dense, alike])
fits = {name: latitude_curve(w) for name, w in windows.items() if name != "isolated, drawn alike"}
depth = {name: fit.depth_of_focus_nm(0.1) for name, fit in fits.items()}
assert depth["dense"] > depth["isolated"] > depth["both"] > 2 * depth["both, drawn alike"]
for name, found in (("dense", dense), ("isolated", isolated)):
    assert abs(latitude_in_focus(found) - TOLERANCE * patterns[name].nominal.nils) < 0.005

# %%
# The common window lies in both, so it is smaller than either. At the dose 1 the dense lines are isofocal: their width
# is half their pitch. The isolated line has no isofocal dose near, and so it is the one that bends.
#
# The figure
# ----------
# Above, three beams: the formula as lines, the simulation as dots. Below, the two patterns.

COLOR = {
    "dense": COLORS["mask"],
    "isolated": COLORS["print"],
    "both": COLORS["ink"],
    "both, drawn alike": COLORS["band"],
}


def draw_window(axes, window, color, label):
    """Draw the doses that keep a width within its tolerance."""
    fine = window.refined()
    axes.fill_between(fine.foci_nm, fine.low, fine.high, color=color, alpha=0.15, linewidth=0)
    axes.plot(fine.foci_nm, fine.low, color=color, label=label)
    axes.plot(fine.foci_nm, fine.high, color=color)
    axes.set(xlabel="defocus, nm", ylabel="dose / dose to size", title="Dose-focus window")


def draw_fit(axes, best, label, style):
    """Draw a window that fits."""
    width, height = best.dof_nm, best.latitude * best.dose
    shape = Ellipse((best.focus_nm, best.dose), width, height)
    if best.shape == "rectangle":
        shape = Rectangle((best.focus_nm - width / 2, best.dose - height / 2), width, height)
    shape.set(facecolor="none", edgecolor=COLORS["ink"], linestyle=style, linewidth=1.5, label=label)
    axes.add_patch(shape)


def draw_latitude(axes, fit, color, label):
    """Draw the exposure latitude over the depth of focus; a shallow window is as high as the first deeper one."""
    axes.plot(np.append(0, fit.dof_nm), np.append(fit.latitude[0], fit.latitude), color=color, label=label)


figure, axes = plt.subplots(2, 3, figsize=(13.6, 8.4))
fine = np.linspace(foci[0], foci[-1], 121)
shades = plt.colormaps["viridis"](np.linspace(0.0, 0.85, len(doses)))
for dose, widths, shade in zip(doses, bossung.T, shades, strict=True):
    axes[0, 0].plot(fine, width_of(fine, dose), color=shade, linewidth=1.2)
    axes[0, 0].plot(foci, widths, "o", color=shade, markersize=3.5, label=f"{dose:g}")
axes[0, 0].set(xlim=(-100, 100), xlabel="defocus, nm", ylabel="width, nm", title="Bossung curves of three beams")
axes[0, 0].legend(title="dose / isofocal dose", ncols=7, loc="upper center", handletextpad=0, columnspacing=0.7)
axes[0, 0].set_ylim(100, 175)
draw_window(axes[0, 1], window, COLORS["mask"], f"within {TOLERANCE:.0%}")
draw_fit(axes[0, 1], rectangle, "rectangle", (0, (4, 2)))
draw_fit(axes[0, 1], ellipse, "ellipse", "-")
axes[0, 1].set(xlim=(-100, 100), ylim=(0.7, 1.45))
axes[0, 1].legend(loc="upper center", ncols=3)
formula_depth = np.linspace(0, 200, 101)
formula = predicted.max() / np.cos(phase(rectangles.dof_nm[0] / 2)) * np.cos(phase(formula_depth / 2))
axes[0, 2].plot(formula_depth, formula, color=COLORS["mask"], label="rectangle: formula (line), simulated (dots)")
axes[0, 2].plot(rectangles.dof_nm[::8], rectangles.latitude[::8], "o", color=COLORS["mask"], markersize=3.5)
draw_latitude(axes[0, 2], ellipses, COLORS["print"], "ellipse")
axes[0, 2].set(xlim=(0, 200), ylim=(0, 0.6))

for name in ("dense", "isolated"):
    widths = patterns[name].cd_nm([0.9, 1.0, 1.1])
    for column, style, dose in zip(widths.T, ((0, (1, 1)), "-", (0, (4, 2))), (0.9, 1.0, 1.1), strict=True):
        for part in runs(np.isfinite(column)):
            z = np.linspace(depths[part][0], depths[part][-1], 200)
            axes[1, 0].plot(z, spline(depths[part], column[part])(z), color=COLOR[name], linestyle=style)
        axes[1, 0].plot([], [], color=COLOR[name], linestyle=style, label=f"{name}, dose {dose:g}")
axes[1, 0].axhspan(GOAL * (1 - TOLERANCE), GOAL * (1 + TOLERANCE), color=COLORS["grid"], alpha=0.6, linewidth=0)
axes[1, 0].set(xlim=(-320, 320), ylim=(40, 235), xlabel="defocus, nm", ylabel="width, nm")
axes[1, 0].set_title("Bossung curves of two patterns")
axes[1, 0].legend(loc="upper center", ncols=2)
for name in ("dense", "isolated"):
    draw_window(axes[1, 1], windows[name], COLOR[name], name)
draw_fit(axes[1, 1], fits["both"].largest(), "largest ellipse in both", "-")
axes[1, 1].set(xlim=(-320, 320), ylim=(0.75, 1.3))
axes[1, 1].legend(loc="upper center", ncols=3)
for name, color in COLOR.items():
    draw_latitude(axes[1, 2], fits[name], color, f"{name}: {depth[name]:.0f} nm at 10 %")
axes[1, 2].axhline(0.1, color=COLORS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
axes[1, 2].set(xlim=(0, 640), ylim=(0, 0.4))
axes[1, 2].legend(loc="upper right")
for panel in axes[:, 2]:
    panel.set(xlabel="depth of focus, nm", ylabel="exposure latitude", title="Latitude over depth of focus")
    panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
axes[0, 2].legend(loc="upper right")
figure.savefig(FOLDER / "11_process_windows.png")
print(
    f"widths differ from the formula by at most {width_error:.0e} nm, latitudes by {latitude_error:.0e}; isofocal dose "
    f"{isofocal:.4f} T / a0^2; isolated line drawn {drawn:.1f} nm wide"
)
print("depth of focus at 10 % latitude, nm:", {name: round(float(value)) for name, value in depth.items()})

# %%
# Try it: give the lens some spherical aberration (``zernikes={9: 0.03}``). The windows move along the focus axis, but
# not all by as much. What becomes of the common one?
