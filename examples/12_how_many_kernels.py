"""
How many kernels are enough?
============================

To image a mask, one can take the points of the source one by one and add up hundreds of images. Or one finds a few
lenses that do not exist, which together do the same: the *sum of coherent systems*, SOCS. This lesson counts what there
is to be computed at all, finds these lenses, and says how wrong the image is when one stops after K of them.

Run it with ``python examples/12_how_many_kernels.py [folder]``; it writes one figure there.
"""

import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle

from litho.grid import Grid
from litho.image import AerialImage, aerial_image
from litho.layout import read_layout
from litho.mask import Mask
from litho.mask_spectrum import mask_band
from litho.pupil import Optics
from litho.resources import path
from litho.scene import COLORS
from litho.socs import image_band
from litho.source import Source
from litho.tcc import socs_kernels

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# What passes the lens
# --------------------
# A mask that repeats after L has the frequencies k / L, and light of a source point s carries each of them to the pupil
# at :math:`s + \lambda k / (\mathrm{NA} \, L)`. With a source that reaches out to sigma the lens passes no more than
#
# .. math:: N = \pi \left( \frac{(1 + \sigma) \, \mathrm{NA} \, L}{\lambda} \right)^2
#
# of them, nearly, from whatever mask. A square micrometre has a million pixels of 1 nm; the lens sees 600 numbers.

WAVELENGTH, NA, INDEX, FIELD = 193.0, 1.35, 1.44, 1024.0


def lens(source):
    """Return the lens with a source."""
    return Optics(wavelength_nm=WAVELENGTH, na=NA, immersion_index=INDEX, source=source)


# %%
# The few lenses
# --------------
# The transmission cross-coefficients T(f, g) say how much the frequencies f and g interfere, summed over the source. T
# is a Hermitian matrix, so it has eigenvectors. Each is the pupil of a lens, a *kernel*: it images the mask coherently,
# and the images add up, each with its weight,
#
# .. math:: I = \sum_k w_k \, | \phi_k * m |^2, \qquad T = \sum_k w_k \, \phi_k^* \phi_k^{\mathsf T}.
#
# (The kernels here begin with one that holds all that the zeroth order takes part in, so that an open mask images to 1
# however few there are. The others are the eigenvectors of what is left.)

SOURCES = {
    "disc, 0.3": (Source.conventional(0.3), 0.3),
    "disc, 0.6": (Source.conventional(0.6), 0.6),
    "annular, 0.6 to 0.9": (Source.annular(0.6, 0.9), np.sqrt(0.9**2 - 0.6**2)),
}
period = (FIELD, FIELD)
counted = {}
systems = {name: socs_kernels(lens(source), period, max_error=0) for name, (source, _) in SOURCES.items()}
for name, (source, _) in SOURCES.items():
    passed = np.count_nonzero(np.abs(systems[name].spectra).sum(axis=0) > 0)
    predicted = np.pi * ((1 + source.extent) * NA * FIELD / WAVELENGTH) ** 2
    counted[name] = passed, predicted
    assert abs(passed / predicted - 1) < 0.05

# %%
# Two points
# ----------
# With a single source point there is one kernel, the lens itself. With two points there are two: of the n frequencies
# that pass from each point, let m pass from both. Then T has the eigenvalues
#
# .. math:: w_{1, 2} = \frac{n \pm m}{2}.

two = lens(Source.points([(0.5, 0.0), (-0.5, 0.0)]))
pair = socs_kernels(two, period, max_error=0)
step = WAVELENGTH / NA / FIELD  # of frequencies, in the pupil
k = np.arange(-40, 41) * step
right, left = (np.hypot(k + s, k[:, None]) <= 1 for s in (0.5, -0.5))
n, m = np.count_nonzero(right), np.count_nonzero(right & left)
assert n == np.count_nonzero(left)
assert len(pair.weights) == 2 and np.allclose(pair.weights, [(n + m) / 2, (n - m) / 2], rtol=1e-12)

# %%
# How the weights decay
# ---------------------
# A wide source has as many kernels as there are frequencies, but most of them weigh next to nothing. How fast they fade
# can be told without algebra. Within the distance R of a place on the mask, light of a disc of radius sigma has as many
# independent parts as the area of that patch holds cells of the source's coherence:
#
# .. math:: K = \pi R^2 \cdot \pi \left( \frac{\sigma \, \mathrm{NA}}{\lambda} \right)^2 .
#
# What they leave out is what the image of a point, the Airy pattern, holds beyond R. Its rings fade slowly: they hold
# :math:`\lambda / (\pi^2 \, \mathrm{NA} \, R)` of the light. Both together say that after K kernels the share
#
# .. math:: \varepsilon(K) = \frac{\sigma}{\pi \sqrt{K}}
#
# of the whole weight is left. A ring counts with its area, :math:`\sigma^2 = \sigma_o^2 - \sigma_i^2`. It is an
# estimate, for patches that are smaller than the field: from 10 to 40 kernels it is right here within about a third.

left_over = {name: 1 - np.cumsum(s.weights) / np.sum(s.weights) for name, s in systems.items()}
for name, (_, sigma) in SOURCES.items():
    some = np.arange(10, 41)
    ratio = left_over[name][some - 1] / (sigma / np.pi / np.sqrt(some))
    assert 0.75 < ratio.min() < ratio.max() < 1.35

# %%
# The error
# ---------
# The whole weight is not what an engineer asks for. By Bessel's inequality the dropped kernels give any place of the
# image at most
#
# .. math:: \Delta I \le w_{K+1} \sum_{f \ne 0} |m_f|^2 \le w_{K+1} \, a (1 - a)
#
# for a mask whose open share is a (the zeroth order is wholly in the first kernel). Part of it is an even light, known
# beforehand, and given back.

CHOSEN = "annular, 0.6 to 0.9"
layout, source, kernels = read_layout(path("masks", "line_ends.oas")), SOURCES[CHOSEN][0], systems[CHOSEN]
x0, y0, x1, y1 = layout.bounds_nm()
grid = Grid.square(FIELD, 8, origin_nm=((x0 + x1 - FIELD) / 2, (y0 + y1 - FIELD) / 2))
band = mask_band(layout.polygons(), Mask(), grid, kernels.radius)
open_share = band[0, 0].real


def image(count):
    """Return the image by the strongest kernels."""
    return AerialImage(image_band(band, kernels.truncated(count))[0], grid).intensity


# %%
# All kernels together are what the points of the source make:

start = time.perf_counter()
by_points = aerial_image(layout.polygons(), lens(source), grid, method="abbe").intensity
seconds_points = time.perf_counter() - start
complete = image(len(kernels.weights))
difference = np.abs(complete - by_points).max()
assert difference < 1e-12

# %%
# Some of them are less. The error stays below the bound, for this mask far below: the bound holds for the worst mask
# there is, which would have to look like the first kernel that was dropped.

counts = np.unique(np.geomspace(1, 400, 26).astype(int))
errors = np.array([np.abs(image(count) - complete).max() for count in counts])
bounds = kernels.weights[counts] * open_share * (1 - open_share)  # the weights begin with number 0
assert (errors < bounds).all()
tried = np.arange(10, 41)
too_wrong = tried[[np.abs(image(count) - complete).max() > 1e-3 for count in tried]]
enough = int(too_wrong.max()) + 1
start = time.perf_counter()
image(enough)
seconds_kernels = time.perf_counter() - start

# %%
# A kernel costs one Fourier transform, on a grid that is just fine enough for the square of its field, and a source
# point costs the same. So the gain is the number of points over the number of kernels; finding the kernels is done once
# for a lens and a field.

points = len(source.sample())
assert enough < points / 50

# %%
# The figure
# ----------
# Above, the spectrum of the mask: light in the inner circle passes from a point on the axis, light in the outer one
# from some point of the source. Beside it four kernels in space, and what too few of them get wrong. Below, how the
# weights, what is left of them, and the errors fall.

COLOR = dict(zip(SOURCES, (COLORS["mask"], COLORS["print"], COLORS["violation"]), strict=True))
figure = plt.figure(figsize=(13.6, 8.6))
panels = figure.subplot_mosaic([list("ssabii"), list("sscdii"), list("wwllee"), list("wwllee")])

size = 2 * kernels.radius[0] + 1
extent = step * size / 2
spectrum = np.log10(np.maximum(np.abs(np.fft.fftshift(band)), 1e-5))
reach = (-extent, extent, -extent, extent)
picture = panels["s"].imshow(spectrum, extent=reach, vmin=-4, vmax=0, cmap="magma")
figure.colorbar(picture, ax=panels["s"], label="log10 of amplitude", shrink=0.9)
for radius, color in ((1, "white"), (1 + source.extent, COLORS["band"])):
    panels["s"].add_patch(Circle((0, 0), radius, facecolor="none", edgecolor=color, linewidth=1.4))
panels["s"].set(xlabel="frequency in units of NA / λ", title=f"Spectrum of the mask: {counted[CHOSEN][0]} numbers pass")

SAMPLES = 256
for letter, number in zip("abcd", (0, 1, 3, 30), strict=True):
    field = np.zeros((SAMPLES, SAMPLES), dtype=complex)
    index = np.fft.fftfreq(size, 1 / size).astype(int)
    field[np.ix_(index, index)] = kernels.spectra[number]
    values = np.fft.fftshift(np.fft.fft2(field))
    values = values.real + values.imag  # one of them is 0: kernels are even or odd
    limit, half = np.abs(values).max(), FIELD / 2
    panels[letter].imshow(values, extent=(-half, half, -half, half), cmap="RdBu_r", vmin=-limit, vmax=limit)
    panels[letter].set(xlim=(-300, 300), ylim=(-300, 300), xticks=(-200, 0, 200), yticks=(-200, 0, 200))
    share = kernels.weights[number] / kernels.weights.sum()
    panels[letter].set_title(f"Kernel {number + 1}: {share:.1%}")

for letter in "cd":
    panels[letter].set_xlabel("x, nm")
for letter in "ac":
    panels[letter].set_ylabel("y, nm")

wrong = 1e3 * (image(enough) - complete)
limit, (left_nm, bottom_nm, right_nm, top_nm) = np.abs(wrong).max(), grid.bounds_nm
reach = (left_nm, right_nm, bottom_nm, top_nm)
picture = panels["i"].imshow(wrong, extent=reach, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="bilinear")
for line in layout.polygons():
    panels["i"].plot(*np.concatenate([line, line[:1]]).T, color=COLORS["ink"], linewidth=0.7)
panels["i"].set(xlabel="x, nm", ylabel="y, nm", title=f"Image by {enough} kernels, less the image by all")
figure.colorbar(picture, ax=panels["i"], label="thousandths of the clear field", shrink=0.9)

for name, system in systems.items():
    number = np.arange(1, len(system.weights) + 1)
    panels["w"].loglog(number, system.weights / system.weights.sum(), color=COLOR[name], label=name)
    panels["l"].loglog(number[:-1], left_over[name][:-1], color=COLOR[name], label=name)
    law = SOURCES[name][1] / np.pi / np.sqrt(number[1:100])
    panels["l"].loglog(number[1:100], law, color=COLOR[name], linewidth=1, linestyle=(0, (4, 3)))
panels["w"].set(ylim=(1e-6, 1.5), xlabel="number of the kernel", ylabel="share of the weight", title="Weights")
panels["l"].set(ylim=(1e-3, 1.5), xlabel="kernels, K", ylabel="share of the weight left", title="Left after K kernels")
panels["l"].plot(
    [], [], color=COLORS["muted"], linewidth=1, linestyle=(0, (4, 3)), label=r"$\sigma \, / \, (\pi \sqrt{K})$"
)
panels["e"].loglog(counts, bounds, color=COLORS["muted"], label="bound")
panels["e"].loglog(counts, errors, "o-", color=COLOR[CHOSEN], markersize=3.5, label="largest error")
panels["e"].axvline(enough, color=COLORS["ink"], linewidth=0.9, linestyle=(0, (4, 3)))
panels["e"].text(enough * 1.1, 2.0, f"{enough} kernels: 0.001", color=COLORS["ink"])
panels["e"].set(
    ylim=(1e-5, 20), xlabel="kernels, K", ylabel="error / clear field", title="Error of the image, annular source"
)
for letter in "wle":
    panels[letter].legend(loc="lower left")
figure.savefig(FOLDER / "12_how_many_kernels.png")
for name, (passed, predicted) in counted.items():
    print(
        f"{name}: {passed} frequencies pass, formula {predicted:.0f}; left after 20 kernels {left_over[name][19]:.3f}"
    )
print(f"two points: weights {pair.weights}, formula {(n + m) / 2}, {(n - m) / 2}")
print(
    f"all kernels and {points} source points differ by {difference:.0e}; {enough} kernels are enough for 0.001: "
    f"{1e3 * seconds_kernels:.1f} ms instead of {1e3 * seconds_points:.0f} ms"
)

# %%
# Try it: how many kernels does the same error need with the wafer 80 nm out of focus? And on a field four times as
# large: is it the number of kernels that grows, or only the number of frequencies in each?
