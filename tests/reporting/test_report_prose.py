"""Sentences of a report that are made of what runs recorded."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cnnlab.explain import structure
from cnnlab.models import create_model
from cnnlab.reporting.report.facts import Curve, Facts, NetworkFacts, Shape
from cnnlab.reporting.report.prose import data, hardware, numbers, papers, why
from cnnlab.reporting.report.threats import threats
from cnnlab.reporting.report.validated import has_curves, not_validated
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


def facts_of(**known: Any) -> Facts:
    return cast(Facts, SimpleNamespace(**known))


def network_of(name: str, **known: Any) -> NetworkFacts:
    return cast(NetworkFacts, SimpleNamespace(name=name, network=name, **known))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(("size", "maps"), [(28, "4 x 4"), (8, "1 x 1")])
def test_sizes_are_those_of_the_network_at_hand(size, maps, lang):
    model = create_model("alexnet_mnist3", in_channels=1, image_size=size).eval()
    parts = tuple(structure(model, in_channels=1, image_size=size))
    layers = SimpleNamespace(parameters=1, macs=1)
    shape = Shape(parts, cast(Any, layers), image_size=size, in_channels=1)
    network = network_of("alexnet_mnist3", shape=shape, file_bytes=2_000_000, arguments={"lrn": False})
    says = numbers(network, Text(lang))
    assert f"{size} x {size}" in says and f"256 {'maps of' if lang == 'en' else '幅'} {maps}" in says
    assert ("。 " not in says and "。" in says) if lang == "zh" else ". " in says
    told = why(network, Text(lang))
    assert ("ormalis" if lang == "en" else "归一化") not in told and "ropout" in told
    assert papers(network, Text(lang)) == ("krizhevsky2012",)


def test_networks_that_see_other_sizes_are_named():
    def seen(*networks: tuple[str, int, int]) -> str:
        facts = facts_of(
            comparison=SimpleNamespace(data="some"),
            splits={"train": 3, "val": 2, "test": 1},
            class_names=("a",),
            networks=[
                network_of(name, shape=SimpleNamespace(image_size=size, in_channels=channels))
                for name, size, channels in networks
            ],
        )
        extras = SimpleNamespace(data=SimpleNamespace(num_checked=None, counts={}, source="", licence=""))
        return data(facts, cast(Any, extras), Text("en"))[1]

    assert seen(("a", 28, 1), ("b", 28, 1)) == "The networks see images of 28 x 28 pixels, grey."
    assert seen(("a", 28, 1), ("b", 24, 3), ("c", 28, 1)) == (
        "The networks do not all see the images alike. "
        "a and c: 28 x 28 pixels, grey; b: 24 x 24 pixels, in colour."
    )


@pytest.mark.parametrize(
    ("seeds", "method", "says", "not_says"),
    [
        ((0, 1, 2), "t over seeds", "which the intervals over seeds leave out", "show this"),
        ((0,), "Wilson over images", "The intervals here show this", "intervals over seeds"),
    ],
)
def test_what_one_test_set_leaves_open_fits_the_intervals(seeds, method, says, not_says):
    result = SimpleNamespace(top1=[0.9] * len(seeds), interval_method=method)
    comparison = SimpleNamespace(
        seeds=seeds, networks=[result], num_images=10_000, hardware=["A"], commits=["c"]
    )
    folder = SimpleNamespace(environment={})
    facts = facts_of(comparison=comparison, networks=[network_of("a", steps=1, folders=[folder])])
    told = " ".join(threats(facts, Text("en")))
    assert "±0.59 points" in told and says in told and not_says not in told


def test_runs_without_validation_are_named_and_the_others_keep_their_curves():
    point = (1.0, 2.0, 0.5, 0.9)

    def facts(*validated: bool) -> Facts:
        folders = [SimpleNamespace(name=f"run{seed}") for seed in range(len(validated))]
        curves = [
            Curve(seed, (point,), (point,) if is_there else ()) for seed, is_there in enumerate(validated)
        ]
        return facts_of(networks=[network_of("a", folders=folders, curves=curves)])

    text = Text("en")
    assert has_curves(facts(True, True)) and not_validated(facts(True, True), text) == []
    some = facts(True, False)
    assert (
        has_curves(some)
        and "run1" in not_validated(some, text)[0]
        and "run0" not in not_validated(some, text)[0]
    )
    assert not has_curves(facts(False)) and not_validated(facts(False), text) == [text("training.none")]
