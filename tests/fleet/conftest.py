import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "integration")]
from fixtures import running, skip_without_models  # noqa: E402, F401
from net import Net  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "models: needs the models and clips of the catalogue")


def pytest_collection_modifyitems(items):
    skip_without_models(items)


@pytest.fixture
def net():
    reason = Net.reason()
    if reason:
        pytest.skip(reason)
    made = Net()
    yield made
    made.close()
