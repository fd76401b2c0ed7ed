"""Names and colours of layers as a file for KLayout (.lyp), which shows them with File > Load Layer Properties."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from litho.cells import Layer
from litho.io.atomic import atomic_path
from litho.markers import printable

FILLS = {"solid": "I0", "hollow": "I1", "dots": "I3", "lines": "I5"}
"""KLayout's names of the patterns that shapes are filled with."""


@dataclass(frozen=True)
class LayerStyle:
    """How one layer is shown.

    Parameters
    ----------
    layer
        (layer, datatype)
    name
        shown beside it
    color
        such as "#2f6fd0"
    fill
        one of `FILLS`
    width
        of its outlines, pixels
    visible
        whether it is shown at first
    """

    layer: Layer
    name: str
    color: str
    fill: str = "hollow"
    width: int = 1
    visible: bool = True

    def __post_init__(self) -> None:
        if self.fill not in FILLS:
            raise ValueError(f"`fill` must be one of {', '.join(FILLS)}, but got {self.fill!r}.")


def write_layer_properties(styles: Sequence[LayerStyle], path: str | os.PathLike[str]) -> None:
    """Write how layers are shown, in the order that they are listed in.

    Parameters
    ----------
    styles
        one per layer
    path
        ends in .lyp, so that KLayout knows it
    """
    root = ElementTree.Element("layer-properties")
    for style in styles:
        entry = ElementTree.SubElement(root, "properties")
        number, datatype = style.layer
        for tag, text in (
            ("frame-color", style.color),
            ("fill-color", style.color),
            ("dither-pattern", FILLS[style.fill]),
            ("valid", "true"),
            ("visible", str(style.visible).lower()),
            ("transparent", "true"),
            ("width", str(style.width)),
            ("name", printable(style.name)),
            ("source", f"{number}/{datatype}@1"),
        ):
            ElementTree.SubElement(entry, tag).text = text
    ElementTree.indent(root, " ")
    with atomic_path(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
