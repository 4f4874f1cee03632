"""Every network of the registry is told of, in every language, with its sources, and as it is in a run."""

import re
from itertools import product
from typing import get_args, get_type_hints

import pytest

from cnnlab.models import list_models, model_info
from cnnlab.reporting import LANGUAGES
from cnnlab.reporting.report.architectures import architecture, form_of, reference, told_of
from cnnlab.reporting.report.citations import Citations

SWITCHES = ("lrn", "dropout", "residual", "batch_norm", "aux", "overlapping_pool", "activation", "pool")
ON_OFF = {"dropout": (0.5, 0.0), "pool": ("max", "average"), "activation": ("relu", "other")}
CLAIMS = {
    "lrn": r"normalis\w+ (across|against)|(通道间?|相邻通道之间)\S*归一化",
    "dropout": r"[Dd]ropout",
    "residual": r"residual|ResNet|shortcut|残差|捷径",
    "batch_norm": r"[Bb]atch normalisation|批归一化",
    "aux": r"auxiliary|辅助",
    "overlapping_pool": r"overlap(?!ping pool)|重叠",
    "activation": r"ReLU",
    "pool": r"[Pp]ooling (keeps|takes) the largest|池化(保留每个|取)窗口",
}
"""What only a network with the switch on may be told to have."""
DENIES = re.compile(
    r"\b(not?|without|left out|leaves it out|switched off|plain|All else)\b|不|没有|未启用|普通网络|其余与"
)
FIXED = ("LeNet-5", "CIFAR-10", "ILSVRC-2012", "ILSVRC-2014", "ILSVRC-2015", "3x3", "1x1", "2012", "2014")
"""Names, years of papers that are cited, and windows that no argument changes."""


def whole(network, lang, **arguments):
    told = architecture(network, lang, arguments)
    return told.why + " " + told.here


def sentences(text):
    return [one for one in re.split(r"(?<=[.;。]|；)\s*", text) if one]  # noqa: RUF001 # a Chinese sign is meant


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


def test_every_condition_is_on_an_argument_that_may_have_the_value_and_the_same_in_both_languages():
    for network in list_models():
        info = model_info(network)
        hints = get_type_hints(info.builder)
        conditions = {}
        for lang in LANGUAGES:
            told = told_of(network, lang)
            conditions[lang] = [
                {key: value for key, value in one.items() if key != "says"} if isinstance(one, dict) else {}
                for part in ("why", "here")
                for one in told[part]
            ]
            for one in conditions[lang]:
                for key, value in one.items():
                    assert key in info.arguments, f"{network}: {key}"
                    if isinstance(value, bool):
                        assert isinstance(info.arguments[key], bool | float), f"{network}: {key}"
                    else:
                        assert value in get_args(hints[key]), f"{network}: {key} = {value}"
        first, *others = conditions.values()
        assert all(other == first for other in others), network


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_text_has_a_figure_that_a_run_could_make_false(lang):
    for network in list_models():
        told = told_of(network, lang)
        for one in [*told["why"], *told["here"]]:
            sentence = one if isinstance(one, str) else one["says"]
            for known in FIXED:
                sentence = sentence.replace(known, "")
            assert not re.search(r"\d", sentence), f"{network}: {sentence}"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("network", list_models())
def test_what_is_switched_off_is_not_claimed(network, lang):
    """With all other switches on and off: a sentence that names it says that it is not there."""
    names = [name for name in SWITCHES if name in model_info(network).arguments]
    for values in product(*[ON_OFF.get(name, (True, False)) for name in names]):
        arguments = dict(zip(names, values, strict=True))
        for sentence in sentences(whole(network, lang, **arguments)):
            for name, value in arguments.items():
                if value == ON_OFF.get(name, (True, False))[1]:
                    claims = re.search(CLAIMS[name], sentence)
                    assert not claims or DENIES.search(sentence), f"{arguments}: {sentence}"


@pytest.mark.parametrize(
    ("network", "switch"),
    [
        ("alexnet", "lrn"),
        ("alexnet", "dropout"),
        ("alexnet", "activation"),
        ("alexnet", "overlapping_pool"),
        ("alexnet_mnist3", "lrn"),
        ("alexnet_mnist3", "dropout"),
        ("alexnet_mnist3", "activation"),
        ("alexnet_mnist5", "dropout"),
        ("convnet_mnist", "pool"),
        ("googlenet", "aux"),
        ("googlenet_small", "batch_norm"),
        ("resnet20", "residual"),
        ("resnet50", "residual"),
        ("preact_resnet20", "residual"),
    ],
)
def test_what_is_on_is_told(network, switch):
    """The pattern of each claim finds it where it is true: else the test above could not fail."""
    on, off = ON_OFF.get(switch, (True, False))
    for lang in LANGUAGES:
        assert re.search(CLAIMS[switch], whole(network, lang, **{switch: on})), lang
        assert whole(network, lang, **{switch: on}) != whole(network, lang, **{switch: off}), lang


def test_a_batch_norm_that_the_paper_lacks_brings_its_source():
    told = architecture("googlenet", "en", {"batch_norm": True})
    assert told and "ioffe2015" in told.papers
