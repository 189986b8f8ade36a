import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fixtures import running, skip_without_models, small_disk  # noqa: E402, F401
import house  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: needs the whole machine")
    config.addinivalue_line("markers", "models: needs the models and clips of the catalogue")


def pytest_collection_modifyitems(items):
    skip_without_models(items)


@pytest.fixture
def broker(running, tmp_path):
    return running(house.Broker(str(tmp_path)))
