"""Post-exposure bake of a chemically amplified resist: acid and quencher diffuse and neutralise, acid deprotects.

With acid h and quencher q relative to the acid generator, and the share m of protected sites,

    dh/dt = D_h laplace(h) - k_q h q,    dq/dt = D_q laplace(q) - k_q h q,    dm/dt = -k h^n m,    m(0) = 1.

Each step is split symmetrically (Strang 1968): half the diffusion, the reactions, the other half of the diffusion.
Diffusion and neutralisation are solved in closed form, and deprotection goes by the mean of the acid over the step, in
closed form too, so that each part alone is exact for any step. All together err with the square of the step once it is
short beside 1 / (k_q h). With instant neutralisation and a quencher that diffuses unlike the acid they err in
proportion to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from litho.backend import Array, array_module, zeros
from litho.diffusion import Diffusion, gaussian_diffusion
from litho.exposure import mean_decay, mean_decay_slope
from litho.grid import Grid


@dataclass(frozen=True)
class Bake:
    """One bake.

    Parameters
    ----------
    duration_s
        its length
    deprotection_per_s
        rate constant k at acid 1
    order
        exponent n of the acid, at least 1
    acid_diffusion_nm
        diffusion length sqrt(2 D_h t) of the acid over the whole bake
    quencher
        concentration at the start, the same everywhere, relative to the acid generator
    quencher_diffusion_nm
        diffusion length of the quencher over the whole bake
    neutralization_per_s
        rate constant k_q; `math.inf` for at once: max(h - q, 0) is left of the acid
    steps
        splitting steps: 20 leave errors of 1e-5 to 3e-3 in the share of protected sites of usual bakes, most where
        neutralisation is instant

    References
    ----------
    C. A. Mack, Fundamental Principles of Optical Lithography, Wiley 2007, chapter 6.
    G. Strang, SIAM J. Numer. Anal. 5, 506 (1968).
    """

    duration_s: float
    deprotection_per_s: float
    order: float = 1.0
    acid_diffusion_nm: float = 0.0
    quencher: float = 0.0
    quencher_diffusion_nm: float = 0.0
    neutralization_per_s: float = math.inf
    steps: int = 20

    def __post_init__(self) -> None:
        if not (math.isfinite(self.duration_s) and self.duration_s > 0):
            raise ValueError(f"`duration_s` must be a positive time, but got {self.duration_s}.")
        for name in ("deprotection_per_s", "acid_diffusion_nm", "quencher", "quencher_diffusion_nm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"`{name}` must be at least 0, but got {value}.")
        if not self.neutralization_per_s >= 0:
            raise ValueError(f"`neutralization_per_s` must be at least 0, but got {self.neutralization_per_s}.")
        if not (math.isfinite(self.order) and self.order >= 1):
            raise ValueError(f"`order` must be at least 1, but got {self.order}.")
        if self.steps < 1:
            raise ValueError(f"`steps` must be at least 1, but got {self.steps}.")

    @property
    def step_s(self) -> float:
        """Length of a splitting step."""
        return self.duration_s / self.steps


@dataclass(frozen=True)
class Baked:
    """What `deprotect` leaves behind: the end of the bake, and what its adjoint needs.

    Parameters
    ----------
    acid, quencher
        at the end of the bake, shaped as the acid at its start
    inhibitor
        share of sites still protected
    states
        acid and quencher before the reactions of each step
    half, whole
        diffusion of acid and of quencher over half a step and over a whole one, None for none
    """

    acid: Array
    quencher: Array
    inhibitor: Array
    states: tuple[tuple[Array, Array], ...]
    half: tuple[Diffusion | None, ...]
    whole: tuple[Diffusion | None, ...]


def deprotect(acid: Array, bake: Bake, grid: Grid, layer_nm: float | None = None) -> tuple[Array, Baked]:
    """Share of sites that are still protected after the bake.

    Parameters
    ----------
    acid : (..., ny, nx) or (..., nz, ny, nx) real, at least 0
        at the start, relative to the acid generator
    bake
        times, rates and lengths
    grid
        lateral field and pixels
    layer_nm
        thickness of the layers of axis -3; None if nothing diffuses through depth

    Returns
    -------
    inhibitor : shaped as `acid`, in 0..1
    saved
        the bake's end in `.acid` and `.quencher`, and what `deprotect_adjoint` needs
    """
    if tuple(acid.shape[-2:]) != grid.shape:
        raise ValueError(f"`acid` must end in the grid's shape {grid.shape}, but got {tuple(acid.shape)}.")
    if layer_nm is not None and len(acid.shape) < 3:
        raise ValueError(f"`acid` must have a depth (nz, ny, nx) with `layer_nm`, but got {tuple(acid.shape)}.")
    xp = array_module(acid)
    half, whole = (_diffusions(acid, bake, grid, layer_nm, part) for part in (0.5, 1.0))
    state, exponent, states = (acid, zeros(acid.shape, acid) + bake.quencher), 0 * acid, []
    for step in range(bake.steps):
        state = _diffuse(state, whole if step else half)
        states.append(state)
        acid, quencher, mean = neutralize(*state, _amount(bake))
        state = acid, quencher
        exponent = exponent + (bake.deprotection_per_s * bake.step_s) * xp.clip(mean, 0.0, None) ** bake.order
    state, inhibitor = _diffuse(state, half), xp.exp(-exponent)
    return inhibitor, Baked(*state, inhibitor, tuple(states), half, whole)


def deprotect_adjoint(inhibitor_bar: Array, saved: Baked, bake: Bake) -> Array:
    """Gradient with respect to `acid`, from the one with respect to `inhibitor`."""
    xp = array_module(inhibitor_bar)
    rate_bar = inhibitor_bar * saved.inhibitor * (-bake.deprotection_per_s * bake.step_s * bake.order)
    bars = 0 * inhibitor_bar, 0 * inhibitor_bar
    for step in reversed(range(bake.steps)):
        before = saved.states[step]
        mean = neutralize(*before, _amount(bake))[2]
        mean_bar = rate_bar * xp.clip(mean, 0.0, None) ** (bake.order - 1)
        bars = neutralize_adjoint((*bars, mean_bar), *before, _amount(bake))
        bars = _diffuse(bars, saved.whole if step else saved.half)
    return bars[0]


def neutralize(acid: Array, quencher: Array, amount: float) -> tuple[Array, Array, Array]:
    """Acid and quencher after they have met: dh/dt = dq/dt = -k h q in closed form.

    Parameters
    ----------
    acid, quencher : (...) real, at least 0
    amount
        rate constant times duration, k t; `math.inf` for all there is

    Returns
    -------
    acid, quencher : (...) real
        at the end; their difference is kept
    mean_acid : (...) real
        mean of the acid over the duration
    """
    xp, more_acid = array_module(acid, quencher), acid >= quencher
    many, few = xp.where(more_acid, acid, quencher), xp.where(more_acid, quencher, acid)
    excess = many - few
    if math.isinf(amount):
        many, few, mean = excess, 0 * few, 0 * few
    else:
        met = amount * few * mean_decay(amount * excess)
        some = met != 0
        mean = few * mean_decay(amount * excess) * xp.where(some, xp.log1p(met) / xp.where(some, met, 1.0), 1.0)
        many, few = many / (1 + met), few * xp.exp(-amount * excess) / (1 + met)
    mean = xp.where(more_acid, excess + mean, mean)
    return xp.where(more_acid, many, few), xp.where(more_acid, few, many), mean


def neutralize_adjoint(
    bars: tuple[Array, Array, Array], acid: Array, quencher: Array, amount: float
) -> tuple[Array, Array]:
    """Gradients with respect to the `acid` and `quencher` given to `neutralize`, from those of its three results."""
    xp, more_acid = array_module(acid, quencher), acid >= quencher
    many, few = xp.where(more_acid, acid, quencher), xp.where(more_acid, quencher, acid)
    many_bar, few_bar = xp.where(more_acid, bars[0], bars[1]), xp.where(more_acid, bars[1], bars[0])
    excess_bar = xp.where(more_acid, bars[2], 0.0)  # of the mean acid, where that is the excess and more
    if math.isinf(amount):
        excess_bar = excess_bar + many_bar
        return xp.where(more_acid, excess_bar, -excess_bar), xp.where(more_acid, -excess_bar, excess_bar)
    # the rarer one ends as the other less their difference, which is kept
    both_bar, excess_bar = many_bar + few_bar, excess_bar - few_bar
    x = amount * (many - few)
    decay, bend = mean_decay(x), amount * few * mean_decay_slope(x)
    used = 1 + amount * few * decay
    shared_bar = (bars[2] - both_bar * amount * many / used) / used
    many_bar = both_bar / used + shared_bar * bend + excess_bar
    few_bar = shared_bar * (decay - bend) - excess_bar
    return xp.where(more_acid, many_bar, few_bar), xp.where(more_acid, few_bar, many_bar)


def _amount(bake: Bake) -> float:
    """Return the rate constant of neutralisation times a step."""
    return bake.neutralization_per_s * bake.step_s


def _diffusions(
    acid: Array, bake: Bake, grid: Grid, layer_nm: float | None, part: float
) -> tuple[Diffusion | None, ...]:
    """Return the diffusion of acid and quencher over a part of a step; lengths add in squares."""
    share, layers = math.sqrt(part / bake.steps), acid.shape[-3] if layer_nm is not None else 1
    return tuple(
        gaussian_diffusion(grid, share * length, acid, layers, layer_nm) if length > 0 else None
        for length in (bake.acid_diffusion_nm, bake.quencher_diffusion_nm)
    )


def _diffuse(state: tuple[Array, Array], mixing: tuple[Diffusion | None, ...]) -> tuple[Array, Array]:
    """Return acid and quencher after diffusion: its own adjoint."""
    acid, quencher = (c if mix is None else mix(c) for c, mix in zip(state, mixing, strict=True))
    return acid, quencher
