import ctypes

import pytest
import torch

from cnnlab import machine
from cnnlab.config import OptimConfig
from cnnlab.errors import MissingResourceError
from cnnlab.nn.kernels.library import Kernels
from cnnlab.training import choose_execution
from cnnlab.training.execution import Execution
from cnnlab.training.muon import Muon
from cnnlab.training.optimizers import build_optimizer
from tiny_training import plain_config

AMX, AVX, OLD = frozenset({"amx_bf16"}), frozenset({"avx512_bf16"}), frozenset({"avx2", "avx512f"})


@pytest.fixture(autouse=True)
def cudnn_as_before(monkeypatch):
    for flag in ("deterministic", "benchmark"):
        monkeypatch.setattr(torch.backends.cudnn, flag, getattr(torch.backends.cudnn, flag))


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("kernels", ["none", "some"])
@pytest.mark.parametrize(("flags", "precision"), [(AMX, "bf16"), (AVX, "bf16"), (OLD, "float32")])
def test_auto_asks_the_processor_and_whether_there_are_kernels(
    monkeypatch, no_gpu, flags, precision, kernels
):
    monkeypatch.setattr(machine, "cpu_flags", lambda: flags)
    loaded = Kernels(None if kernels == "none" else ctypes.CDLL(None), kernels, "")
    monkeypatch.setattr("cnnlab.training.execution.load_kernels", lambda: loaded)
    precision = precision if kernels == "none" else "float32"
    chosen = choose_execution(plain_config(precision="auto", device="auto"))
    assert (chosen.device, chosen.precision) == ("cpu", precision)


@pytest.mark.parametrize(("flags", "precision"), [(AMX, "bf16"), (OLD, "float32")])
def test_auto_where_torch_compiles_and_no_kernels_run(monkeypatch, no_gpu, flags, precision):
    monkeypatch.setattr(machine, "cpu_flags", lambda: flags)
    assert choose_execution(plain_config(precision="auto", compile=True)).precision == precision


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("flags", [AMX, OLD])
def test_a_precision_asked_for_is_taken(monkeypatch, no_gpu, flags, precision):
    monkeypatch.setattr(machine, "cpu_flags", lambda: flags)
    assert choose_execution(plain_config(precision=precision)).precision == precision


@pytest.mark.parametrize(
    ("flags", "precision", "by_torch", "emulated"),
    [(OLD, "bf16", False, True), (OLD, "bf16", True, False), (OLD, "float32", False, False)]
    + [(some, "bf16", False, False) for some in (AMX, AVX)],
)
def test_bf16_is_emulated_where_the_processor_has_no_instructions_for_it(
    monkeypatch, no_gpu, flags, precision, by_torch, emulated
):
    monkeypatch.setattr(machine, "cpu_flags", lambda: flags)
    chosen = choose_execution(plain_config(precision=precision, compile=by_torch))
    assert chosen.emulated is emulated
    assert chosen.arithmetic == ("float32" if emulated else precision)
    assert ("bf16 emulated" in chosen.summary) is emulated


def test_threads(monkeypatch, no_gpu):
    assert choose_execution(plain_config(threads=2)).threads == 2
    assert torch.get_num_threads() == 2
    monkeypatch.setattr(machine, "default_threads", lambda: 1)
    assert choose_execution(plain_config(threads=None)).threads == 1
    assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("no_gpu")
def test_no_gpu():
    with pytest.raises(MissingResourceError, match=r"torch finds no GPU here\. Use --device cpu"):
        choose_execution(plain_config(device="cuda"))


@pytest.mark.parametrize(("fast", "precision"), [(True, "bf16"), (False, "float32")])
def test_a_gpu_is_taken_if_there_is_one(monkeypatch, fast, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **options: fast)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    chosen = choose_execution(plain_config(device="auto", precision="auto"))
    assert (chosen.device, chosen.precision, chosen.hardware) == ("cuda", precision, "A GPU")
    assert choose_execution(plain_config(device="cpu")).device == "cpu"


def test_a_gpu_is_told_to_repeat_itself(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **options: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    choose_execution(plain_config(device="cuda", precision="float32"))
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark


@pytest.mark.parametrize("has_triton", [True, False])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_compiled_where_there_is_a_gpu_with_triton(monkeypatch, device, has_triton):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **options: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    monkeypatch.setattr("cnnlab.training.execution.can_use_triton", lambda: has_triton)
    for choice, compiled in (("gpu", device == "cuda" and has_triton), (True, True), (False, False)):
        assert choose_execution(plain_config(device=device, compile=choice)).compiled is compiled


@pytest.mark.parametrize(
    ("device", "precision", "dtype"),
    [("cuda", "bf16", torch.bfloat16), ("cuda", "float32", None), ("cpu", "bf16", None)],
)
def test_products_of_muon_are_short_on_a_gpu_that_uses_bf16(monkeypatch, device, precision, dtype):
    told = []
    monkeypatch.setattr(
        Muon, "choose_products", lambda self, dtype, *, compiled: told.append((dtype, compiled))
    )
    network = torch.nn.Linear(2, 2)
    optimizer = build_optimizer(OptimConfig(name="muon", lr=0.1), network)
    Execution(device, precision, 1, "", "2.13.0").prepare(network, optimizer)
    assert told == [(dtype, False)]


def test_what_it_says_of_itself():
    one = Execution("cpu", "float32", 1, "A processor", "2.13.0")
    two = Execution("cpu", "bf16", 2, "A processor", "2.13.0")
    gpu = Execution("cuda", "bf16", 2, "A GPU", "2.13.0")
    assert [one.summary, two.summary, gpu.summary] == ["float32, 1 thread", "bf16, 2 threads", "bf16, GPU"]
    assert Execution(**one.as_dict()) == one


def test_it_records_torch_and_the_processor(no_gpu):
    chosen = choose_execution(plain_config())
    assert chosen.torch == torch.__version__
    assert chosen.hardware == machine.cpu_name()


@pytest.mark.parametrize("flags", [AMX, OLD])
def test_autocast_only_where_bf16_is_chosen(monkeypatch, flags):
    monkeypatch.setattr(machine, "cpu_flags", lambda: flags)
    layer, images = torch.nn.Linear(3, 3), torch.randn(2, 3)
    for precision, dtype in (("float32", torch.float32), ("bf16", torch.bfloat16)):
        with choose_execution(plain_config(precision=precision, device="cpu")).autocast():
            assert layer(images).dtype == dtype
