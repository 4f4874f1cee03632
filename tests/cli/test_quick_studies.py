"""The quick studies, as a user runs them: every part of a command, from images to tables."""

import json

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(("name", "part"), [("origins", "C2"), ("pretraining", "convnet_mnist")])
def test_a_part_of_the_quick_study(run_cli, shared_data, tmp_path, name, part):
    root = shared_data("mnist")
    done = run_cli(
        "study",
        name,
        "--quick",
        "--only",
        part,
        "--threads",
        "1",
        "--data-root",
        root,
        "--out",
        tmp_path,
        "--json",
    )
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["is_quick"] and report["only"] == [part]
    table = (tmp_path / f"{name}-quick.md").read_text()
    assert part.replace("_", "\\_") in table  # as Markdown has it
