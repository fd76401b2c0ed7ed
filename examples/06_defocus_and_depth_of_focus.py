"""
Defocus and depth of focus
==========================

A wafer is not flat, a resist is not thin, and a stage is not perfect: what prints must print over a range of focus.
This lesson finds how an image of three beams changes with focus, where Rayleigh's depth of focus comes from, what
immersion adds to it, and why there is a dose at which focus hardly matters.

Run it with ``python examples/06_defocus_and_depth_of_focus.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq
from scipy.special import j1

from litho.cutline import CutLine
from litho.grid import Grid
from litho.image import aerial_image
from litho.process_window import exposure_window, isofocal_dose, through_focus
from litho.pupil import Optics
from litho.scene import COLORS
from litho.source import Source

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# Three beams
# -----------
# Open lines of width w, pitch p, and light along the axis. The lens passes the orders -1, 0 and 1. Order 1 leaves at
# an angle of sine wavelength / p, so at the distance z from focus it lags behind order 0 by the phase
#
# .. math:: \varphi = \frac{2 \pi z}{\lambda} \left( n - \sqrt{n^2 - (\lambda / p)^2} \right),
#
# where n is the index of what is above the wafer. With the amplitudes :math:`a_0 = w / p` and
# :math:`a_1 = \sin(\pi w / p) / \pi` the image is
#
# .. math:: I(x) = a_0^2 + 4 a_0 a_1 \cos \varphi \, \cos(2 \pi x / p) + 4 a_1^2 \cos^2(2 \pi x / p).

WAVELENGTH, NA, PITCH, WIDTH = 193.0, 0.85, 300.0, 138.0
AXIS = Source.point()
a0, a1 = WIDTH / PITCH, np.sin(np.pi * WIDTH / PITCH) / np.pi


def height(sine, index):
    """Return n - sqrt(n^2 - sine^2): how much shorter the way along z is for an oblique beam, per nm of focus."""
    return index - np.sqrt(index**2 - sine**2)


def formula(x, z, pitch=PITCH, index=1.0):
    """Return the three-beam image."""
    phase, wave = 2 * np.pi * z / WAVELENGTH * height(WAVELENGTH / pitch, index), np.cos(2 * np.pi * x / pitch)
    return a0**2 + 4 * a0 * a1 * np.cos(phase) * wave + 4 * a1**2 * wave**2


def imaged(z, source=AXIS, pitch=PITCH, na=NA, index=1.0, model="exact"):
    """Return the image of the lines, one of them in the middle of the field, at a focus."""
    a, b = WIDTH / PITCH * pitch / 2, 5.0
    line = np.array([[-a, -b], [a, -b], [a, b], [-a, b]])
    lens = Optics(wavelength_nm=WAVELENGTH, na=na, immersion_index=index, source=source, defocus_model=model)
    grid = Grid((2, 64), (5.0, pitch / 64), (-pitch / 2, -5.0))
    return aerial_image([line], lens, grid, defocus_nm=z, method="abbe")


x, foci = np.linspace(-PITCH, PITCH, 201), np.linspace(-430, 850, 257)
carpet = np.array([imaged(z).at(x, 0 * x) for z in foci])
worst = np.abs(carpet - formula(x, foci[:, None])).max()
assert worst < 1e-12

# %%
# Only the cosine of the phase counts. At 90 degrees the pitch is gone: what is left has half of it. At 180 degrees the
# image is back, but moved by half a pitch, and at 360 degrees it is itself again: Talbot's length. The wafer is far
# out of focus there; what looks sharp may be wrong.

talbot = WAVELENGTH / height(WAVELENGTH / PITCH, 1.0)
sharp, moved, again = (imaged(z).at(x, 0 * x) for z in (0.0, talbot / 2, talbot))
assert np.allclose(again, sharp, atol=1e-12) and np.allclose(moved, np.roll(sharp[:-1], 50)[[*range(200), 0]])

# %%
# Rayleigh's depth of focus
# -------------------------
# Rayleigh's convention: an image is in focus while the outermost ray of the lens lags by a quarter of a wave at most.
# That is z to either side, and the depth of focus is twice that,
#
# .. math:: \mathrm{DOF} = k_2 \frac{\lambda}{2 \left( n - \sqrt{n^2 - \mathrm{NA}^2} \right)}
#           \approx k_2 \frac{n \lambda}{\mathrm{NA}^2}, \qquad k_2 = 1.
#
# The form on the right is for small angles; at NA = 0.93 it promises half as much again as there is. Lines whose
# orders stand on the rim lose their pitch just there, so we can measure it: the focus at which the middle of a line
# gets as bright as the middle of a space.


def rayleigh(na, index):
    """Return Rayleigh's depth of focus, nm."""
    return WAVELENGTH / (2 * height(na, index))


def measured_depth(na, index, model="exact"):
    """Return twice the focus at which the smallest pitch with three beams is gone."""
    pitch = WAVELENGTH / na

    def modulation(z):
        middle = imaged(z, pitch=pitch, na=na, index=index, model=model).at(np.array([0, pitch / 2]), np.zeros(2))
        return middle[0] - middle[1]

    return 2 * brentq(modulation, 0, 0.75 * index * WAVELENGTH / na**2)


LENSES = {1.0: np.linspace(0.5, 0.93, 5), 1.44: np.linspace(0.5, 1.35, 7)}
depth = {index: [measured_depth(na, index) for na in apertures] for index, apertures in LENSES.items()}
for index, apertures in LENSES.items():
    assert np.allclose(depth[index], rayleigh(apertures, index), rtol=1e-9)
    paraxial = measured_depth(apertures[-1], index, "paraxial")
    assert np.isclose(paraxial, index * WAVELENGTH / apertures[-1] ** 2, rtol=1e-9)
assert 1.45 < WAVELENGTH / 0.93**2 / rayleigh(0.93, 1.0) < 1.5

# %%
# Water instead of air leaves the pitch as it is, but bends the rays towards the axis. The depth of focus grows n times
# for small angles, and more for large ones:

gain = {na: rayleigh(na, 1.44) / rayleigh(na, 1.0) for na in (0.5, 0.93)}
assert gain[0.5] > 1.44 and gain[0.93] > 1.8

# %%
# Bossung curves
# --------------
# What counts is the width that prints. Where the intensity is the threshold T over the dose D, the formula is a
# quadratic equation for the cosine at the edge. Its solution against focus, one curve for each dose, is what Bossung
# drew. And one dose stands out. Where the cosine is zero, at a quarter of the pitch, focus drops out of the formula:
#
# .. math:: I(p / 4) = a_0^2, \qquad D_\mathrm{iso} = T / a_0^2, \qquad \mathrm{CD}_\mathrm{iso} = p / 2.
#
# At this *isofocal* dose the lines print half a pitch wide at any focus, however wide they are on the mask. The width
# on the mask sets the dose that it takes.

THRESHOLD = 0.2
to_size = THRESHOLD / formula(WIDTH / 2, 0.0)  # the dose at which the width is that on the mask
DOSES = np.array([to_size, 0.76, 0.85, THRESHOLD / a0**2, 0.98, 1.01])
focus = np.linspace(-170, 170, 35)
cut = CutLine((-PITCH / 2, 0.0), (PITCH / 2, 0.0))


def bossung(z, dose):
    """Return the width from the quadratic equation of the cosine at the edge."""
    b = a0 * np.cos(2 * np.pi * z / WAVELENGTH * height(WAVELENGTH / PITCH, 1.0)) / a1
    cosine = (-b + np.sqrt(b**2 - (a0**2 - THRESHOLD / dose) / a1**2)) / 2
    return PITCH / np.pi * np.arccos(cosine)


series = through_focus([imaged(z) for z in focus], focus, cut, THRESHOLD)
widths = series.cd_nm(DOSES)
error = np.abs(widths - bossung(focus[:, None], DOSES)).max()
dose, width = isofocal_dose(series)
assert error < 1e-5
assert np.isclose(dose, THRESHOLD / a0**2, rtol=1e-6) and np.isclose(width, PITCH / 2, rtol=1e-6)

# %%
# Away from the isofocal dose the curves bend, and a tolerance for the width, here 10 %, gives a depth of focus. For
# lines printed as wide as they were drawn it ends where they have become 10 % too narrow: once more a cosine.

low, high = exposure_window(series, WIDTH, tolerance=0.1).focus_range_nm(to_size)
c = np.cos(np.pi * 0.9 * WIDTH / PITCH)
cosine = (THRESHOLD / to_size - a0**2 - 4 * a1**2 * c**2) / (4 * a0 * a1 * c)
predicted = np.arccos(cosine) / np.pi * WAVELENGTH / height(WAVELENGTH / PITCH, 1.0)
assert abs((high - low) - predicted) < 0.05
k2 = (high - low) / rayleigh(NA, 1.0)

# %%
# A source of some size
# ---------------------
# Light from the source point s comes in obliquely, and out of focus its image lies aside, by z NA s for small angles.
# The sum is an image blurred with the shape of the source, here a disc of radius sigma. As long as all three beams pass
# from all its points, each cosine of period q is damped by the transform of that disc,
#
# .. math:: B(v) = \frac{2 J_1(v)}{v}, \qquad v = \frac{2 \pi}{q} z \, \mathrm{NA} \, \sigma.

SIGMA = 0.2
assert SIGMA < 1 - WAVELENGTH / NA / PITCH
disc = Source.conventional(SIGMA)


def blurred(x, z):
    """Return the three-beam image of the disc, for small angles."""
    u, v = 2 * np.pi * x / PITCH, 2 * np.pi / PITCH * z * NA * SIGMA
    phase = np.pi * z * WAVELENGTH / PITCH**2
    first = 4 * a0 * a1 * np.cos(phase) * np.cos(u) * 2 * j1(v) / v
    return a0**2 + 2 * a1**2 + first + 2 * a1**2 * np.cos(2 * u) * j1(2 * v) / v


spread = max(np.abs(imaged(z, disc, model="paraxial").at(x, 0 * x) - blurred(x, z)).max() for z in (50.0, 100.0, 170.0))
assert spread < 1e-4

# %%
# The blur makes the places between the lines brighter, also where focus dropped out before. The isofocal dose moves to
# where this and the cosine of the phase cancel, and the isofocal width with it:

partial = through_focus([imaged(z, disc) for z in focus[::2]], focus[::2], cut, THRESHOLD)
blurred_dose, blurred_width = isofocal_dose(partial)
assert blurred_width < PITCH / 2 - 10 and np.ptp(partial.cd_nm(blurred_dose)) < 1

# %%
# The figure
# ----------
# Left, the image through focus, with Rayleigh's depth of focus between the dashes. Middle, the Bossung curves: lines
# from the formula, dots measured. Right, Rayleigh's depth of focus: lines from the formulas, dots measured.

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14.2, 5.2))
picture = left.pcolormesh(foci, x, carpet.T, shading="gouraud", rasterized=True)
for z in (-rayleigh(NA, 1.0) / 2, rayleigh(NA, 1.0) / 2):
    left.axvline(z, color="white", linewidth=1, linestyle=(0, (4, 3)))
left.set(xlabel="focus z, nm", ylabel="x, nm", title=f"Three beams; Talbot's length: {talbot:.0f} nm")
figure.colorbar(picture, ax=left, label="intensity / clear field", aspect=30)

fine = np.linspace(-170, 170, 171)
for number, value in enumerate(DOSES):
    color = COLORS["violation"] if number == 3 else COLORS["mask"]
    middle.plot(fine, bossung(fine, value), color=color, linewidth=1.2)
    middle.plot(focus[::2], widths[::2, number], "o", color=color, markersize=3)
    middle.text(176, widths[-1, number], f"dose {value:.2f}", color=color, va="center", fontsize=8.5)
middle.plot(focus[::2], partial.cd_nm(to_size), "--", color=COLORS["print"], linewidth=1.2)
middle.text(0, 134.2, f"dose {to_size:.2f}, sigma {SIGMA:g}", color=COLORS["print"], ha="center", fontsize=8.5)
middle.set(xlim=(-176, 246), xlabel="focus z, nm", ylabel="printed width, nm", title="Bossung curves")
middle.set_xticks([-150, -100, -50, 0, 50, 100, 150])

for (index, apertures), color, name in zip(
    LENSES.items(), (COLORS["ink"], COLORS["mask"]), ("dry", "water"), strict=True
):
    na = np.linspace(0.45, apertures[-1], 100)
    right.plot(na, rayleigh(na, index), color=color, label=f"{name}, exact")
    right.plot(na, index * WAVELENGTH / na**2, ":", color=color, label=f"{name}, small angles")
    right.plot(apertures, depth[index], "o", color=color, markersize=4.5)
right.set(xlim=(0.45, 1.4), ylim=(0, 1300), xlabel="NA", ylabel="depth of focus, nm", title="Rayleigh's depth of focus")
right.legend()
figure.savefig(FOLDER / "06_defocus_and_depth_of_focus.png")
print(f"three-beam formula and image differ by at most {worst:.1e}, widths by {error:.1e} nm")
print(f"isofocal dose {dose:.4f}, width {width:.3f} nm; image of the disc and formula differ by at most {spread:.1e}")
print(f"isofocal dose {blurred_dose:.4f}, width {blurred_width:.3f} nm with sigma {SIGMA:g}")
print(f"depth of focus of {WIDTH:g} nm +- 10 %: {high - low:.1f} nm, predicted {predicted:.1f} nm, k2 = {k2:.2f}")
print(f"water instead of air deepens the focus {gain[0.5]:.2f} times at NA 0.5 and {gain[0.93]:.2f} times at NA 0.93")

# %%
# Try it: which width on the mask prints as drawn at the isofocal dose, and what is its depth of focus? The Bossung
# curves of a textbook lean to one side. Which part of a real process could do that? (The focus is not the same at the
# top and at the bottom of the resist.)
#
# More in C. A. Mack, *Fundamental Principles of Optical Lithography* (2007), and J. W. Bossung, *Projection
# printing characterization*, Proc. SPIE 100 (1977).
