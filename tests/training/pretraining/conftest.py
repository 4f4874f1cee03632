import pytest

from tiny_chain import register_tiny_chain


@pytest.fixture(autouse=True)
def tiny_chain_is_known(tiny_net_is_known: None) -> None:
    register_tiny_chain()
