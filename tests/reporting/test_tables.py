import csv
import io
import json
from dataclasses import replace

import pytest
from scipy import stats

from cnnlab.errors import RunError
from cnnlab.evaluation import Comparison, Ensemble, NetworkResult, PairedTest
from cnnlab.reporting import (
    comparison_notes,
    comparison_rows,
    read_comparison,
    to_csv,
    to_markdown,
    to_text,
    write_comparison,
)

FIRST = NetworkResult(
    name="alexnet_mnist3",
    network="alexnet_mnist3",
    runs=("r0", "r1", "r2"),
    top1=(0.993, 0.9935, 0.994),
    mean_top1=0.9935,
    interval=(0.992258, 0.994742),
    interval_method="t over seeds",
    test=None,
    seconds_per_epoch=61.25,
    train_seconds=245.0,
    num_parameters=1_234_567,
    peak_memory_bytes=812_000_000,
)
SECOND = replace(
    FIRST,
    name="resnet20",
    network="resnet20",
    top1=(0.995, 0.9951, 0.9961),
    mean_top1=0.9954,
    interval=(0.994, 0.9968),
    test=PairedTest(0.0019, 0.0123, 0.0123, "paired t over seeds", "better"),
    seconds_per_epoch=120.0,
    train_seconds=7_200.0,
)
COMPARISON = Comparison(
    data="mnist",
    fingerprint="f",
    num_images=10_000,
    seeds=(0, 1, 2),
    networks=(FIRST, SECOND),
    hardware=("A processor, 2 threads, bf16",),
    commits=("abc",),
    command="cnnlab compare alexnet_mnist3 resnet20 --data mnist",
)


def test_rows_are_what_people_read():
    header, (first, second) = comparison_rows(COMPARISON)
    assert header[1] == "test top1, mean of 3"
    assert first == [
        "alexnet_mnist3",
        "99.35%",
        "99.23% to 99.47%",
        "(the first)",
        "",
        "61.2 s",
        "4.1 min",
        "1,234,567",
        "812 MB",
    ]
    assert second[3:7] == ["+0.19 points: better", "0.012", "2.0 min", "2.0 h"]


def test_ensembles_stand_in_a_note_and_in_csv():
    together = replace(SECOND, ensemble=Ensemble(3, 0.9971, (0.9958, 0.998)))
    comparison = replace(COMPARISON, networks=(FIRST, together))
    (note,) = (line for line in comparison_notes(comparison) if line.startswith("Ensemble"))
    assert note.endswith("probabilities: resnet20 99.71%, 95 % 99.58% to 99.80% (Wilson).")
    assert not any(line.startswith("Ensemble") for line in comparison_notes(COMPARISON))
    first, second = csv.DictReader(io.StringIO(to_csv(comparison)))
    assert (first["ensemble_top1"], float(second["ensemble_top1"])) == ("", 0.9971)
    assert Comparison.from_dict(comparison.as_dict(), source="here") == comparison


@pytest.mark.parametrize(
    ("rivals", "note"),
    [
        (("a", "b"), "Highest mean: best; cannot be told apart from a, b (paired t"),
        (("b",), "Highest mean: best; better than a; cannot be told apart from b (paired t"),
        ((), "Highest mean: best; better than each of the others (paired t"),
    ],
)
def test_the_best_is_told_from_the_others_or_not(rivals, note):
    means = {"a": 0.9, "best": 0.99, "b": 0.98}
    networks = tuple(replace(SECOND, name=name, mean_top1=top1) for name, top1 in means.items())
    comparison = replace(COMPARISON, networks=networks, rivals=rivals)
    assert any(line.startswith(note) for line in comparison_notes(comparison))
    assert not any("Highest" in line for line in comparison_notes(replace(comparison, rivals=None)))


def test_small_p_values_are_not_zero():
    tiny = replace(SECOND, test=PairedTest(-0.1, 1e-9, 1e-9, "paired t over seeds", "worse"))
    _, (_, row) = comparison_rows(replace(COMPARISON, networks=(FIRST, tiny)))
    assert row[3:5] == ["-10.00 points: worse", "< 0.001"]


def test_a_difference_of_one_seed_is_not_taken_for_that_of_the_means():
    test = PairedTest(-1 / 6, 0.001, 0.001, "McNemar over images, seed 4", "lower in this run")
    second = replace(SECOND, top1=(0.8, 0.9961), mean_top1=0.89805, test=test)
    _, (_, row) = comparison_rows(replace(COMPARISON, seeds=(4, 5), networks=(FIRST, second)))
    assert row[3] == "-16.67 points (seed 4): lower in this run"


def test_notes_name_all_that_the_figures_depend_on():
    text = "\n".join(comparison_notes(COMPARISON))
    for part in (
        "mnist",
        "10,000",
        "0, 1, 2",
        "t over seeds",
        "paired t over seeds",
        "2 threads, bf16",
        "abc",
    ):
        assert part in text
    assert "Made by: cnnlab compare alexnet_mnist3 resnet20 --data mnist\n" in to_text(COMPARISON)
    assert "Made by: `cnnlab compare alexnet_mnist3 resnet20 --data mnist`" in to_markdown(COMPARISON)
    assert "3 or more" not in text and "cannot be compared" not in text


def test_notes_say_what_an_interval_over_seeds_leaves_out():
    networks = (replace(FIRST, top1=(355 / 360,) * 3), replace(SECOND, top1=(359 / 360, 1.0, 1.0)))
    small = replace(COMPARISON, num_images=360, networks=networks)
    text = "\n".join(comparison_notes(small))
    expected = stats.binomtest(355, 360).proportion_ci(method="wilson")
    assert f"{50 * (expected.high - expected.low):.2g}" == "1.3"
    assert "By its 360 test images alone a figure is uncertain by up to ±1.3 points (Wilson, 95 %)." in text
    assert "not taken below the resolution of one image" in text
    one_seed = replace(small, seeds=(0,))
    text = "\n".join(comparison_notes(one_seed))
    assert "By its" not in text and "resolution" not in text


@pytest.mark.parametrize(
    ("commit", "shown"),
    [("0123456789abcdef", "0123456789ab"), ("0123456789abcdef+", "0123456789ab+"), ("unknown", "unknown")],
)
def test_commits_are_short_in_notes_and_whole_in_json(commit, shown):
    comparison = replace(COMPARISON, commits=(commit,))
    assert f"Commit: {shown}." in comparison_notes(comparison)
    assert comparison.as_dict()["commits"] == (commit,)


def test_views_are_named_where_there_are_several():
    assert not any("views" in note.lower() for note in comparison_notes(COMPARISON))
    notes = comparison_notes(replace(COMPARISON, views="ten-crop, probabilities averaged"))
    assert notes[1] == "Views of each test image: ten-crop, probabilities averaged."


def test_few_seeds_and_mixed_machines_are_said():
    few = replace(COMPARISON, seeds=(0,), hardware=("one", "two"))
    text = "\n".join(comparison_notes(few))
    assert "use 3 or more" in text and "their times cannot be compared" in text


def test_text_is_aligned():
    header, rule, first, second, *_ = to_text(COMPARISON, width=200).splitlines()
    assert len(rule) >= max(len(header), len(first), len(second))
    assert header.index("parameters") + len("parameters") == first.index("1,234,567") + len("1,234,567")
    assert second.startswith("resnet20      ")


def test_on_a_narrow_terminal_networks_become_columns():
    lines = to_text(COMPARISON, width=80).splitlines()
    assert lines[0].split() == ["network", "alexnet_mnist3", "resnet20"]
    assert lines[8].split() == ["parameters", "1,234,567", "1,234,567"]
    assert max(map(len, lines[:10])) <= 80


def test_markdown_is_one_table():
    lines = to_markdown(COMPARISON).splitlines()
    assert [line.count("|") for line in lines[:4]] == [10] * 4
    assert lines[1] == "| --- | --: | --: | --- | --: | --: | --: | --: | --: |"
    assert lines[2].startswith("| alexnet\\_mnist3 | 99.35% |")
    assert lines[4] == ""


def test_a_name_cannot_break_the_markdown():
    odd = replace(COMPARISON, networks=(replace(FIRST, name="a|b"),))
    assert "| a\\|b |" in to_markdown(odd)


def test_csv_has_fractions_and_seconds():
    first, second = csv.DictReader(io.StringIO(to_csv(COMPARISON)))
    assert (first["name"], float(first["mean_top1"]), first["p_value"]) == ("alexnet_mnist3", 0.9935, "")
    assert (float(second["low"]), float(second["p_value"]), second["verdict"]) == (0.994, 0.0123, "better")
    assert (float(second["train_seconds"]), int(second["peak_memory_bytes"])) == (7_200.0, 812_000_000)
    assert [float(second[f"top1_seed{seed}"]) for seed in range(3)] == [0.995, 0.9951, 0.9961]


def test_files_hold_all_and_come_back(tmp_path):
    paths = write_comparison(tmp_path / "new", COMPARISON)
    assert [path.name for path in paths] == ["comparison.json", "comparison.csv", "comparison.md"]
    again = read_comparison(paths[0])
    assert again == COMPARISON
    assert to_markdown(again) == paths[2].read_text(encoding="utf-8")
    values = json.loads(paths[0].read_text())
    assert values["networks"][1]["mean_top1"] == 0.9954


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "comparison.json"
    with pytest.raises(RunError, match=r"comparison\.json: cannot be read"):
        read_comparison(path)
    path.write_text("[]")
    with pytest.raises(RunError, match=r"comparison\.json: not a comparison"):
        read_comparison(path)
    path.write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        read_comparison(path)
