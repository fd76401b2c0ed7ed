r"""
The band limit
==============

A lens passes a disc of frequencies and nothing else. Whoever computes an image pixel by pixel spends nearly all of
the time on frequencies that the lens has thrown away. This lesson counts them, leaves them out, and loses nothing:
the image is the same, two orders of magnitude sooner.

Run it with ``python examples/21_the_band_limit.py [folder]``; it writes one figure there.
"""

import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from litho.benchmark.counts import band_count, complex_fft, image_count, real_fft
from litho.benchmark.full_grid import full_grid_image
from litho.fourier import band_transform
from litho.grid import Grid
from litho.layout import read_layout
from litho.mask import Mask, transmission_band
from litho.pupil import Optics
from litho.raster import coverage
from litho.resources import path
from litho.scene import COLORS
from litho.socs import image_band
from litho.source import Source
from litho.tcc import socs_kernels

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# What the lens passes
# --------------------
# Light of the source reaches the mask under angles up to :math:`\sigma\,\mathrm{NA}`, the lens takes angles up to NA.
# So of the mask's spectrum only
#
# .. math:: |f| \le \frac{(1 + \sigma)\,\mathrm{NA}}{\lambda}
#
# matters. On a field of 2048 nm, frequencies are multiples of 1/2048 nm, and the largest that counts is the 27th.

optics = Optics(wavelength_nm=193, na=1.35, immersion_index=1.44, source=Source.annular(0.6, 0.9))
field_nm = 2048.0
kernels = socs_kernels(optics, (field_nm, field_nm), count=24)
radius = kernels.radius[0]
limit = (1 + 0.9) * optics.na / optics.wavelength_nm * field_nm
assert radius == int(limit) == 27

# %%
# A mask on pixels of 1 nm has 2048 x 2048 frequencies. The lens sees 55 x 55 of them: seven in ten thousand.

share = (2 * radius + 1) ** 2 / 2048**2
assert share < 8e-4

# %%
# What an image contains
# ----------------------
# An image is a sum of squares of fields, and a square has twice the bandwidth: 54 frequencies to either side. A grid of
# :math:`4 R + 1 = 109` points carries that without aliasing; 112 points transform faster, having small prime factors.
# The intensity there is the image, exactly, and one more transform puts it on any pixels that one wants.

grid = Grid.square(field_nm, 1.0)
drawn = read_layout(path("masks", "logic_metal.oas"))
x0, y0, x1, y1 = drawn.bounds_nm()
shift = (field_nm - np.array([x0 + x1, y0 + y1])) / 2
pattern = [polygon + shift for polygon in drawn.polygons()]
mask = coverage(pattern, grid, np.float32)
kernels = kernels.like(mask)
assert kernels.band_shape == (112, 112)


def in_band(samples, pixels):
    """Return the image on square pixels, so many on a side, from a mask on any."""
    to_band = band_transform(samples.shape, kernels.radius, samples)
    to_image = band_transform((pixels, pixels), kernels.image_radius, samples)
    return lambda: to_image.inverse(image_band(transmission_band(to_band(samples), Mask()), kernels)[0])


def timed(function, calls=3):
    """Return the shortest of some calls after the first, s, and what it returned."""
    function()
    seconds = []
    for _ in range(calls):
        begin = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), result


# %%
# Three ways to the same image
# ----------------------------
# The textbook's: for each of the 24 kernels a transform of the whole grid. In the band: one transform of the mask to 55
# frequencies, 24 small fields, one transform to 1 nm pixels. And in the band with pixels of 4 nm, as an optimiser has
# them, where the mask's pixels hold the covered area, so that hardly anything is lost.

coarse = coverage(pattern, Grid.square(field_nm, 4.0), np.float32)
ways = {
    "whole grid, 1 nm": lambda: full_grid_image(mask, kernels, keep=False)[0],
    "band, 1 nm": in_band(mask, 2048),
    "band, 4 nm": in_band(coarse, 512),
}
found = {name: timed(way, 1 if name.startswith("whole") else 7) for name, way in ways.items()}
textbook, image = found["whole grid, 1 nm"][1], found["band, 1 nm"][1]
assert np.abs(image - textbook).max() < 2e-6 * textbook.max()

# %%
# Two in a million of the peak: what single precision leaves. On 4 nm pixels the image is a sample of the same smooth
# field; compared at its own pixel centres it is off by the mask's coarser pixels only.

exact = in_band(mask, 512)()
assert np.abs(found["band, 4 nm"][1] - exact).max() < 0.02 * exact.max()
seconds = {name: value for name, (value, _) in found.items()}
gain = {name: seconds["whole grid, 1 nm"] / value for name, value in seconds.items()}

# %%
# Counted
# -------
# The count explains it. Bytes that must be moved decide on most machines, and they fall as the time does.

full_count = real_fft((2048, 2048)) + complex_fft((2048, 2048)) * 24
band = {
    name: band_count(shape, kernels.radius, True)
    + image_count(kernels.radius, kernels.band_shape, 24)
    + band_count(shape, kernels.image_radius, True)
    for name, shape in {"band, 1 nm": (2048, 2048), "band, 4 nm": (512, 512)}.items()
}
moved = {"whole grid, 1 nm": full_count.moved_bytes, **{name: count.moved_bytes for name, count in band.items()}}
assert moved["whole grid, 1 nm"] / moved["band, 1 nm"] > 40

# %%
# The figure
# ----------
# Left: the spectrum of the mask; the lens sees what is inside the small circle, the image lives in the larger one.
# Middle: a cut through the image; the points of the band grid carry the whole curve. Right: time and bytes.

figure, axes = plt.subplots(1, 3, figsize=(13.6, 5.4))
spectrum = np.fft.fftshift(np.abs(np.fft.fft2(mask[::4, ::4], norm="forward")))
reach = 256 / field_nm * 1e3
axes[0].imshow(np.log10(spectrum + 1e-7), extent=(-reach, reach, -reach, reach), vmin=-5, vmax=0)
for bins, color, name in ((radius, COLORS["band"], "passed"), (2 * radius, "white", "in the image")):
    axes[0].add_patch(plt.Circle((0, 0), bins / field_nm * 1e3, fill=False, color=color, linewidth=1.4, label=name))
axes[0].legend(labelcolor="white")
axes[0].set(xlabel="frequency, 1/µm", ylabel="frequency, 1/µm", title="1  Spectrum of the mask, 1/4 of what 1 nm has")
samples, x = in_band(mask, 112)(), np.arange(2048) + 0.5
small_row = 56
at = (small_row + 0.5) * field_nm / 112
row = int(at)  # whose centre is within half a nanometre
axes[1].plot(x, textbook[row], color=COLORS["mask"], label="whole grid, 2048 samples")
axes[1].plot(
    (np.arange(112) + 0.5) * field_nm / 112,
    samples[small_row],
    "o",
    markersize=3.5,
    color=COLORS["violation"],
    label="band grid, 112 samples",
)
axes[1].set(
    xlim=(500, 1500), xlabel="x, nm", ylabel="intensity", title=f"2  A cut through the image at y = {at:.0f} nm"
)
axes[1].legend(loc="upper center", bbox_to_anchor=(0.5, 1.0))
axes[1].set_ylim(0, 1.35 * textbook[row].max())
names = list(seconds)
places = np.arange(len(names))
axes[2].bar(places - 0.2, [1e3 * seconds[n] for n in names], 0.38, color=COLORS["mask"], label="time, ms, measured")
axes[2].bar(places + 0.2, [moved[n] * 1e-6 for n in names], 0.38, color=COLORS["band"], label="memory, MB, counted")
for place, name in zip(places, names, strict=True):
    text = f"{gain[name]:.0f}x" if gain[name] > 1 else "1x"
    axes[2].annotate(text, (place - 0.2, 1e3 * seconds[name]), ha="center", va="bottom")
axes[2].set(yscale="log", title="3  What each way takes")
axes[2].set_xticks(places, names)
axes[2].legend()
figure.savefig(FOLDER / "21_the_band_limit.png")
for name in names:
    print(f"{name}: {1e3 * seconds[name]:.2f} ms, {gain[name]:.0f} times as fast, {moved[name] * 1e-6:.0f} MB")

# %%
# No approximation was made: what was left out is zero. A faster computer does the whole grid faster too; only leaving
# out what the lens does not pass makes it unnecessary.
