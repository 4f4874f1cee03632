"""Sentences of a report that are made of what runs recorded."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.report.prose import hardware
from cnnlab.reporting.text import Text


@pytest.mark.parametrize(
    ("execution", "says"),
    [
        ({"device": "cpu", "precision": "float32"}, "A, threads: 2, float32"),
        ({"device": "cpu", "precision": "bf16", "emulated": True}, "A, threads: 2, bf16 (emulated)"),
        ({"device": "cuda", "precision": "bf16", "emulated": False}, "A (GPU), bf16"),
    ],
)
def test_hardware_says_how_it_computed(execution, says):
    environment: dict[str, Any] = {"execution": {"hardware": "A", "threads": 2, **execution}}
    folders = [SimpleNamespace(environment=environment)] * 2
    facts = SimpleNamespace(networks=[SimpleNamespace(folders=folders)])
    assert hardware(cast(Facts, facts), Text("en")) == [says]
