"""From a mask's exact half band to what it prints at every corner, and back: the chain of `litho.model` without raster.

half band -> transmission band -> aerial image per focus -> exposed intensity per corner -> prints
"""

from __future__ import annotations

from litho.backend import Array, array_module
from litho.mask import transmission_band, transmission_band_adjoint
from litho.model import PrintModel, SavedPrint
from litho.process import expose, expose_adjoint
from litho.resist import develop, develop_adjoint
from litho.socs import image_band, image_band_adjoint


def print_band(half: Array, model: PrintModel) -> tuple[Array, SavedPrint]:
    """Smooth prints at every corner.

    Parameters
    ----------
    half : (..., 2 Ry + 1, Rx + 1) complex
        half band of the coverage, of the radius of the model's kernels and in their library and precision
    model
        the chain; its mask grid does not matter

    Returns
    -------
    printed : (corners, ..., my, mx) real, in 0..1
        on `model.print_grid`
    saved
        what `print_band_adjoint` needs
    """
    xp = array_module(half)
    mask_band = transmission_band(half, model.mask)
    halves, saved = zip(*(image_band(mask_band, kernels) for kernels in model.kernels), strict=True)
    exposed = expose(model.to_print[0].inverse(xp.stack(halves)), model.process)
    printed, developed = develop(exposed, model.process.resist)
    return printed, SavedPrint(saved, developed)


def print_band_adjoint(printed_bar: Array, saved: SavedPrint, model: PrintModel) -> Array:
    """Gradient with respect to `half`, from the one with respect to `printed`."""
    exposed_bar = develop_adjoint(printed_bar, saved.developed, model.process.resist)
    intensity_bar = expose_adjoint(exposed_bar, model.process)
    halves_bar = model.to_print[0].inverse_adjoint(intensity_bar)
    mask_band_bar = sum(
        image_band_adjoint(halves_bar[focus, ...], fields, kernels)
        for focus, (kernels, fields) in enumerate(zip(model.kernels, saved.fields, strict=True))
    )
    return transmission_band_adjoint(mask_band_bar, model.mask)
