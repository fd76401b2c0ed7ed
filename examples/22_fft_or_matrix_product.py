r"""
FFT or matrix product
=====================

To find a few frequencies of a large image one may take the fast transform of all and keep the few, or multiply with
the few waves that one wants. The first needs fewer operations; the second does them much faster. This lesson counts
both, measures both, and finds where they cross.

Run it with ``python examples/22_fft_or_matrix_product.py [folder]``; it writes one figure there.
"""

import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from litho.benchmark.counts import band_count
from litho.fourier import band_transform
from litho.scene import COLORS

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
plt.style.use(Path(__file__).with_name("course.mplstyle"))

# %%
# Two ways to the same numbers
# ----------------------------
# A discrete Fourier transform is a product with a matrix of waves. Of an image x of n x n pixels, all frequencies up to
# R in either direction are
#
# .. math:: X = W_y \, x \, W_x, \qquad W_{kj} = e^{-2 \pi i k (j + 1/2) / n} ,
#
# with 2 R + 1 rows on one side and, as x is real, R + 1 columns on the other. The fast transform finds all n x n.

pixels, radius = 1024, 27
image = np.random.default_rng(4).random((pixels, pixels), dtype=np.float32)
by_product = band_transform((pixels, pixels), (radius, radius), image, "matrix")
by_fft = band_transform((pixels, pixels), (radius, radius), image, "fft")
few = by_product(image)
assert few.shape == (2 * radius + 1, radius + 1)
assert np.abs(few - by_fft(image)).max() < 1e-6 * np.abs(few).max()

# %%
# The adjoint, which carries a gradient back to the pixels, is the same product with the matrices turned.

there, back = np.vdot(few, by_fft(image)).real, np.vdot(by_product.adjoint(few), image)
assert np.isclose(there, back, rtol=1e-4)

# %%
# Counted
# -------
# The product along x takes :math:`4 n^2 (R + 1)` operations, and nearly nothing is left to do along y. The fast
# transform takes :math:`\tfrac{5}{2} n^2 \log_2 n^2`, whatever R is. By that count the product should lose as soon as
# R is above a dozen.

radii = np.array([3, 6, 13, 27, 54, 108, 180])
product_flops = np.array([band_count((pixels, pixels), (r, r), True).flops for r in radii])
fft_flops = band_count((pixels, pixels), (0, 0), False).flops
counted = radii[np.argmax(product_flops > fft_flops)]
assert counted == 13


def shortest_s(functions, calls=15):
    """Return the shortest time of each function, s; they take turns, so that all see the same machine."""
    seconds = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(calls):
        for function, record in zip(functions, seconds, strict=True):
            begin = time.perf_counter()
            function()
            record.append(time.perf_counter() - begin)
    return [min(record) for record in seconds]


# %%
# Measured
# --------
# But operations are not all alike. A product of matrices reads a number once and uses it many times: it runs near the
# processor's peak. A transform passes over the data again and again, with little to do each time.

times = []
for r in radii:
    product, fft = (band_transform((pixels, pixels), (int(r), int(r)), image, how) for how in ("matrix", "fft"))
    times.append(shortest_s([lambda p=product: p(image), lambda f=fft: f(image)]))
product_s, fft_s = np.array(times).T
rate = {"product": product_flops / product_s, "FFT": fft_flops / fft_s}

# %%
# Where they cross is a matter of the machine; the count alone would have chosen wrongly between its own crossing and
# this one. That is why the program has a measured cost for each kind of operation, on each kind of device.

slower = np.flatnonzero(product_s > fft_s)
crossing = int(radii[slower[0]]) if len(slower) else None

# %%
# Larger fields
# -------------
# At the same optics R grows with the field: 27 for 2 µm, 54 for 4 µm. The product's operations grow with the cube of
# the side, the transform's with its square and a logarithm. So small tiles favour the product, large fields the FFT.

fields_um = np.array([0.5, 1, 2, 4, 8, 16])
fine = [(int(2**10 * f), int(13.6 * f)) for f in fields_um]
product_share = [band_count((n, n), (r, r), True).flops / band_count((n, n), (r, r), False).flops for n, r in fine]
assert np.all(np.diff(product_share) > 0)

# %%
# The figure
# ----------
# Left: operations. Middle: time; the fast transform's does not care how many frequencies are kept. Right: operations
# per second of both.

figure, axes = plt.subplots(1, 3, figsize=(13.6, 5.2))
axes[0].loglog(radii, product_flops * 1e-6, "o-", color=COLORS["mask"], label="matrix products")
axes[0].axhline(fft_flops * 1e-6, color=COLORS["violation"], label="FFT of all")
axes[0].axvline(radius, color=COLORS["muted"], linewidth=0.8, linestyle=":")
axes[0].annotate("2 µm at NA 1.35", (radius, 6), rotation=90, ha="right", color=COLORS["muted"], fontsize=8)
axes[0].set(xlabel="largest frequency R", ylabel="million operations", title="1  Counted")
axes[1].loglog(radii, product_s * 1e3, "o-", color=COLORS["mask"], label="matrix products")
axes[1].loglog(radii, fft_s * 1e3, "o-", color=COLORS["violation"], label="FFT of all")
axes[1].set(xlabel="largest frequency R", ylabel="ms", title=f"2  Measured, {pixels} x {pixels} pixels")
axes[2].loglog(radii, rate["product"] * 1e-9, "o-", color=COLORS["mask"], label="matrix products")
axes[2].loglog(radii, rate["FFT"] * 1e-9, "o-", color=COLORS["violation"], label="FFT of all")
axes[2].set(xlabel="largest frequency R", ylabel="billion operations a second", title="3  How fast each operation is")
for panel in axes:
    panel.set_xticks(radii, [str(r) for r in radii])
    panel.set_xticks([], minor=True)
    panel.legend()
figure.savefig(FOLDER / "22_fft_or_matrix_product.png")
where = f"R = {crossing}" if crossing else f"R > {radii[-1]}"
print(f"by count the FFT is ahead from R = {counted} on; measured from {where} on")
print(
    f"billion operations a second at R = 27: product {rate['product'][3] * 1e-9:.0f}, FFT {rate['FFT'][3] * 1e-9:.1f}"
)

# %%
# Graphics processors widen the gap: their units for matrix products are many times faster than everything else on the
# chip, while a transform waits for memory. The fewer frequencies a lens passes, the better for the product.
