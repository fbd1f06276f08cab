"""Settings that all tests share."""

import os

from hypothesis import settings

# A slow machine is no fault of the code: a test that promises a time measures it itself.
# CI tries the same examples at every run; elsewhere each run tries new ones.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
