"""A page of photographs, and of long runs, stays small enough to be sent by mail."""

from dataclasses import replace

import pytest
import torch

from cnnlab.reporting import Attribution, Text, attributions_picture, class_samples
from cnnlab.reporting.report import (
    Cover,
    DataExtras,
    Extras,
    NetworkExtras,
    ShownMistake,
    gather,
    html_report,
)
from cnnlab.runs import RunFolder
from smooth_noise import photo

SIDE, MOST_BYTES = 224, 6_000_000


@pytest.fixture(scope="module")
def facts(report_runs):
    """Three networks of long runs."""
    found = gather([RunFolder.open(run) for run in report_runs])
    train = tuple((step / 100, float(step), 1.0 + step % 13, 0.5) for step in range(5000))
    networks, results = [], []
    for name, place in (("a", 0), ("b", 1), ("c", 1)):
        network = found.networks[place]
        curves = tuple(replace(curve, train=train) for curve in network.curves)
        networks.append(replace(network, name=name, curves=curves))
        results.append(replace(found.comparison.networks[place], name=name))
    comparison = replace(found.comparison, networks=tuple(results))
    return replace(found, networks=tuple(networks), comparison=comparison)


def test_three_networks_on_photographs(facts):
    text = Text("en")
    photos = torch.stack([photo(seed, SIDE) for seed in range(60)])
    generator = torch.Generator().manual_seed(0)
    rows = [
        Attribution(photos[0], "image", "3", 0.9, "5", *torch.randn(4, SIDE, SIDE, generator=generator).abs())
        for _ in range(4)
    ]
    mistakes = tuple(ShownMistake(one, index, 1, 2, 0.9999) for index, one in enumerate(photos))
    pixels = attributions_picture(rows, facts.class_names, text=text)
    networks = {
        network.name: NetworkExtras(mistakes=mistakes, is_answered=True, num_mistakes=60, pixels=pixels)
        for network in facts.networks
    }
    samples = class_samples(photos, torch.arange(60) % 10, [str(name) for name in range(10)], text=text)
    extras = Extras(networks, DataExtras(samples=samples))
    page = html_report(facts, extras, Cover(), text, version="0")
    assert page.count('src="data:image/webp') >= 180 + 3
    assert len(page.encode()) < MOST_BYTES
    assert "&gt; 99.9% sure" in page and "100.0% sure" not in page


def test_curves_of_long_runs(facts):
    page = html_report(facts, Extras(), Cover(), Text("en"), version="0")
    assert len(page.encode()) < 500_000
