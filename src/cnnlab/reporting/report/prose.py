"""The sentences of a report, made of its facts: the same for the page, the slides and Markdown."""

from cnnlab.evaluation import ONE_VIEW
from cnnlab.evaluation.comparison import OVER_SEEDS
from cnnlab.evaluation.metrics import NUM_ECE_BINS
from cnnlab.evaluation.paired import MIN_SEEDS_FOR_T, PAIRED_T
from cnnlab.reporting.report.architectures import architecture
from cnnlab.reporting.report.extras import Extras
from cnnlab.reporting.report.facts import Facts, NetworkFacts, Shape
from cnnlab.reporting.tables import short_commit
from cnnlab.reporting.text import Text
from cnnlab.runs import RunFolder


def title(facts: Facts, text: Text) -> str:
    """Return what the report is called if nobody says otherwise."""
    names = text.names([network.name for network in facts.networks])
    return text("page.title", networks=names, data=facts.comparison.data)


def question(facts: Facts, text: Text) -> str:
    """Return what is asked."""
    names = [network.name for network in facts.networks]
    data = facts.comparison.data
    if len(names) == 1:
        return text("setup.question_one", network=names[0], data=data)
    return text("setup.question_many", networks=text.names(names), data=data)


def setup(facts: Facts, text: Text) -> list[str]:
    """Return how it was found out."""
    comparison = facts.comparison
    seeds = text.join([str(seed) for seed in comparison.seeds])
    num = len(comparison.seeds)
    is_over_seeds = comparison.networks[0].interval_method == OVER_SEEDS
    sentences = [
        text("setup.trained" if num > 1 else "setup.trained_once", num_seeds=num, seeds=seeds),
        text("setup.selection"),
        text("setup.intervals_seeds" if is_over_seeds else "setup.intervals_images"),
    ]
    tests = {result.test.method for result in comparison.networks if result.test}
    if tests:
        key = "setup.tests_seeds" if tests == {PAIRED_T} else "setup.tests_images"
        said = text(key, first=comparison.networks[0].name)
        sentences.append(text.flow([said, text("setup.level")]))
        if comparison.num_tests > 1:
            sentences.append(text("setup.family", num=comparison.num_tests))
    untested = [result.name for result in comparison.networks[1:] if result.test is None]
    if untested:
        first = comparison.networks[0].name
        known = {"networks": text.names(untested), "first": first, "least": MIN_SEEDS_FOR_T}
        sentences.append(text("setup.untested", **known))
    if comparison.views != ONE_VIEW:
        evaluation = facts.networks[0].folders[0].config.evaluation
        sentences.append(text("setup.views", tta=evaluation.tta, average=evaluation.average))
    sentences.append(text("setup.hardware", hardware=text.sign("; ").join(hardware(facts, text))))
    return sentences + left_out(facts, text)


def method_papers(facts: Facts) -> list[str]:
    """Return the keys of the sources of the intervals and tests that `setup` names."""
    results = facts.comparison.networks
    keys = ["student1908" if results[0].interval_method == OVER_SEEDS else "wilson1927"]
    tests = {result.test.method for result in results if result.test}
    family = ["holm1979"] if facts.comparison.num_tests > 1 else []
    return [*keys, *(["mcnemar1947"] if tests - {PAIRED_T} else []), *family]


def left_out(facts: Facts, text: Text) -> list[str]:
    """Return which runs are not in the figures, and why."""
    sentences = []
    for folder, step, steps in facts.unfinished:
        key = "setup.unfinished" if steps is None else "setup.unfinished_of"
        sentences.append(text(key, run=folder.name, path=folder.path, step=step, steps=steps))
    return sentences + [text("setup.left_out", run=folder.name) for folder in facts.left_out]


def hardware(facts: Facts, text: Text) -> list[str]:
    """Return what the runs were computed on, each kind once."""

    def words(folder: RunFolder) -> str:
        environment = folder.environment
        execution = environment.get("execution", {})
        kind = "setup.hardware_cpu" if execution.get("device") == "cpu" else "setup.hardware_gpu"
        known = {key: execution.get(key, "?") for key in ("threads", "precision")}
        if execution.get("emulated"):
            known["precision"] = text("setup.emulated", precision=known["precision"])
        at_once = environment.get("runs_at_once", 1)
        beside = text("setup.at_once", num=at_once) if at_once > 1 else ""
        return text(kind, processor=execution.get("hardware", "?"), **known) + beside

    return sorted({words(folder) for network in facts.networks for folder in network.folders})


def runs_at_once(facts: Facts) -> bool:
    """Tell whether runs shared the processor with others."""
    folders = [folder for network in facts.networks for folder in network.folders]
    return any(folder.environment.get("runs_at_once", 1) > 1 for folder in folders)


def data(facts: Facts, extras: Extras, text: Text) -> list[str]:
    """Return what the images are, and whether anything is wrong with them."""
    counts = {split: f"{facts.splits[split]:,}" for split in facts.splits}
    num_classes = len(facts.class_names)
    known = {split: counts.get(split, "?") for split in ("train", "val", "test")}
    sentences = [text("data.counts", data=facts.comparison.data, num_classes=num_classes, **known)]
    sentences += _seen(facts, text)
    about = extras.data
    if about.num_checked is not None:
        faults = about.num_unreadable, about.num_altered, about.num_duplicates, about.num_shared
        names = ("unreadable", "altered", "duplicates", "shared")
        values = {name: f"{num:,}" for name, num in zip(names, faults, strict=True)}
        num = f"{about.num_checked:,}"
        sentences.append(
            text("data.faults", num=num, **values) if any(faults) else text("data.clean", num=num)
        )
    else:
        sentences.append(text("data.not_checked" if about.counts else "data.not_here"))
    if about.source:
        sentences.append(text("data.source", source=about.source))
    if about.licence:
        sentences.append(text("data.licence", licence=about.licence))
    return sentences


def _seen(facts: Facts, text: Text) -> list[str]:
    """Return what size and colour the networks see: once, or by name where they differ."""
    names: dict[tuple[int, int], list[str]] = {}
    for network in facts.networks:
        if network.shape:
            seen = network.shape.image_size, network.shape.in_channels
            names.setdefault(seen, []).append(network.name)
    known = {
        seen: {"size": _square(seen[0]), "colour": text("data.grey" if seen[1] == 1 else "data.colour")}
        for seen in names
    }
    if len(names) < 2:
        return [text("data.size", **one) for one in known.values()]
    each = [text("data.size_of", networks=text.names(names[seen]), **known[seen]) for seen in names]
    return [text("data.sizes", sizes=text.sign("; ").join(each))]


def why(network: NetworkFacts, text: Text) -> str:
    """Return why a network is built as it is; empty for one that is not of cnnlab's registry."""
    told = architecture(network.network, text.lang, network.arguments)
    return text.flow([told.why, told.here]) if told else ""


def papers(network: NetworkFacts, text: Text) -> tuple[str, ...]:
    """Return the keys of the sources of a network."""
    told = architecture(network.network, text.lang, network.arguments)
    return told.papers if told else ()


def numbers(network: NetworkFacts, text: Text) -> str:
    """Return how large a network is, and what was changed of it."""
    if network.shape:
        parameters, macs = f"{network.shape.layers.parameters:,}", f"{network.shape.layers.macs / 1e6:,.1f}"
        sentences = [_becomes(network.shape, text)]
        sentences.append(text("networks.numbers", parameters=parameters, macs=macs))
    else:
        parameters = network.folders[0].cost["parameters"]
        sentences = [
            text("networks.parameters_only", parameters=f"{parameters:,}"),
            text("networks.no_shape"),
        ]
    if network.file_bytes is not None:
        sentences.append(text("networks.size", size=f"{network.file_bytes / 1e6:,.1f}"))
    if network.arguments:
        changed = text.join([f"{name} = {value}" for name, value in network.arguments.items()])
        sentences.append(text("networks.arguments", arguments=changed))
    return text.flow(sentences)


def _becomes(shape: Shape, text: Text) -> str:
    """Return which maps an image becomes before the last layers; empty where no part makes maps."""
    makers = [
        part
        for part in shape.parts
        if part.kind == "block" or (part.kind in ("convolution", "pooling") and part.window)
    ]
    if not makers:
        return ""
    maps, *sides = makers[-1].shape
    size = " x ".join(map(str, sides)) or _square(1)  # a part's shape leaves out sides of a single pixel
    return text("networks.becomes", image=_square(shape.image_size), maps=f"{maps:,}", size=size)


def _square(side: int) -> str:
    return f"{side} x {side}"


def calibration(text: Text) -> str:
    """Return what the calibration error is."""
    return text("calibration.intro", bins=NUM_ECE_BINS)


def commits(facts: Facts) -> list[str]:
    """Return the commits that the runs came from, short; a + marks changes beyond one."""
    return [short_commit(commit) for commit in facts.comparison.commits]
