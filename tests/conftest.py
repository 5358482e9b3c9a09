"""What all tests share: hypothesis profiles, the folder of real data, threads of the kernels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import pytest
from hypothesis import HealthCheck, settings

from tests.browser import open_browser

# of the default hundred examples three quarters keep the suite within its five minutes
settings.register_profile("explore", max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# the same examples in every run, so that a change is judged by what it changes; the profile above looks further:
# pytest --hypothesis-profile=explore
settings.register_profile("same", settings.get_profile("explore"), max_examples=75, derandomize=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder with recorded runs and real data sets, which the package may not redistribute."""
    folder = os.environ.get("OPTLLM_SHARED")
    if not folder:
        pytest.skip("set OPTLLM_SHARED to the folder that holds golden/ and data/ to run this test")
    if not Path(folder).is_dir():
        pytest.fail(f"OPTLLM_SHARED names no folder: {folder}")
    return Path(folder).resolve()


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    """Set the number of threads of the kernels, and put it back afterwards."""
    before = numba.get_num_threads()
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("a machine with one core has no second thread to compare with")
    yield numba.set_num_threads
    numba.set_num_threads(before)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Give headless Chromium."""
    found = open_browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.quit()
