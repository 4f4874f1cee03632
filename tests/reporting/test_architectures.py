"""Every network of the registry is told of, in every language, with its sources."""

import pytest

from cnnlab.models import list_models, model_info
from cnnlab.reporting import LANGUAGES
from cnnlab.reporting.report.architectures import architecture, form_of, reference
from cnnlab.reporting.report.citations import Citations


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("network", list_models())
def test_a_network_has_a_text_and_its_paper(network, lang):
    told = architecture(network, lang)
    assert told is not None and len(told.why) > 60 and told.here
    sources = [reference(key) for key in told.papers]
    paper = model_info(network).paper
    assert sources and (not paper or any(paper in source for source in sources)), paper


def test_languages_name_the_same_papers():
    for network in list_models():
        assert len({architecture(network, lang).papers for lang in LANGUAGES}) == 1


@pytest.mark.parametrize(
    ("network", "form"),
    [
        ("resnet20", "resnet_cifar"),
        ("resnet110", "resnet_cifar"),
        ("resnet18", "resnet_basic"),
        ("resnet34", "resnet_basic"),
        ("resnet50", "resnet_bottleneck"),
        ("preact_resnet56", "preact_cifar"),
        ("preact_resnet152", "preact_bottleneck"),
        ("lenet5", "lenet5"),
    ],
)
def test_residual_networks_of_the_same_blocks_share_a_text(network, form):
    assert form_of(network) == form


def test_a_network_of_ones_own_has_none():
    assert architecture("mine", "en") is None


def test_sources_are_numbered_as_they_come():
    cite = Citations()
    assert cite("he2015", "ioffe2015") == [1, 2] and cite("wilson1927", "he2015") == [3, 1]
    assert cite.inline("ioffe2015") == "[2]" and cite.inline() == ""
    assert [source.partition(":")[0] for source in cite.sources][2] == "E. B. Wilson"
