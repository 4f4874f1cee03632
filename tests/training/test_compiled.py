"""A network that torch compiles learns what the same network learns as it is."""

import shutil

import pytest
import torch

from cnnlab.runs import load_weights
from cnnlab.training import choose_execution
from tiny_training import plain_config, prepare, run_tiny

SGD = {"optim__name": "sgd", "optim__lr": 0.05}  # AdamW makes large steps of gradients that are but rounding


def test_compiled_is_said_and_no_kernels_of_ours_run():
    execution = choose_execution(plain_config(compile=True))
    assert execution.compiled and execution.kernels == "none" and "compiled by torch" in execution.summary


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles with g++, which is not here")
@pytest.mark.filterwarnings("ignore")  # of torch's compiler about itself
@pytest.mark.parametrize(
    ("name", "settings"),
    [("tiny_net", SGD), ("tiny_aux_net", SGD), ("tiny_net", {"optim__name": "muon", "optim__lr": 0.05})],
)
def test_the_same_is_learned(tmp_path, name, settings):
    weights = {}
    for compiled in (False, True):
        path = tmp_path / str(compiled)
        run_tiny(path, plain_config(**settings, model__name=name, train__steps=6, compile=compiled))
        folder = prepare(path, plain_config())
        weights[compiled] = load_weights(folder.weights)[0]
        assert folder.environment["execution"]["compiled"] is compiled
    for layer, expected in weights[False].items():
        torch.testing.assert_close(weights[True][layer], expected, rtol=1e-3, atol=1e-4)
