"""Signed edge placement errors, at sites of known place and normal, against images in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gratings import TwoBeams

from litho.cells import Floats
from litho.edge_placement import TargetSites, edge_placement, rim, target_sites
from litho.local_widths import drawn_lengths, printed_lengths

GRATING = TwoBeams()
SPACE = np.array([[-25.0, 0.0], [25.0, 0.0], [25.0, 400.0], [-25.0, 400.0]])
"""A bright space of the grating, as drawn: 50 nm wide."""


def disc(x_nm: Floats, y_nm: Floats) -> Floats:
    """Intensity that is 0.5 on a circle of 100 nm, falling outwards."""
    return 0.5 + (100 - np.hypot(x_nm, y_nm)) / 200


def polygon(radius: float, count: int = 60) -> Floats:
    """Return a regular polygon whose edges touch a circle."""
    angle = 2 * math.pi * (np.arange(count) + 0.5) / count
    return radius / math.cos(math.pi / count) * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def sides_of(space: Floats) -> TargetSites:
    """Return the sites on the long edges."""
    sites = target_sites([space])
    long = sites.normals[:, 1] == 0
    return TargetSites(sites.points_nm[long], sites.normals[long])


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_an_error_is_half_of_what_the_print_is_wider_and_positive_where_it_is_larger(threshold: float) -> None:
    placement = edge_placement(GRATING, sides_of(SPACE), threshold)
    expected = (GRATING.cd_nm(threshold) - 50) / 2
    np.testing.assert_allclose(placement.error_nm, expected, atol=1e-6)
    assert (placement.error_nm > 0).all() == (threshold < 0.5) or threshold == 0.5


def test_a_shifted_target_has_errors_of_both_signs() -> None:
    placement = edge_placement(GRATING, sides_of(SPACE + np.array([3.0, 0.0])), 0.5)
    towards = placement.sites.normals[:, 0]
    np.testing.assert_allclose(placement.error_nm, -3.0 * towards, atol=1e-6)


def test_the_error_is_measured_along_the_normal_at_any_angle() -> None:
    sites = target_sites([polygon(93.5)])
    assert len(sites) == 60
    np.testing.assert_allclose(edge_placement(disc, sites, 0.5).error_nm, 6.5, atol=1e-9)
    np.testing.assert_allclose(edge_placement(disc, sites, 0.4).error_nm, 26.5, atol=1e-9)
    np.testing.assert_allclose(edge_placement(disc, sites, 0.6).error_nm, -13.5, atol=1e-9)


def test_edges_out_of_reach_are_lost_and_what_prints_there_is_told() -> None:
    sites = sides_of(SPACE)
    for threshold, printed in ((0.1, True), (0.9, False)):
        placement = edge_placement(GRATING, sites, threshold)
        assert np.isnan(placement.error_nm).all() and (placement.printed == printed).all()
    near = edge_placement(disc, target_sites([polygon(60.0)]), 0.5, reach_nm=39.0)
    assert np.isnan(near.error_nm).all() and near.printed.all()


def test_the_statistics_are_those_of_the_errors() -> None:
    sites = TargetSites(np.array([[26.0, 0], [22, 0], [-25, 0], [-27, 0], [50, 0]]), np.eye(2)[[0, 0, 0, 0, 0]])
    sites.normals[2:4, 0] = -1
    found = edge_placement(GRATING, sites, 0.5, reach_nm=20.0).statistics(1.5)
    errors = np.array([-1.0, 3.0, 0.0, -2.0])
    assert (found.sites, found.lost, found.beyond, found.tolerance_nm) == (5, 1, 3, 1.5)
    assert found.mean_nm == pytest.approx(errors.mean(), abs=1e-6)
    assert found.std_nm == pytest.approx(errors.std(), abs=1e-6)
    assert found.rms_nm == pytest.approx(math.sqrt((errors**2).mean()), abs=1e-6)
    assert (found.lowest_nm, found.highest_nm) == pytest.approx((-2.0, 3.0), abs=1e-6)
    nothing = edge_placement(GRATING, target_sites([]), 0.5).statistics(1.0)
    assert (nothing.sites, nothing.beyond, nothing.mean_nm) == (0, 0, None)


def test_sites_keep_from_corners_and_are_no_farther_apart_than_asked() -> None:
    sites = target_sites([SPACE], interval_nm=30.0, corner_nm=50.0)
    right = sites.points_nm[sites.normals[:, 0] == 1]
    assert right[:, 0] == pytest.approx(25.0) and right[[0, -1], 1] == pytest.approx([50.0, 350.0])
    assert np.diff(right[:, 1]) == pytest.approx(30.0)
    ends = sites.points_nm[sites.normals[:, 1] != 0]
    assert sorted(ends.tolist()) == [[0.0, 0.0], [0.0, 400.0]]
    assert len(target_sites([SPACE], shortest_nm=51.0)) == len(sites_of_long_edges())


def sites_of_long_edges() -> TargetSites:
    """Return the sites on edges of 400 nm at the default interval."""
    return sides_of(SPACE)


def test_between_shapes_that_abut_and_along_cuts_to_holes_there_is_no_edge() -> None:
    pair = [SPACE, SPACE + np.array([50.0, 0.0])]
    starts, ends = rim(pair)
    assert np.hypot(*(ends - starts).T).sum() == pytest.approx(2 * (100 + 400))
    keyhole = np.array(
        [(0, 0), (90, 0), (90, 90), (0, 90), (0, 40), (20, 40), (20, 60), (40, 60), (40, 40), (20, 40), (0, 40)]
    )
    starts, ends = rim([keyhole.astype(float)])
    assert np.hypot(*(ends - starts).T).sum() == pytest.approx(4 * 90 + 4 * 20)
    sites = target_sites([keyhole.astype(float)])
    inner = np.abs(sites.points_nm - 40).max(axis=1) < 40
    inwards = ((np.array([30.0, 50.0]) - sites.points_nm) * sites.normals).sum(axis=1)
    assert np.count_nonzero(inner) == 4 and (inwards[inner] > 0).all() and (inwards[~inner] < 0).all()


def test_drawn_widths_and_spaces_are_those_to_the_next_edge() -> None:
    sites = sides_of(SPACE)
    shapes = [SPACE, SPACE + np.array([80.0, 0.0])]
    widths, spaces = drawn_lengths(sites, shapes, 200.0)
    np.testing.assert_allclose(widths, 50.0)
    np.testing.assert_allclose(spaces, np.where(sites.normals[:, 0] > 0, 30.0, np.inf))


@pytest.mark.parametrize("threshold", [0.25, 0.5, 0.75])
def test_printed_widths_and_spaces_of_two_beams_add_up_to_the_period(threshold: float) -> None:
    placement = edge_placement(GRATING, sides_of(SPACE), threshold)
    every = np.arange(len(placement.sites))
    enough = np.full(len(every), 110.0)
    width, space = (
        printed_lengths(GRATING, placement, threshold, every, enough, outwards=outwards) for outwards in (False, True)
    )
    np.testing.assert_allclose(width, GRATING.cd_nm(threshold), atol=1e-6)
    np.testing.assert_allclose(width + space, 100.0, atol=1e-6)
    short = printed_lengths(GRATING, placement, threshold, every, enough * 0 + 12.0, outwards=True)
    assert np.isinf(short).all()


def test_arguments_that_make_no_sense_are_refused() -> None:
    for name in ("interval_nm", "corner_nm"):
        with pytest.raises(ValueError, match=f"`{name}` must be a positive length"):
            target_sites([SPACE], **{name: 0.0})
    for arguments in ({"threshold": 0.0}, {"threshold": 0.3, "reach_nm": math.nan}):
        with pytest.raises(ValueError, match="must be a positive number"):
            edge_placement(GRATING, sides_of(SPACE), **arguments)
    with pytest.raises(ValueError, match="`tolerance_nm` must be at least 0"):
        edge_placement(GRATING, sides_of(SPACE), 0.5).statistics(-1.0)


def test_a_site_on_the_printed_edge_has_no_error_whichever_way_rounding_goes() -> None:
    def image(x: Floats, y: Floats) -> Floats:
        rounding = 1e-16 if len(x) == 1 else -1e-16  # as sums of another length may differ
        return 0.3 - 0.1 * np.sin(math.pi * (x - 100.0) / 20) + rounding

    site = TargetSites(np.array([[100.0, 0.0]]), np.array([[1.0, 0.0]]))
    assert edge_placement(image, site, 0.3, reach_nm=50.0).error_nm == pytest.approx([0.0], abs=1e-9)
