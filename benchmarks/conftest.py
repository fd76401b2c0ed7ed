"""Options and inputs that all benchmarks share."""

from __future__ import annotations

import pytest

from benchmarks.cases import Case, case
from litho.backend import gpu_problem


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pixels", type=int, default=2048, help="on a side of the field of 2048 nm (default: 2048)")


@pytest.fixture(scope="session", params=["cpu"] if gpu_problem() else ["cpu", "gpu"])
def immersion(request: pytest.FixtureRequest) -> Case:
    """The case of our own optics, on each device that is there."""
    return case("immersion", request.config.getoption("--pixels"), request.param)
