"""Whether runs were validated on their way, and what is said of those that were not."""

from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.text import Text


def has_curves(facts: Facts) -> bool:
    """Tell whether some run was validated on its way."""
    return any(curve.val for network in facts.networks for curve in network.curves)


def not_validated(facts: Facts, text: Text) -> list[str]:
    """Return which runs have no validation to show, if any."""
    if not has_curves(facts):
        return [text("training.none")]
    runs = [
        folder.name
        for network in facts.networks
        for folder, curve in zip(network.folders, network.curves, strict=True)
        if not curve.val
    ]
    return [text("training.missing", runs=text.join(runs))] if runs else []
