"""The report as one HTML file that needs nothing else: pictures, style and script are inside."""

import base64
import io
import math
import shlex
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from torch import Tensor

from cnnlab.evaluation import effect_size
from cnnlab.evaluation.comparison import MIN_SEEDS_FOR_T
from cnnlab.reporting.canvas import Picture
from cnnlab.reporting.diagram import diagram
from cnnlab.reporting.report import charts, prose
from cnnlab.reporting.report.extras import Cover, Extras
from cnnlab.reporting.report.facts import Facts, NetworkFacts
from cnnlab.reporting.report.text import Text

SECTIONS = (
    "summary",
    "setup",
    "data",
    "networks",
    "training",
    "results",
    "classes",
    "calibration",
    "mistakes",
    "cost",
    "threats",
    "reproduce",
    "references",
)


@dataclass(frozen=True)
class CostRow:
    """What one network costs.

    Attributes:
        name: the network's.
        cells: for each column a number to sort by, and what is shown.
    """

    name: str
    cells: tuple[tuple[float, str], ...]


def html_report(facts: Facts, extras: Extras, cover: Cover, text: Text, *, version: str) -> str:
    """Return the page.

    Args:
        facts: from run folders.
        extras: what else is at hand.
        cover: title, course, author and date.
        text: the words, in one language.
        version: of cnnlab.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_asset("page.html.j2"))
    networks = facts.networks
    results = facts.comparison.networks
    return template.render(
        lang="zh-Hans" if text.lang == "zh" else "en",
        title=cover.title or prose.title(facts, text),
        cover=[part for part in (cover.course, cover.author, cover.date) if part],
        style=_asset("style.css"),
        script=_asset("page.js"),
        sections=SECTIONS,
        t=text,
        prose=prose,
        facts=facts,
        extras=extras,
        head=lambda key, is_text=False: _head(text, key, is_text=is_text),
        image=_image,
        tile=_tile,
        intervals=charts.intervals([(r.name, r.mean_top1, *r.interval) for r in results], text),
        diagrams={network.name: network_diagram(network) for network in networks},
        accuracy={by: charts.accuracy_chart(networks, text, by=by) for by in ("epoch", "seconds")},
        loss=charts.loss_chart(networks, text),
        confusions={
            network.name: charts.confusion_chart(network, facts.class_names, text) for network in networks
        },
        reliability=charts.reliability_chart(networks, text),
        effects=effects(facts),
        has_images=any(extras.of(network.name).mistakes for network in networks),
        costs=cost_rows(facts, text),
        at_once=any("runs at once" in hardware for hardware in facts.comparison.hardware),
        commands=train_commands(facts),
        commits=[commit[:12] for commit in facts.comparison.commits],
        versions=[f"{name} {number}" for name, number in facts.environment.get("packages", {}).items()],
        fingerprints=[f"{split} {value[:16]}" for split, value in facts.fingerprints.items()],
        version=version,
        num_runs=sum(len(network.folders) for network in networks),
    )


def network_diagram(network: NetworkFacts) -> Picture:
    """Return the diagram of a network."""
    return diagram(
        network.parts, in_channels=network.in_channels, image_size=network.image_size, title=network.name
    )


def effects(facts: Facts) -> dict[str, str]:
    """Return Cohen's d of each network against the first, where there are seeds enough."""
    first, *others = facts.comparison.networks
    if len(first.top1) < MIN_SEEDS_FOR_T:
        return dict.fromkeys((result.name for result in others), "")
    unit = 1 / facts.comparison.num_images
    return {result.name: f"{effect_size(first.top1, result.top1, resolution=unit):+.1f}" for result in others}


def cost_rows(facts: Facts, text: Text) -> list[CostRow]:
    """Return what each network costs, in the order of the columns."""
    rows = []
    for network, result in zip(facts.networks, facts.comparison.networks, strict=True):
        mean, spread = network.epoch_seconds
        mean = result.seconds_per_epoch if math.isnan(mean) else mean
        epoch = text("cost.seconds", mean=f"{mean:.3g}")
        if spread is not None:
            epoch = text("cost.seconds_spread", mean=f"{mean:.3g}", spread=f"{spread:.2g}")
        cells = [
            (float(network.layers.parameters), f"{network.layers.parameters:,}"),
            (float(network.layers.macs), f"{network.layers.macs:,}"),
            (mean, epoch),
            (result.train_seconds, duration(result.train_seconds)),
            (float(result.peak_memory_bytes), f"{result.peak_memory_bytes / 1e6:,.0f} MB"),
            (float(network.file_bytes), f"{network.file_bytes / 1e6:,.1f} MB"),
        ]
        rows.append(CostRow(network.name, tuple(cells)))
    return rows


def train_commands(facts: Facts) -> list[str]:
    """Return the command that makes each run again."""
    commands = []
    for network in facts.networks:
        for folder in network.folders:
            config = folder.config
            parts = ["cnnlab", "train", str(folder.path / "config.toml"), "--seed", str(config.seed)]
            commands.append(shlex.join(parts))
    return commands


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _head(text: Text, key: str, *, is_text: bool) -> Markup:
    kind = ' class="text"' if is_text else ""
    button = Markup('<button type="button" title="{}">{}</button>').format(text("page.sort"), text(key))
    return Markup(f'<th scope="col"{kind}>') + button + Markup("</th>")


def _image(picture: Picture) -> Markup:
    data = base64.b64encode(picture.png).decode()
    return Markup('<img class="drawing" src="data:image/png;base64,{}" alt="{}">').format(data, picture.alt)


def _tile(pixels: Tensor) -> str:
    """Return a test image as an address that holds it."""
    from PIL import Image

    values = pixels.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _asset(name: str) -> str:
    return files("cnnlab.reporting.report").joinpath(name).read_text(encoding="utf-8")
