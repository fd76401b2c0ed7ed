"""
Resolution and k1
=================

How small can a lens print? Abbe answered for gratings, Rayleigh for points, and both answers are a length,
wavelength / NA, times a number. Lithographers call the number k1. This lesson finds where it comes from, what its
smallest value is, and why two machines with nothing in common print alike at the same k1.

Run it with ``python examples/04_resolution_and_k1.py [folder]``; it writes one figure there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import j1

from litho.grid import Grid
from litho.image import aerial_image
from litho.pupil import Optics
from litho.scene import COLORS
from litho.source import Source

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# A point
# -------
# The smallest thing on a mask is a hole much smaller than the wavelength. It lights the pupil evenly, and the image is
# the transform of a disc, the *Airy pattern*
#
# .. math:: I(r) = \left( \frac{2 J_1(v)}{v} \right)^2, \qquad v = \frac{2 \pi}{\lambda} \mathrm{NA} \, r.
#
# It is dark first at r = 0.61 wavelength / NA. The mask is given as a polygon, so its spectrum is exact.

WAVELENGTH, NA, HOLE, FIELD = 193.0, 0.85, 4.0, 16000.0
half = HOLE / 2
hole = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
lens = Optics(wavelength_nm=WAVELENGTH, na=NA, source=Source.point())
image = aerial_image([hole], lens, Grid.square(FIELD, 100, origin_nm=(-FIELD / 2, -FIELD / 2)), method="abbe")


def point(r):
    """Return the image of the hole at a distance, relative to its middle."""
    return image.at(np.abs(r), np.zeros_like(r)) / image.at(0.0, 0.0)


def airy(r):
    """Return the Airy pattern at a distance."""
    v = np.maximum(2 * np.pi * NA / WAVELENGTH * np.abs(r), 1e-9)
    return (2 * j1(v) / v) ** 2


r = np.linspace(-400, 400, 401)
rayleigh = 3.8317 / (2 * np.pi) * WAVELENGTH / NA
assert np.isclose(rayleigh, 0.61 * WAVELENGTH / NA, rtol=1e-3)
assert np.abs(point(r) - airy(r)).max() < 1e-3  # the hole is not quite a point, and has neighbours a field away
assert point(np.array([rayleigh]))[0] < 1e-3

# %%
# Two stars whose images add up are told apart, said Rayleigh, if one stands in the first dark ring of the other. The
# dip between them is then 26.5 % deep. It is a convention, not a limit: with a threshold, any dip can be printed.

pair = point(r - rayleigh / 2) + point(r + rayleigh / 2)
dip = 1 - pair[np.abs(r).argmin()] / pair.max()
assert abs(dip - 0.265) < 0.001

# %%
# A grating
# ---------
# For a grating there is a limit. It sends light into orders at the directions m d in units of NA, with
# d = wavelength / (NA pitch). If light falls on it straight, the first orders pass only for d < 1. If it comes from a
# source that reaches out to sigma, one of them still passes for d < 1 + sigma:
#
# .. math:: p_\mathrm{min} = \frac{\lambda}{\mathrm{NA} \, (1 + \sigma)}.
#
# How much of the light takes part? From a source point s, order 1 passes if s + d lies in the pupil. So the share
# :math:`V_1` of the source where it does is the overlap of two discs, of radius sigma and 1, whose centres are d apart:


def overlap(sigma, d):
    """Return the share of a disc of radius sigma that lies in a disc of radius 1 at the distance d."""
    if d <= 1 - sigma:
        return 1.0  # all of it, also for a point
    if d >= 1 + sigma:
        return 0.0
    a = np.arccos((d**2 + sigma**2 - 1) / (2 * d * sigma))
    b = np.arccos((d**2 + 1 - sigma**2) / (2 * d))
    return (sigma**2 * (a - np.sin(2 * a) / 2) + b - np.sin(2 * b) / 2) / (np.pi * sigma**2)


# %%
# Both first orders pass together from the share :math:`V_2` of the source in the lens that two shifted pupils make:


def overlap_of_both(sigma, d):
    """Return the share of a disc of radius sigma that lies in both discs of radius 1 at the distances d and -d."""
    if d > 1:
        return 0.0
    if sigma**2 <= 1 - d**2:  # each pupil cuts off its own side
        return 2 * overlap(sigma, d) - 1
    return 2 * (np.arccos(d) - d * np.sqrt(1 - d**2)) / (np.pi * sigma**2)


# %%
# Equal lines and spaces have the amplitudes :math:`a_0 = 1/2`, :math:`a_1 = 1/\pi`, and no second order. Until the
# third order passes, at d < (1 + sigma) / 3, the image is a sum of three cosines:
#
# .. math:: I(x) = a_0^2 + 2 a_1^2 V_1 + 4 a_0 a_1 V_1 \cos(2 \pi x / p) + 2 a_1^2 V_2 \cos(4 \pi x / p).


def contrast(intensity):
    """Return (brightest - darkest) / (brightest + darkest)."""
    return (intensity.max() - intensity.min()) / (intensity.max() + intensity.min())


def formula(pitch, sigma, scale):
    """Return the image of equal lines and spaces over one period; `scale` is wavelength / NA."""
    phase = 2 * np.pi * np.arange(128) / 128
    v1, v2 = overlap(sigma, scale / pitch), overlap_of_both(sigma, scale / pitch)
    a0, a1 = 1 / 2, 1 / np.pi
    return a0**2 + 2 * a1**2 * (v1 + v2 * np.cos(2 * phase)) + 4 * a0 * a1 * v1 * np.cos(phase)


def simulated(pitch, sigma, wavelength, na, index=1.0):
    """Return the same, imaged."""
    source = Source.conventional(sigma) if sigma > 0 else Source.point()
    lens = Optics(wavelength_nm=wavelength, na=na, source=source, immersion_index=index)
    line = np.array([[-pitch / 4, 0], [pitch / 4, 0], [pitch / 4, 10], [-pitch / 4, 10]])
    image = aerial_image([line], lens, Grid((2, 64), (5.0, pitch / 64)), method="abbe")
    x = pitch * np.arange(128) / 128
    return image.at(x, np.full_like(x, 5.0))


SIGMAS = (0.0, 0.3, 0.6, 0.9)
SCALE = WAVELENGTH / NA
pitches = np.linspace(0.47, 1.5, 36) * SCALE
dots, worst = {}, 0.0
for sigma in SIGMAS:
    limit = SCALE / (1 + sigma)
    images = {p: simulated(p, sigma, WAVELENGTH, NA) for p in pitches[pitches < 3 * limit]}
    worst = max(worst, max(np.abs(image - formula(p, sigma, SCALE)).max() for p, image in images.items()))
    dots[sigma] = {p: contrast(image) for p, image in images.items()}
    assert all(value < 1e-12 for p, value in dots[sigma].items() if p < limit)  # nothing at all below the limit
    assert all(value > 1e-3 for p, value in dots[sigma].items() if p > 1.02 * limit)  # and something above it
assert worst < 1e-4

# %%
# k1
# --
# Pitch and angle came into this only as d = wavelength / (NA pitch). So half a pitch written as
#
# .. math:: \frac{p}{2} = k_1 \frac{\lambda}{\mathrm{NA}}
#
# says all there is to know: machines that share k1 and sigma make the same image, be it at 248 nm or at 13.5 nm. (In
# focus, and without polarisation: neither scales so.) The limit is k1 = 0.5 / (1 + sigma), at best 0.25.

MACHINES = {
    "248 nm, NA 0.80": (248.0, 0.80, 1.0),
    "193 nm, NA 0.93": (193.0, 0.93, 1.0),
    "193 nm, NA 1.35, water": (193.0, 1.35, 1.44),
    "13.5 nm, NA 0.33": (13.5, 0.33, 1.0),
    "13.5 nm, NA 0.55": (13.5, 0.55, 1.0),
}
SIGMA = 0.6
k1 = np.linspace(0.3, 0.7, 9)
found = {
    name: np.array([simulated(2 * k * w / na, SIGMA, w, na, index) for k in k1])
    for name, (w, na, index) in MACHINES.items()
}
first, *others = found.values()
assert all(np.abs(other - first).max() < 1e-10 for other in others)

smallest = {name: 0.25 * w / na for name, (w, na, _) in MACHINES.items()}
assert [round(value, 1) for value in smallest.values()] == [77.5, 51.9, 35.7, 10.2, 6.1]

# %%
# The figure
# ----------
# Left, the image of a hole on its Airy pattern, and two of them at Rayleigh's distance. Middle, the contrast of
# gratings: lines from the formula, dots simulated, dashes where the limit lies. Right, five machines on one curve.

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13.6, 5.2))
left.plot(r, airy(r), color=COLORS["mask"], label="Airy pattern")
left.plot(r[::10], point(r)[::10], "o", color=COLORS["mask"], markersize=3.5, label="image of a hole")
left.plot(r, pair, color=COLORS["print"], label=f"two of them: a dip of {dip:.1%}")
left.axvline(rayleigh, color=COLORS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
left.text(rayleigh + 8, 0.62, "0.61 λ/NA", color=COLORS["muted"])
left.set(xlim=(-400, 400), ylim=(0, 1.6), xlabel="x, nm", ylabel="intensity / that of one hole")
left.legend(loc="upper left")

palette = (COLORS["ink"], COLORS["mask"], COLORS["print"], COLORS["band"])
for sigma, color in zip(SIGMAS, palette, strict=True):
    x = np.linspace(pitches[0], max(dots[sigma]), 800)
    middle.plot(x, [contrast(formula(p, sigma, SCALE)) for p in x], color=color, label=rf"$\sigma$ = {sigma:g}")
    middle.plot(dots[sigma].keys(), dots[sigma].values(), "o", color=color, markersize=3.5)
    middle.axvline(SCALE / (1 + sigma), color=color, linewidth=0.9, linestyle=(0, (4, 3)))
middle.set(ylim=(0, 1.05), xlabel="pitch, nm", ylabel="contrast")
middle.legend(loc="lower right")
top = middle.secondary_xaxis("top", functions=(lambda p: p / 2 / SCALE, lambda k: 2 * k * SCALE))
top.set_xlabel("k1")

fine = np.linspace(0.25, 0.72, 200)
right.plot(fine, [contrast(formula(2 * k, SIGMA, 1.0)) for k in fine], color=COLORS["muted"], linewidth=1)
for (name, images), marker, size in zip(found.items(), "osD^x", (13, 10.5, 7.5, 6, 4.5), strict=True):
    right.plot(
        k1,
        [contrast(image) for image in images],
        marker,
        markersize=size,
        markerfacecolor="none",
        label=f"{name}: {smallest[name]:.1f} nm",
    )
right.axvline(0.5 / (1 + SIGMA), color=COLORS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
right.set(xlim=(0.25, 0.72), ylim=(0, 1.05), xlabel="k1", ylabel="contrast")
right.legend(loc="lower right", title="half pitch at k1 = 0.25", alignment="left")
for axes, title in zip(
    (left, middle, right), ("A point", "A grating", rf"Five machines, $\sigma$ = {SIGMA:g}"), strict=True
):
    axes.set_title(title, y=1.13)
figure.savefig(FOLDER / "04_resolution_and_k1.png")
print(f"formula and image differ by at most {worst:.1e}; smallest pitch {SCALE / 1.9:.0f} nm at sigma 0.9")

# %%
# Try it: give the curve of sigma = 0.9 the pitches beyond 3 / 1.9 wavelength / NA, where the formula ends. Which term
# is missing, and does it help or harm?
