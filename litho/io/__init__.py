"""Layout files: reading and writing."""

from litho.io.atomic import atomic_path
from litho.io.read import read_library
from litho.io.write import CURVE_PROPERTY, write_gds, write_oasis

__all__ = ["CURVE_PROPERTY", "atomic_path", "read_library", "write_gds", "write_oasis"]
