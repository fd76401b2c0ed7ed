"""Benchmarks: `python -m pytest benchmarks --benchmark-only`, and `python -m benchmarks.full_grid` for the record.

One thread unless OMP_NUM_THREADS says otherwise, set here because BLAS reads it when NumPy is first imported.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
