"""The study as tables: systems, published figures, all test images, losses, and what needs photographs."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from cnnlab.evaluation import NetworkResult
from cnnlab.models import layers_of
from cnnlab.recipes import list_recipes, load_recipe
from cnnlab.reporting import Table
from cnnlab.studies.origins.losses import Measured
from cnnlab.studies.origins.rows import NUM_TEST_IMAGES, PHOTOGRAPHS, Origin
from cnnlab.studies.origins.scores import OVER_SEEDS, WIDEST, FirstImages, Scores


def systems_table(origins: Iterable[Origin]) -> Table:
    """Return what stands behind each name."""
    header = ["system", "network and training", "trained well", "as they trained it"]
    cells = [[one.name, one.what, one.recipe, f"{one.recipe}-faithful"] for one in origins]
    return Table(header, cells, "<<<<", title="The systems and their recipes")


def published_table(rows: Sequence[Scores]) -> Table:
    """Return the published figures beside ours on the same images."""
    header = ["system", "theirs", "test images", "faithful", "one more run (95%)", "ours", "verdict"]
    notes = [
        "theirs: as published; faithful: trained as they did; ours: the same network, steps and batch size, "
        "trained well. Means over seeds, on the images that they tested on.",
        "A figure is compatible if it lies where one more faithful run would lie (95%, t over seeds; where "
        "there is one seed, Wilson over images). With three seeds that reaches five standard deviations to "
        f"either side; where it is wider than {100 * WIDEST:.0f} points, it does not tell.",
    ]
    cells = [
        [
            row.origin.name,
            _published(row.origin.published),
            _images(row.faithful_first),
            f"{row.faithful_first.mean_top1:.2%}",
            _interval(row.faithful_first.low, row.faithful_first.high),
            f"{row.ours_first.mean_top1:.2%}",
            row.verdict,
        ]
        for row in rows
    ]
    return Table(header, cells, "<>>>>><", title="Are their figures compatible with ours?", notes=notes)


def all_images_table(rows: Sequence[Scores]) -> Table:
    """Return faithful and ours on all test images."""
    header = ["system", "faithful", "95% interval", "ours", "95% interval", "difference", "p"]
    cells = [[row.origin.name, *_result(row.faithful), *_result(row.ours), *_test(row.ours)] for row in rows]
    first = rows[0]
    assert first.ours.test is not None
    notes = [f"Intervals: {first.ours.interval_method}. Difference: {first.ours.test.method}, two-sided."]
    if first.faithful_first.method == OVER_SEEDS:
        notes.append("Spread over seeds is not taken below the resolution of one image.")
    names = [row.origin.name for row in rows if row.origin.name.startswith("A3-lab")]
    if len(names) > 1:
        notes.append(
            f"Runs of {' and '.join(names)} begin alike: the longer ones go on from the shorter ones."
        )
    by_name = {row.origin.name: row for row in rows}
    if by_name.keys() >= CONCLUDED_FROM:
        notes.append(lab_conclusion(by_name))
    title = f"The same network on all {NUM_TEST_IMAGES:,} test images: as they did, and trained well"
    return Table(header, cells, "<>>>>>>", title=title, notes=notes)


CONCLUDED_FROM = {"A3-lab, 5 epochs", "A3-lab, 10 epochs", "R-lab, 6 epochs"}


def lab_conclusion(rows: Mapping[str, Scores]) -> str:
    """Say what became of the lab's conclusion: at the same epochs ResNet is more accurate, and slower."""
    alexnet, resnet = rows["A3-lab, 5 epochs"], rows["R-lab, 6 epochs"]
    longer = rows["A3-lab, 10 epochs"]
    sentences = [
        "The lab concluded that at the same epochs ResNet is more accurate than AlexNet, and slower."
    ]
    for kind, results in (
        ("As they trained", (resnet.faithful, alexnet.faithful, longer.faithful)),
        ("Trained well", (resnet.ours, alexnet.ours, longer.ours)),
    ):
        one, five, ten = results
        sentences.append(
            f"{kind}, ResNet has {one.mean_top1:.2%} after 6 epochs, AlexNet {five.mean_top1:.2%} after 5 "
            f"and {ten.mean_top1:.2%} after 10: {_more_or_less(one, five, ten)}."
        )
    sentences.append(
        "Which of them is slower, `cnnlab bench train alexnet_mnist3-lab resnet20-mnist` measures in turn."
    )
    return " ".join(sentences)


def _more_or_less(resnet: NetworkResult, five: NetworkResult, ten: NetworkResult) -> str:
    """Compare by the intervals of the means: only what lies apart is told apart."""
    if resnet.interval[0] > max(five.interval[1], ten.interval[1]):
        return "more accurate"
    if resnet.interval[1] < max(five.interval[0], ten.interval[0]):
        return "less accurate"
    return "not told apart"


def losses_table(measured: Sequence[Measured]) -> Table:
    """Return what the originals printed while they trained, beside ours with dropout and without."""
    header = ["system", "what", "theirs", "faithful", "over seeds", "without dropout", "over seeds"]
    cells = [
        [
            one.printed.key.removesuffix(" faithful"),
            one.printed.what,
            one.printed.published,
            *_over_seeds(one.values, one.printed.is_share),
            *_over_seeds(one.validated, one.printed.is_share),
        ]
        for one in measured
    ]
    notes = [
        "faithful: cross-entropy in nats per image, before each update and with dropout, mean over the steps "
        "named. without dropout: of the 5,000 validation images, at the last of these steps.",
        "Which of the two theirs are is not known. Late in training they are nearer to those without "
        "dropout, so that dropout was probably off when they were printed.",
        "Theirs: of single batches in A3-wzs and C2. A3-lab calls its figure a sum over the epoch; only as a "
        "mean over the epoch's batches has it the size that the loss of such a network has.",
    ]
    return Table(header, cells, "<<>>>>>", title="What they printed while they trained", notes=notes)


def photographs_table() -> Table:
    """Return the systems whose figures need ImageNet, with what there is of them here."""
    header = ["system", "network", "parameters", "recipes", "published"]
    cells = []
    for name, network, published in PHOTOGRAPHS:
        table = layers_of(network)
        parameters = f"{table.parameters:,}"
        if table.training_parameters:
            parameters += f", of them {table.training_parameters:,} in training only"
        cells.append([name, network, parameters, ", ".join(_recipes_of(network)) or "-", published])
    notes = [
        "Not run here: their figures need ImageNet's 1.2 million training photographs. What can be checked "
        "without them: the parameters above, counted from the network at 1,000 classes, and its layers "
        "against other implementations, in the tests.",
    ]
    return Table(header, cells, "<<><<", title="Systems that need photographs", notes=notes)


def _recipes_of(network: str) -> list[str]:
    return [name for name in list_recipes() if load_recipe(name).model.name == network]


def _published(published: tuple[float, float] | None) -> str:
    if published is None:
        return "-"
    low, high = published
    return f"{low:.2%}" if low == high else f"{low:.1%} to {high:.1%}"


def _images(first: FirstImages) -> str:
    return "all" if first.num_images == NUM_TEST_IMAGES else f"first {first.num_images:,}"


def _interval(low: float, high: float) -> str:
    return f"{low:.2%} to {high:.2%}"


def _result(result: NetworkResult) -> tuple[str, str]:
    return f"{result.mean_top1:.2%}", _interval(*result.interval)


def _test(result: NetworkResult) -> tuple[str, str]:
    assert result.test is not None
    p_value = result.test.p_value
    points = f"{100 * result.test.difference:+.2f} points"
    return points, "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _over_seeds(values: Sequence[float], is_share: bool) -> tuple[str, str]:
    if not values:
        return "-", "-"
    low, high = (_figure(value, is_share) for value in (min(values), max(values)))
    return _figure(fmean(values), is_share), f"{low} to {high}"


def _figure(value: float, is_share: bool) -> str:
    if is_share:
        return f"{value:.1%}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
