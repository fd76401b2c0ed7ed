"""
Aberrations
===========

No lens is perfect. Its wavefront departs from a sphere by a few thousandths of a wave, in good ones, and the shape of
what is left decides what goes wrong: lines move, or the focus is another one for each direction, or for each pitch.
This lesson takes one Zernike polynomial after the other, and at last finds what all of them share.

Run it with ``python examples/07_aberrations.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.patches import Circle
from scipy.optimize import minimize_scalar

from litho.cutline import CutLine, measure
from litho.grid import Grid
from litho.image import aerial_image
from litho.pupil import Optics
from litho.scene import COLORS
from litho.source import Source

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# Zernike polynomials
# -------------------
# A ray through the pupil at radius rho (1 at the rim) and angle theta arrives early or late by W waves. W is a sum of
# polynomials, here in the order of the University of Arizona ("Fringe"): each is 1 at the rim where it is largest. Its
# root mean square over the pupil, which is what a maker states, is smaller, and to each belongs its own factor.

WAVELENGTH, NA = 193.0, 0.85
ZERNIKES = {
    4: ("defocus", lambda rho, theta: 2 * rho**2 - 1, 1 / np.sqrt(3)),
    5: ("astigmatism", lambda rho, theta: rho**2 * np.cos(2 * theta), 1 / np.sqrt(6)),
    7: ("coma", lambda rho, theta: (3 * rho**3 - 2 * rho) * np.cos(theta), 1 / np.sqrt(8)),
    9: ("spherical", lambda rho, theta: 6 * rho**4 - 6 * rho**2 + 1, 1 / np.sqrt(5)),
}


def lens(zernikes):
    """Return the lens, lit along its axis, with aberrations (index: waves)."""
    return Optics(wavelength_nm=WAVELENGTH, na=NA, source=Source.point(), zernikes=zernikes)


def lines(pitch, zernikes, z=0.0, along="y"):
    """Return the image of equal lines and spaces, one of the lines in the middle of the field."""
    a, b = pitch / 4, 5.0
    line = np.array([[-a, -b], [a, -b], [a, b], [-a, b]])
    grid = Grid((2, 64), (5.0, pitch / 64), (-pitch / 2, -5.0))
    if along == "x":
        line, grid = line[::-1, ::-1], Grid((64, 2), (pitch / 64, 5.0), (-5.0, -pitch / 2))
    return aerial_image([line], lens(zernikes), grid, defocus_nm=z, method="abbe")


# %%
# Coma moves lines
# ----------------
# Between the pitches wavelength / NA and 3 wavelength / NA, the image of equal lines and spaces is made of three beams:
# order 0 in the middle of the pupil, and two at :math:`d = \lambda / (\mathrm{NA}\,p)` left and right of it. Coma, Z7,
# is odd: one of these gets early by what the other one gets late. That moves the fringes, and nothing else:
#
# .. math:: W(\pm d) = \pm c_7 (3 d^3 - 2 d), \qquad
#           \Delta x = -p \, W(d) = -c_7 \frac{\lambda}{\mathrm{NA}} (3 d^2 - 2).
#
# The term -2 d is a tilt, which moves all lines alike. It is there to make the mean square small. Coma proper moves
# small pitches most.

COMA = 0.03
pitches = np.linspace(1.005, 2.9, 24) * WAVELENGTH / NA


def order(pitch):
    """Return where order 1 of a pitch stands in the pupil."""
    return WAVELENGTH / NA / pitch


def position(pitch, zernikes):
    """Return where the middle of the line prints, nm."""
    cut = CutLine((-pitch / 2, 0.0), (pitch / 2, 0.0))
    return measure(lines(pitch, zernikes), cut, threshold=0.3).centre_nm - pitch / 2


shift = np.array([position(p, {7: COMA}) for p in pitches])
shift_error = np.abs(shift + COMA * WAVELENGTH / NA * (3 * order(pitches) ** 2 - 2)).max()
assert shift_error < 1e-6

# %%
# Even aberrations change the focus
# ---------------------------------
# Astigmatism, Z5, has the sign + on the x axis, where the orders of vertical lines are, and - on the y axis, where
# those of horizontal lines are. Spherical aberration, Z9, is the same all around, but has its own value at each radius.
# Both first orders lag behind order 0 by the same W(d) - W(0), as they do out of focus. In one plane the
# two cancel, and that is the best focus of this pitch:
#
# .. math:: z \left( 1 - \sqrt{1 - (\lambda / p)^2} \right) = -\lambda \left( W(d) - W(0) \right).
#
# For astigmatism that is :math:`\mp c_5 d^2`, and the best foci of the two directions are about
# :math:`4 c_5 \lambda / \mathrm{NA}^2` apart at all pitches; for spherical aberration, :math:`6 c_9 d^2 (1 - d^2)`.

ASTIGMATISM = SPHERICAL = 0.03


def best_focus(pitch, zernikes, along="y"):
    """Return the focus at which the lines are brightest against the spaces, nm."""

    def modulation(z):
        image, place, zero = lines(pitch, zernikes, z, along), np.array([0.0, pitch / 2]), np.zeros(2)
        middle, space = image.at(place, zero) if along == "y" else image.at(zero, place)
        return space - middle

    return minimize_scalar(modulation, bounds=(-120, 120), method="bounded", options={"xatol": 1e-3}).x


def predicted_focus(pitch, waves):
    """Return the focus at which W(d) - W(0) is cancelled, nm."""
    return -WAVELENGTH * waves / (1 - np.sqrt(1 - (WAVELENGTH / pitch) ** 2))


d = order(pitches)
CASES = {
    "vertical lines, Z5": ({5: ASTIGMATISM}, "y", ASTIGMATISM * d**2),
    "horizontal lines, Z5": ({5: ASTIGMATISM}, "x", -ASTIGMATISM * d**2),
    "all lines, Z9": ({9: SPHERICAL}, "y", -SPHERICAL * 6 * d**2 * (1 - d**2)),
}
focus, focus_error = {}, 0.0
for name, (zernikes, along, waves) in CASES.items():
    focus[name] = np.array([best_focus(p, zernikes, along) for p in pitches[::2]])
    focus_error = max(focus_error, np.abs(focus[name] - predicted_focus(pitches, waves)[::2]).max())
assert focus_error < 0.02

split = focus["horizontal lines, Z5"] - focus["vertical lines, Z5"]
assert abs(split[-1] / (4 * ASTIGMATISM * WAVELENGTH / NA**2) - 1) < 0.03  # the large pitch, small angles

# %%
# What all of them share
# ----------------------
# In the image of a small hole all rays meet. How much of its peak is left is *Strehl's ratio*, the square of the mean
# of :math:`\exp(2 \pi i W)` over the pupil. While W is small only its root mean square counts, whatever its shape:
#
# .. math:: S = \left| \langle e^{2 \pi i W} \rangle \right|^2 \approx 1 - (2 \pi W_\mathrm{rms})^2
#           \approx e^{-(2 \pi W_\mathrm{rms})^2}.
#
# The first of the approximations is never too high. A lens is called as good as perfect, after Maréchal, if S is at
# least 0.8, which is at 1/14 wave. A lens for lithography has a tenth of that, or less.


def hole(zernikes, field):
    """Return the image of a hole in the middle of a field."""
    corners = np.array([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]])
    grid = Grid.square(field, field / 100, origin_nm=(-field / 2, -field / 2))
    return aerial_image([corners], lens(zernikes), grid, method="abbe")


def strehl(polynomial, waves):
    """Return Strehl's ratio: points of equal area stand for the pupil."""
    rho = np.sqrt((np.arange(400) + 0.5) / 400)[:, None]
    theta = 2 * np.pi * (np.arange(64) + 0.5) / 64
    return abs(np.exp(2j * np.pi * waves * polynomial(rho, theta)).mean()) ** 2


WIDE = 24000.0  # of the field: its pupil has a point for each period that fits
perfect = hole({}, WIDE).at(0.0, 0.0)[0]
rms = np.array([0.005, 0.02, 0.04, 0.06, 1 / 14, 0.09, 0.11, 0.13])
ratio, expected = {}, {}
for index, (_, polynomial, factor) in ZERNIKES.items():
    ratio[index] = np.array([hole({index: w / factor}, WIDE).at(0.0, 0.0)[0] for w in rms]) / perfect
    expected[index] = np.array([strehl(polynomial, w / factor) for w in rms])
strehl_error = max(np.abs(ratio[j] - expected[j]).max() for j in ZERNIKES)
assert strehl_error < 2e-3
for values in expected.values():
    short = values - (1 - (2 * np.pi * rms) ** 2)
    assert (short > 0).all() and (short < (2 * np.pi * rms) ** 4).all()
defocus = 2 * np.pi * rms * np.sqrt(3)  # for which the mean is an elementary integral
assert np.allclose(expected[4], (np.sin(defocus) / defocus) ** 2, atol=1e-4)

# %%
# The figure
# ----------
# Above, images of a hole, with their wavefronts at a tenth of a wave rms (blue early, red late). Below, what each
# aberration does to lines (lines from the formulas, dots measured), and Strehl's ratio.

figure = plt.figure(figsize=(13.6, 7.4))
norm = PowerNorm(0.5, 0, 1)  # shows the faint rings
panels = figure.subplot_mosaic([list("aaabbbcccddd"), list("sssszzzzrrrr")], height_ratios=(1, 1.35))
span = np.linspace(-300, 300, 91)
x, y = (axis.ravel() for axis in np.meshgrid(span, span))
u, v = np.meshgrid(np.linspace(-1, 1, 121), np.linspace(-1, 1, 121))
for letter, index in zip("abcd", (None, 7, 5, 9), strict=True):
    axes = panels[letter]
    name, polynomial, factor = ZERNIKES.get(index, ("no aberration", lambda rho, theta: 0 * rho, 1))
    image = hole({} if index is None else {index: 0.1 / factor}, 4000.0).at(x, y).reshape(91, 91)
    peak = hole({}, 4000.0).at(0.0, 0.0)[0]
    axes.imshow(image / peak, extent=(-300, 300, -300, 300), norm=norm, interpolation="bilinear")
    axes.set(xlabel="x, nm", ylabel="y, nm", title=f"{name.capitalize()}: peak {image.max() / peak:.2f}")
    corner = axes.inset_axes((0.7, 0.7, 0.28, 0.28))
    corner.axis("off")
    wavefront = polynomial(np.hypot(u, v), np.arctan2(v, u)) + 0 * u
    shown = corner.imshow(wavefront, cmap="RdBu_r", vmin=-1, vmax=1, extent=(-1, 1, -1, 1))
    shown.set_clip_path(Circle((0, 0), 1, transform=corner.transData))

fine = np.linspace(1, 2.9, 300) * WAVELENGTH / NA
axes = panels["s"]
axes.plot(fine, -COMA * WAVELENGTH / NA * (3 * order(fine) ** 2 - 2), color=COLORS["mask"])
axes.plot(pitches, shift, "o", color=COLORS["mask"], markersize=4)
axes.axhline(0, color=COLORS["muted"], linewidth=0.7)
axes.set(xlabel="pitch, nm", ylabel="shift of the lines, nm", title=f"Coma, {COMA:g} waves")

axes, e = panels["z"], order(fine)
curves = (ASTIGMATISM * e**2, -ASTIGMATISM * e**2, -SPHERICAL * 6 * e**2 * (1 - e**2))
for name, waves, color in zip(CASES, curves, (COLORS["ink"], COLORS["mask"], COLORS["violation"]), strict=True):
    axes.plot(fine, predicted_focus(fine, waves), color=color, label=name)
    axes.plot(pitches[::2], focus[name], "o", color=color, markersize=4)
axes.set(ylim=(-30, 112), xlabel="pitch, nm", ylabel="best focus, nm", title=f"Even aberrations, {ASTIGMATISM:g} waves")
axes.legend(loc="upper left")

axes, fine = panels["r"], np.linspace(0, 0.135, 100)
axes.plot(fine, 1 - (2 * np.pi * fine) ** 2, color=COLORS["ink"], label=r"$1 - (2\pi W)^2$")
axes.plot(fine, np.exp(-((2 * np.pi * fine) ** 2)), "--", color=COLORS["ink"], label=r"$\exp(-(2\pi W)^2)$")
for (index, values), marker in zip(ratio.items(), "osD^", strict=True):
    axes.plot(rms, values, marker, markersize=4.5, label=f"Z{index}, {ZERNIKES[index][0]}")
axes.axhline(0.8, color=COLORS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
axes.set(xlim=(0, 0.135), ylim=(0.25, 1.02), xlabel="root mean square of W, waves", ylabel="peak / perfect lens")
axes.set_title("Strehl's ratio")
axes.legend(loc="lower left")
figure.savefig(FOLDER / "07_aberrations.png")
print(f"coma: lines move by {shift.min():.2f} to {shift.max():.2f} nm, formula within {shift_error:.0e} nm")
print(f"astigmatism: best foci {split.min():.1f} to {split.max():.1f} nm apart, formula within {focus_error:.0e} nm")
print(f"Strehl's ratio at 1/14 wave: {min(v[4] for v in ratio.values()):.3f}; integral within {strehl_error:.0e}")

# %%
# Try it: three-leaf clover (``zernikes={10: 0.05}``) and an isolated hole: along which directions is it drawn out? And
# what does coma do to two lines side by side, one of them the left, one the right? (It makes one wider.)
#
# More in C. A. Mack, *Fundamental Principles of Optical Lithography* (2007), and V. N. Mahajan, *Strehl ratio for
# primary aberrations in terms of their aberration variance*, J. Opt. Soc. Am. 73 (1983).
