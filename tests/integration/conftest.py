import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import house  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: needs the whole machine")
    config.addinivalue_line("markers", "models: needs the models and clips of the catalogue")


def pytest_collection_modifyitems(items):
    """Without models what needs them is skipped, with the reason that make-models gave."""
    reason = os.environ.get("FACED_NO_MODELS")
    for item in items:
        if reason and item.get_closest_marker("models"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def running():
    """running(process) is stopped at the test's end, whatever happened; hang-overs are killed."""
    started = []

    def keep(p):
        started.append(p)
        return p

    yield keep
    for p in reversed(started):
        if isinstance(p, house.Subscriber):
            p.close()
        elif p.p.poll() is None:
            p.p.kill()
            p.p.wait()


@pytest.fixture
def broker(running, tmp_path):
    return running(house.Broker(str(tmp_path)))
