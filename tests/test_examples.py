"""The example in the documentation of every public name runs, in an empty folder."""

import doctest

import pytest
import torch
from PIL import Image

import cnnlab

NAMES = [name for name in cnnlab.__all__ if name != "CnnlabError"]


@pytest.mark.parametrize("name", NAMES)
def test_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    documented = getattr(cnnlab, name)
    (test,) = doctest.DocTestFinder(recurse=False).find(
        documented, name, globs={"cnnlab": cnnlab, "torch": torch, "Image": Image}
    )
    assert test.examples, "no example"
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert not report, "".join(report)
