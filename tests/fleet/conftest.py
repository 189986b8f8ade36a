import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "integration")]
import brokers  # noqa: E402
from fixtures import running, skip_without_models  # noqa: E402, F401
from fleet import Fleet  # noqa: E402
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


@pytest.fixture
def fleet_of(net, tmp_path):
    made = []

    def make(kind):
        cluster = brokers.KINDS[kind](net, str(tmp_path))
        try:
            made.append(Fleet(net, str(tmp_path), cluster))
        except BaseException:
            cluster.close()
            raise
        return made[0]

    yield make
    for f in made:
        f.close()
