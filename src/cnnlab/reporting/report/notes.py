"""What stands below the tables of a report: how their numbers came about, and which are missing."""

from cnnlab.evaluation.paired import MIN_SEEDS_FOR_T
from cnnlab.reporting.report.extras import Extras
from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.report.prose import runs_at_once
from cnnlab.reporting.text import Text

EFFECT_PAPERS = ("cohen1988",)
"""Keys of the sources of what `results_notes` says."""


def calibration_notes(facts: Facts, extras: Extras, text: Text) -> list[str]:
    """Return what a temperature is, and which networks have none."""
    missing = [network.name for network in facts.networks if not extras.of(network.name).temperature]
    notes = [text("calibration.temperature_note")] if len(missing) < len(facts.networks) else []
    if missing:
        notes.append(text("calibration.no_temperature", networks=text.join(missing)))
    return notes


def cost_notes(facts: Facts, extras: Extras, text: Text) -> list[str]:
    """Return how times and latencies were measured, and which networks have none."""
    at_once = [text("cost.at_once")] if runs_at_once(facts) else []
    notes = [text.flow([text("cost.times"), *at_once]), latency_note(facts, extras, text)]
    missing = [network.name for network in facts.networks if not extras.of(network.name).latency]
    if missing:
        notes.append(text("cost.latency_missing", networks=text.join(missing)))
    return [note for note in notes if note]


def latency_note(facts: Facts, extras: Extras, text: Text) -> str:
    """Return how latencies were measured, of all networks; empty if none was."""
    found = [latency for network in facts.networks if (latency := extras.of(network.name).latency)]
    if not found:
        return ""
    passes = min(latency.num_passes for latency in found)
    known = {"processor": found[0].processor, "threads": found[0].threads, "passes": passes}
    return text("cost.latency_note", **known)


def results_notes(facts: Facts, text: Text) -> list[str]:
    """Return what d is, where the table of results has it."""
    if len(facts.networks) < 2 or len(facts.comparison.seeds) < MIN_SEEDS_FOR_T:
        return []
    return [text("results.effect_note", first=facts.networks[0].name)]
