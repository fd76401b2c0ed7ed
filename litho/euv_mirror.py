"""The molybdenum/silicon mirror of EUV masks and lenses, as a stack of films.

Everything in `litho.films` and `litho.film_curves` applies to it: `reflection` gives the amplitude against the angle
of incidence, `reflectance_spectrum` the peak against the wavelength.

Interfaces are sharp and smooth, and the indices are those at 13.5 nm: a real mirror, whose layers mix and are rough,
reflects less.
"""

from __future__ import annotations

from litho.films import Film, Stack

SILICON = 0.99900 + 0.00183j
MOLYBDENUM = 0.92380 + 0.00644j
RUTHENIUM = 0.88635 + 0.01707j
SILICA = 0.97803 + 0.01077j
"""Indices at 13.5 nm from the atomic scattering factors of Henke, Gullikson & Davis, At. Data Nucl. Data Tables 54, 181
(1993), with 2.33, 10.22, 12.41 and 2.2 g/cm^3. The density of a thin film may differ."""

CAP = Film(2.5, RUTHENIUM)
"""A common protection of the uppermost silicon."""


def multilayer(
    pairs: int = 40,
    period_nm: float = 6.94,
    molybdenum_share: float = 0.4,
    cap: Film | None = CAP,
    silicon: complex = SILICON,
    molybdenum: complex = MOLYBDENUM,
    substrate: complex = SILICA,
) -> Stack:
    """Return a mirror of silicon on molybdenum, repeated, under a cap; as it stands, for 13.5 nm at 6 degrees.

    Parameters
    ----------
    pairs
        of one silicon and one molybdenum film, the silicon above
    period_nm
        thickness of a pair
    molybdenum_share
        part of the period that is molybdenum, between 0 and 1
    cap
        film above the uppermost silicon, or None
    silicon, molybdenum, substrate
        refractive indices n + i k at the wavelength of use
    """
    if pairs < 1:
        raise ValueError(f"`pairs` must be at least 1, but got {pairs}.")
    if not 0 < molybdenum_share < 1:
        raise ValueError(f"`molybdenum_share` must be between 0 and 1, but got {molybdenum_share}.")
    pair = (Film((1 - molybdenum_share) * period_nm, silicon), Film(molybdenum_share * period_nm, molybdenum))
    return Stack(((cap,) if cap else ()) + pair * pairs, substrate)
