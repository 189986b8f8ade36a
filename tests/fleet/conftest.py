import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "integration")]
from net import Net  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "models: needs the models and clips of the catalogue")


def pytest_collection_modifyitems(items):
    """Without models what needs them is skipped, with the reason that make-models gave."""
    reason = os.environ.get("FACED_NO_MODELS")
    for item in items:
        if reason and item.get_closest_marker("models"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def net():
    reason = Net.reason()
    if reason:
        pytest.skip(reason)
    made = Net()
    yield made
    made.close()


@pytest.fixture
def running():
    """running(process) is killed at the test's end, whatever happened."""
    started = []

    def keep(p):
        started.append(p)
        return p

    yield keep
    for p in reversed(started):
        if p.p.poll() is None:
            p.p.kill()
            p.p.wait()
