"""Edge-based correction from a target to a mask: rules, edges, assist features, the whole print, and what keeps rules.

corrected = corrected_mask(polygons, model, target, OpcSettings())
corrected.outlines()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from litho.cells import Floats
from litho.edge_area import AreaLoss, area_loss, improve
from litho.edge_image import EdgeModel, edge_images, lost_sites
from litho.edge_moves import moved_outlines, moving_edges
from litho.edge_opc import correct_fragments
from litho.edge_placement import TargetSites
from litho.fragments import Bits, Fragments, FragmentSettings, fragmented, joined_fragments
from litho.move_limits import kept, move_limits, snapped
from litho.opc_settings import OpcSettings
from litho.outlines import areas_nm2
from litho.rule_opc import BiasTable, bias_table, rule_moves
from litho.srafs import brightest, guided_bars, rule_bars

LAST_STEPS = 10
"""Steps on the whole print after bars were made smaller or taken away."""

CHECKS = 4
"""How often bars are looked at for whether they print or are too small; after the last time such bars go."""

Report = Callable[[str, int, float], bool]
"""called after each step with what is done, its number, from 1, and the loss; True stops, the best so far is kept"""


@dataclass(frozen=True, eq=False)
class EdgeMask:
    """A corrected mask.

    Parameters
    ----------
    fragments
        of the target, and of the bars behind them
    moves_nm : (m,) real
        of each fragment, outwards
    bars
        assist features as they were laid, before their edges moved
    losses
        of the whole print, nm^2: one array per round of steps
    lost
        sites without a printed edge in reach, after the steps on edges
    ended
        why the steps on edges ended, see `litho.edge_opc.Corrected`
    broken_nm : (n, 2) real
        places where the mask's rules are not kept
    asked
        whether `report` asked to stop
    """

    fragments: Fragments
    moves_nm: Floats
    bars: tuple[Floats, ...]
    losses: tuple[Floats, ...]
    lost: int
    ended: str
    broken_nm: Floats
    asked: bool

    def outlines(self) -> list[Floats]:
        """Return the outlines of the mask, (n, 2) each, nm; assist features last."""
        return moved_outlines(self.fragments, self.moves_nm)


@dataclass(frozen=True, eq=False)
class _Work:
    """A correction on its way; `limits` hold for `moves`."""

    fragments: Fragments
    moves: Floats
    limits: tuple[Floats, Floats]
    bars: tuple[Floats, ...] = ()
    losses: tuple[Floats, ...] = ()
    lost: int = 0
    ended: str = "rules"
    asked: bool = False


def corrected_mask(
    polygons: Sequence[Floats],
    model: EdgeModel,
    target: Floats,
    settings: OpcSettings,
    *,
    probes: Floats | None = None,
    table: BiasTable | None = None,
    report: Report | None = None,
    fragments: Fragments | None = None,
    refuse: bool = True,
) -> EdgeMask:
    """Correct a target.

    Parameters
    ----------
    polygons
        the target, each (n, 2) vertices (x, y) in nm
    model
        lens and process
    target : (ny, nx) real, in 0..1
        its coverage on the model's grid
    settings
        see `OpcSettings`
    probes : (ny, nx) real, optional
        nm^2 that a wrong print costs at each pixel of that grid
    table
        biases of the start; made by the model if not given
    report
        see `Report`
    fragments
        of the target, where they are to be others than `settings.fragments` make
    refuse
        whether a target is refused that breaks the mask's rules by itself, see `litho.move_limits`

    Raises
    ------
    ValueError
        if `refuse` and the target breaks the mask's rules by itself, with the place
    """
    main = fragmented(polygons, settings.fragments, model.grid) if fragments is None else fragments
    return _Correction(list(polygons), main, model, target, settings, probes, report, refuse).run(table)


@dataclass(frozen=True, eq=False)
class _Correction:
    polygons: list[Floats]
    main: Fragments
    model: EdgeModel
    target: Floats
    settings: OpcSettings
    probes: Floats | None
    report: Report | None
    refuse: bool

    def run(self, table: BiasTable | None) -> EdgeMask:
        work = self._on_edges(self._by_rules(table))
        method, rounds = self.settings.srafs.method, self.settings.srafs.rounds
        if method == "image" and self.settings.area.steps > 0:
            for number in range(rounds):
                work = self._improved(self._with_bars(work, self._guided(work)), f"round {number + 1} of {rounds}")
        else:
            if method == "rules":
                work = self._with_bars(work, self._by_distance())
            work = self._improved(work, "whole print")
        work, broken = self._written(work)
        for check in range(CHECKS):
            small, printing = self._small(work), self._printing(work)
            if not (small | printing).any():
                break
            gone = small | printing if check >= 1 else small
            work = self._weaker(work, printing & ~gone, remove=False)
            work = self._on_edges(self._weaker(work, gone, remove=True))
            work, broken = self._written(self._improved(work, "bars that may stay", LAST_STEPS))
        last = self._small(work) | self._printing(work)
        if last.any():
            work, broken = self._written(self._weaker(work, last, remove=True))
        return EdgeMask(work.fragments, work.moves, work.bars, work.losses, work.lost, work.ended, broken, work.asked)

    def _by_rules(self, table: BiasTable | None) -> _Work:
        """Return the start."""
        rules = self.settings.rules
        if table is None:
            table = bias_table(self.model, rules.widths_nm, rules.spaces_nm)
        limits = move_limits(self.main, self.settings.limits, self.refuse)
        return _Work(self.main, np.clip(rule_moves(self.main, self.polygons, table, rules), *limits), limits)

    def _on_edges(self, work: _Work) -> _Work:
        """Return moves of the target's fragments that bring the print's edges to their sites; bars stay."""
        if self.settings.edges.steps == 0 or work.asked:
            return work
        main = np.arange(len(work.fragments)) < len(work.fragments) - 4 * len(work.bars)
        low, high = (np.where(main, limit, work.moves) for limit in work.limits)
        found = correct_fragments(
            work.fragments,
            self.model,
            self.settings.edges,
            start_nm=work.moves,
            limits_nm=(low, high),
            counted=main & ~work.fragments.fixed,
            report=self._told("edges"),
        )
        return replace(work, moves=found.moves_nm, lost=found.lost, ended=found.ended, asked=found.ended == "asked")

    def _guided(self, work: _Work) -> list[Floats]:
        """Return new bars by the inverse image of the mask as it is."""
        srafs, loss = self.settings.srafs, self._loss(work)
        others = moved_outlines(work.fragments, work.moves)[-len(work.bars) :] if work.bars else []
        return guided_bars(
            loss.help(work.moves), loss.grid, self.polygons, srafs.rules, others=others, least=srafs.least
        )

    def _by_distance(self) -> list[Floats]:
        srafs = self.settings.srafs
        return rule_bars(self.polygons, srafs.distances_nm, srafs.rules, self.model.grid)

    def _with_bars(self, work: _Work, bars: Sequence[Floats]) -> _Work:
        """Return a correction with more bars; those that would print are smaller from the start, or left out."""
        if not bars:
            return work
        grid = self.model.grid
        added = joined_fragments([fragmented([bar], WHOLE_EDGES, grid) for bar in bars])
        moves = np.concatenate([work.moves, np.zeros(len(added))])
        fragments = joined_fragments([work.fragments, added])
        laid = self._limited(replace(work, fragments=fragments, moves=moves, bars=(*work.bars, *bars)))
        smaller = self._weaker(laid, self._printing(laid), remove=False)
        fitting = replace(smaller, limits=laid.limits)  # their edges may come back
        return self._weaker(fitting, self._printing(fitting), remove=True)

    def _limited(self, work: _Work) -> _Work:
        """Return a correction with limits that count its bars."""
        low, high = move_limits(work.fragments, self.settings.limits, self.refuse)
        first = len(work.fragments) - 4 * len(work.bars)
        high[first:] = np.minimum(high[first:], self.settings.srafs.rules.grow_nm)
        return replace(work, moves=np.clip(work.moves, low, high), limits=(low, high))

    def _improved(self, work: _Work, what: str, steps: int | None = None) -> _Work:
        """Return moves that make the whole print better."""
        steps = self.settings.area.steps if steps is None else min(steps, self.settings.area.steps)
        if steps == 0 or work.asked:
            return work
        found = improve(self._loss(work, steps), work.moves, work.limits, self._told(what))
        if self._lost(work, found.moves_nm) > self._lost(work, work.moves):
            return replace(work, asked=found.asked)  # the print got better by losing a shape
        return replace(work, moves=found.moves_nm, losses=(*work.losses, found.losses), asked=found.asked)

    def _lost(self, work: _Work, moves: Floats) -> int:
        """Return how many sites of the target have no printed edge in reach."""
        main, sites = slice(len(work.fragments) - 4 * len(work.bars)), work.fragments.sites
        images = edge_images(moves, moving_edges(work.fragments), self.model)
        return lost_sites(TargetSites(sites.points_nm[main], sites.normals[main]), 0, images, self.model)

    def _loss(self, work: _Work, steps: int = 1) -> AreaLoss:
        settings = replace(self.settings.area, steps=steps)
        return area_loss(work.fragments, self.model, self.target, settings, self.probes)

    def _told(self, what: str) -> Callable[[int, float], bool] | None:
        report = self.report
        return None if report is None else lambda number, loss: report(what, number, loss)

    def _written(self, work: _Work) -> tuple[_Work, Floats]:
        """Return moves that can be written, and places where they do not keep the rules."""
        moves = snapped(work.moves, work.fragments, work.limits, self.settings.limits)
        found = kept(moves, work.fragments, work.limits, self.settings.limits)
        return replace(work, moves=found.moves_nm), found.broken_nm

    def _printing(self, work: _Work) -> Bits:
        """Return which bars print at some corner, or come within the margin of it."""
        if not work.bars:
            return np.zeros(0, bool)
        process = self.model.process
        images = edge_images(work.moves, moving_edges(work.fragments), self.model).images
        drawn = moved_outlines(work.fragments, work.moves)[-len(work.bars) :]
        at_corners = [images[focus] for focus in process.focus_of_corner]
        peaks = brightest(drawn, at_corners, [corner.dose for corner in process.corners])
        return np.asarray(peaks >= (1 - self.settings.srafs.margin) * process.resist.threshold)

    def _small(self, work: _Work) -> Bits:
        """Return which bars have less than the smallest area."""
        drawn = moved_outlines(work.fragments, work.moves)[-len(work.bars) :] if work.bars else []
        return areas_nm2(drawn) < self.settings.srafs.rules.min_area_nm2

    def _weaker(self, work: _Work, printing: Bits, remove: bool) -> _Work:
        """Return a correction whose printing bars are as small as they may be, or gone."""
        if not printing.any():
            return work
        first = len(work.fragments) - 4 * len(work.bars)
        of_bar = np.repeat(printing, 4)
        if not remove:
            low, high = (limit.copy() for limit in work.limits)
            high[first:][of_bar] = low[first:][of_bar]
            return replace(work, moves=np.clip(work.moves, low, high), limits=(low, high))
        moves = np.concatenate([work.moves[:first], work.moves[first:][~of_bar]])
        bars = tuple(bar for bar, prints in zip(work.bars, printing, strict=True) if not prints)
        kept_bars = [fragmented([bar], WHOLE_EDGES, self.model.grid) for bar in bars]
        return self._limited(replace(work, fragments=joined_fragments([self.main, *kept_bars]), moves=moves, bars=bars))


WHOLE_EDGES = FragmentSettings(corner_nm=1.0, run_nm=1e6, single_nm=1e6, shortest_nm=1.0)
"""The edges of a bar move as a whole."""
