"""Settings that all tests share."""

import os

import pytest
from hypothesis import settings

# A slow machine is no fault of the code: a test that promises a time measures it itself.
# CI tries the same examples at every run; elsewhere each run tries new ones.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What is marked `cuda` runs where there is such a device: `make gpu` asks for it."""
    if item.get_closest_marker("cuda"):
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device here")
