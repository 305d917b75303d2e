"""Fixtures for tests that need a broker or do not want to wait for boards that settle."""

import pytest

from tools.broker import Broker


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture
def quick(monkeypatch):
    """Half a second of settling is for boards on a line, not for tests."""
    monkeypatch.setattr("gateway.catalogue.SETTLE_S", 0.01)
