"""Inference is timed as it is done: from bytes to classes."""

import torch

from cnnlab.bench import InferenceBench, measure_in_turn, throughput
from cnnlab.models import create_model
from cnnlab.training import Execution

EXECUTION = Execution("cpu", "float32", 1, "A processor", "2.13.0")


def test_a_pass_is_timed_beside_plain_pytorch(monkeypatch):
    monkeypatch.setattr(throughput, "matrix_rate", lambda precision, device: 1e9)
    network = create_model("lenet5").to(memory_format=torch.channels_last).eval()
    monkeypatch.setattr("cnnlab.machine.has_fast_bf16", lambda: False)
    seen = []
    plain = network.forward

    def forward(images):
        out = plain(images)
        seen.append((len(images), out.dtype))
        return out

    monkeypatch.setattr(network, "forward", forward)
    bench = InferenceBench("some", network, (4, 1, 28, 28), macs=1000, execution=EXECUTION, plain=True)
    (result,) = measure_in_turn([bench], rounds=2, steps=3)
    assert len(seen) >= 3 * 3 and set(seen) == {(4, torch.float32)}
    assert not network.training
    assert result.flops_per_mac == 2 and result.batch_size == 4
    assert 0 < result.share < 1
    assert len(result.peer_seconds["PyTorch float32"]) == 2
    assert not any(parameter.grad is not None for parameter in network.parameters())
