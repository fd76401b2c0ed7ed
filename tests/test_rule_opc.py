"""Rule-based correction: tables of biases, hammerheads and serifs."""

from __future__ import annotations

import numpy as np
import pytest
from edge_cases import GRID, LINE, PROCESS, box, model

from litho.cutline import CutLine, measure
from litho.edge_image import edge_images
from litho.edge_moves import moving_edges
from litho.fragments import CONCAVE, CONVEX, LINE_END, RUN, fragmented
from litho.rule_opc import BiasTable, RuleSettings, bias_table, rule_moves

TABLE = BiasTable((50.0, 100.0), (60.0, 160.0), ((2.0, 8.0), (-4.0, 0.0)))


def test_a_table_holds_at_its_entries_and_is_linear_between_them() -> None:
    found = TABLE.at(np.array([50, 50, 100, 75, 75, 20, np.inf]), np.array([60, 160, 160, 60, 110, 10, np.inf]))
    assert found == pytest.approx([2, 8, 0, -1, 1.5, 2, 0], abs=1e-12)


def test_a_table_with_one_entry_is_that_entry() -> None:
    single = BiasTable((70.0,), (90.0,), ((3.0,),))
    assert np.all(single.at(np.array([10.0, 70.0, 300.0]), np.array([1.0, 90.0, np.inf])) == 3)


def test_the_bias_of_the_model_prints_a_long_line_on_size() -> None:
    table = bias_table(model(), (70.0,), (200.0,), lines=1)
    fragments = fragmented(LINE, grid=GRID)
    moves = np.where(fragments.fixed, 0.0, table.bias_nm[0][0])
    image = edge_images(moves, moving_edges(fragments), model()).images[0]
    cd = measure(image, CutLine((-150.0, 0.0), (150.0, 0.0)), PROCESS.resist.threshold).cd_nm
    assert cd == pytest.approx(70.0, abs=0.2)  # biases stop at errors of 0.1 nm


def test_rules_know_line_ends_corners_and_runs() -> None:
    settings = RuleSettings(line_end_nm=17, hammer_nm=5, serif_nm=3, notch_nm=-2)
    flat = BiasTable((50.0,), (50.0,), ((1.0,),))
    elbow = [np.array([(0, 0), (400, 0), (400, 70), (70, 70), (70, 400), (0, 400.0)])]
    fragments = fragmented(elbow)
    moves, kinds = rule_moves(fragments, elbow, flat, settings), fragments.kinds
    assert np.all(moves[kinds == LINE_END] == 17)
    assert np.all(moves[kinds == CONCAVE] == 1 - 2)
    assert np.all(moves[kinds == RUN] == 1)
    beside = np.max(fragments.sites.points_nm, axis=1) > 330
    assert np.all(moves[(kinds == CONVEX) & beside] == 1 + 5)  # hammerheads
    assert np.all(moves[(kinds == CONVEX) & ~beside] == 1 + 3)


def test_the_bias_follows_width_and_space() -> None:
    pair = [box(0, 0, 50, 600), box(110, 0, 210, 600)]
    fragments = fragmented(pair)
    moves = rule_moves(fragments, pair, TABLE)
    points, run = fragments.sites.points_nm, fragments.kinds == RUN
    for x, expected in ((0, 8), (50, 2), (110, -4), (210, 0)):
        assert np.all(moves[run & (points[:, 0] == x)] == expected)


def test_tables_must_rise_and_fit() -> None:
    with pytest.raises(ValueError, match="`widths_nm` must be positive lengths that rise"):
        BiasTable((100.0, 50.0), (60.0,), ((1.0,), (2.0,)))
    with pytest.raises(ValueError, match="`bias_nm` must have 1 rows of 2"):
        BiasTable((100.0,), (60.0, 80.0), ((1.0,),))
