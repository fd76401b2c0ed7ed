"""Found by every process that `cupy_on_host.py` starts, and by those that they start."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import cupy_on_host

cupy_on_host.install()
sys.path.pop(0)
