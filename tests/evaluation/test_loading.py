import time

import pytest
import torch

from cnnlab.errors import RunError
from cnnlab.evaluation import load_run
from cnnlab.models import create_model, list_models, model_info
from cnnlab.runs import load_weights, save_weights


def rewrite(folder, change):
    """Write the weights again with another description, under a right sum."""
    tensors, description = load_weights(folder.weights)
    change(description)
    save_weights(folder.weights, tensors, description)


def test_a_run_says_what_it_is(make_run):
    folder = make_run("convnet_mnist")
    run = load_run(str(folder.path))
    assert run.network == "convnet_mnist"
    assert run.class_names == tuple("abcdefghij")
    assert (run.in_channels, run.image_size, run.crop_size) == (1, 28, 28)
    assert (run.mean, run.std, run.is_digits) == ((0.3,), (0.2,), False)
    assert run.folder.path == folder.path


def test_a_run_of_crops_says_what_they_are_cut_from(make_run):
    preprocessing = {"mean": [0.3], "std": [0.2], "is_digits": False, "image_size": 32}
    run = load_run(make_run("convnet_mnist", preprocessing=preprocessing).path)
    assert (run.image_size, run.crop_size) == (32, 28)


# Deeper networks of a family are the same code, and so are the large AlexNets.
DEEPER = ("32", "34", "44", "56", "101", "110", "152", "_owt")


@pytest.mark.parametrize("network", [name for name in list_models() if not name.endswith(DEEPER)])
def test_every_network_comes_back_as_it_was(make_run, network):
    info = model_info(network)
    geometry = {"in_channels": info.in_channels, "num_classes": 10, "image_size": info.image_size}
    run = load_run(make_run(network, **geometry).path)
    tensors = {**dict(run.model.named_parameters()), **dict(run.model.named_buffers())}
    assert {tensor.device.type for tensor in tensors.values()} == {"cpu"}
    assert {tensor.dtype for tensor in tensors.values()} <= {torch.float32, torch.int64}
    assert not run.model.training and not any(p.requires_grad for p in run.model.parameters())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        original = create_model(network, **geometry).eval()
        images = torch.randn(2, info.in_channels, info.image_size, info.image_size)
    expected = original(images).detach()
    # Untrained resnet50 gives logits of 560, and rounding is of their scale.
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(run.model(images), expected, rtol=1e-4, atol=1e-5 * scale)


def test_loading_leaves_the_random_numbers_alone(make_run):
    folder = make_run()
    before = torch.random.get_rng_state()
    load_run(folder.path)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_nothing_but_the_weights_is_read(make_run):
    folder = make_run()
    (folder.path / "config.toml").write_text("not a config")
    assert load_run(folder.path).network == "convnet_mnist"


def test_an_unfinished_run_says_how_to_go_on(make_run):
    folder = make_run()
    folder.weights.unlink()
    with pytest.raises(
        RunError, match=r"has not finished .* cnnlab resume .*convnet_mnist-mnist-s0"
    ) as error:
        load_run(folder.path)
    assert "\n" not in str(error.value)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(RunError, match="is not a run folder"):
        load_run(tmp_path)


@pytest.mark.parametrize("keep", [0, 7, 100, 5_000, -1])
def test_a_truncated_file_is_refused(make_run, keep):
    folder = make_run()
    folder.weights.write_bytes(folder.weights.read_bytes()[:keep])
    with pytest.raises(RunError, match=r"model\.safetensors: damaged"):
        load_run(folder.path)


@pytest.mark.parametrize("place", [0.05, 0.3, 0.6, 0.99])
def test_a_flipped_bit_is_noticed(make_run, place):
    folder = make_run()
    content = bytearray(folder.weights.read_bytes())
    content[int(place * len(content))] ^= 1
    folder.weights.write_bytes(content)
    with pytest.raises(RunError):
        load_run(folder.path)


def test_an_unknown_network_is_named(make_run):
    folder = make_run()
    rewrite(folder, lambda description: description["network"].update(name="convnet_mnisd"))
    with pytest.raises(RunError, match=r"not a network of this version.*convnet_mnisd.*convnet_mnist"):
        load_run(folder.path)


@pytest.mark.parametrize(
    "change",
    [
        lambda description: description.pop("class_names"),
        lambda description: description["class_names"].pop(),
        lambda description: description["class_names"].__setitem__(0, "b"),
        lambda description: description["network"].update(num_classes=11),
        lambda description: description["network"].update(name="lenet5"),
        lambda description: description["network"].update(args={"in_channels": 1}),
        lambda description: description["network"].update(args=None),
        lambda description: description["preprocessing"].update(std=[0.0]),
        lambda description: description["preprocessing"].update(mean=[0.1, 0.2]),
        lambda description: description["preprocessing"].update(image_size=27),
        lambda description: description["preprocessing"].update(image_size="large"),
        lambda description: description["preprocessing"].update(mean="no number"),
    ],
)
def test_weights_that_do_not_fit_their_description_are_refused(make_run, change):
    folder = make_run()
    rewrite(folder, change)
    with pytest.raises(RunError, match=r"model\.safetensors: .*(do not fit together|not a network)") as error:
        load_run(folder.path)
    assert "\n" not in str(error.value)


def test_a_description_cannot_fill_the_memory(make_run):
    folder = make_run("lenet5")
    rewrite(folder, lambda description: description["network"].update(image_size=4096))
    start = time.perf_counter()
    with pytest.raises(RunError, match="do not fit together"):
        load_run(folder.path)
    assert time.perf_counter() - start < 5
