"""Names and colours of layers, as KLayout reads them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from litho.layer_properties import LayerStyle, write_layer_properties


def test_every_layer_has_an_entry_with_its_source_name_and_colour(tmp_path: Path) -> None:
    styles = [LayerStyle((2, 0), "a <mask> & more\x07", "#2f6fd0", "dots"), LayerStyle((10, 3), "print", "#00865f")]
    write_layer_properties(styles, tmp_path / "mask.lyp")
    assert [p.name for p in tmp_path.iterdir()] == ["mask.lyp"]
    root = ElementTree.parse(tmp_path / "mask.lyp").getroot()
    assert root.tag == "layer-properties" and all(entry.tag == "properties" for entry in root)
    told = [[e.findtext(tag) for tag in ("source", "name", "frame-color", "dither-pattern", "visible")] for e in root]
    assert told == [
        ["2/0@1", "a <mask> & more", "#2f6fd0", "I3", "true"],
        ["10/3@1", "print", "#00865f", "I1", "true"],
    ]


def test_a_fill_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`fill` must be one of solid, hollow, dots, lines, but got 'plaid'\."):
        LayerStyle((1, 0), "target", "#000000", "plaid")
