import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.config import RunConfig
from cnnlab.data import (
    Batch,
    Dataset,
    channel_stats,
    counter_generator,
    epoch_order,
    make_dataset,
    normalise,
)
from cnnlab.errors import ConfigError
from cnnlab.training.batches import TrainingBatches
from cnnlab.training.execution import Execution, choose_execution
from cnnlab.training.loss import batch_loss
from cnnlab.training.optimizers import build_optimizer
from cnnlab.training.plan import make_plan
from cnnlab.training.steps import seed_dropout, train_step, validate
from tiny_training import plain_config, tiny_config, tiny_images, tiny_net

FLOAT32 = Execution("cpu", "float32", 1, "", "")
BF16 = Execution("cpu", "bf16", 1, "", "")


def batches_of(config: RunConfig, num_images: int = 72) -> TrainingBatches:
    train = tiny_images("train", num_images)
    return TrainingBatches(train, config, make_plan(config, num_images), FLOAT32)


# --- batches --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "value"), [("pad_crop", 9), ("shift", 8.5)])
def test_images_are_not_moved_out_of_their_frame(field, value):
    with pytest.raises(ConfigError) as caught:
        batches_of(tiny_config(**{f"data__augment__{field}": value}))
    assert str(caught.value) == (
        f"data.augment.{field}: must be at most the images' 8 pixels. Received: {value}."
    )
    batches_of(tiny_config(**{f"data__augment__{field}": 8}))


@pytest.mark.parametrize(("field", "value"), [("pad_crop", 7), ("shift", 6.5)])
def test_windows_are_not_moved_out_of_their_frame(field, value):
    with pytest.raises(ConfigError) as caught:
        batches_of(tiny_config(data__crop_size=6, **{f"data__augment__{field}": value}))
    assert str(caught.value) == (
        f"data.augment.{field}: must be at most the windows' 6 pixels. Received: {value}."
    )
    batches_of(tiny_config(data__crop_size=6, **{f"data__augment__{field}": 6}))


def test_a_window_is_not_larger_than_the_images():
    with pytest.raises(ConfigError) as caught:
        batches_of(tiny_config(data__crop_size=9))
    assert str(caught.value) == (
        "data.crop_size: must be at most the images' 8 pixels; data.image_size brings them to another size. "
        "Received: 9."
    )
    batches_of(tiny_config(data__crop_size=8))


def test_colour_noise_needs_colour():
    with pytest.raises(ConfigError) as caught:
        batches_of(tiny_config(data__augment__pca=0.1))
    assert str(caught.value) == (
        "data.augment.pca: colour noise needs images of three channels, and these are grey; leave it out. "
        "Received: 0.1."
    )


CROPPED = {"data__crop_size": 5, "data__augment__pca": 0.1, "data__channels": 3}


def test_windows_with_colour_noise_against_a_loop_over_images():
    """256 to 224, mirror and colour noise, at the size of these images: 8 to 5."""
    train = tiny_images("train", channels=3)
    config = plain_config(**CROPPED, data__augment__mirror=True, data__scale="centred")
    batches = TrainingBatches(train, config, make_plan(config, 72), FLOAT32)
    pixels = train.images.double().numpy().transpose(1, 0, 2, 3).reshape(3, -1) / 255
    eigenvalues, columns = np.linalg.eigh(np.cov(pixels, ddof=0))
    columns = columns * np.sign(columns[np.abs(columns).argmax(0), range(3)])
    levels = 255 * pixels.mean(1)
    for step in (0, 6):
        order = torch.randperm(72, generator=counter_generator(0, "order", step // 4))
        chosen = order[step % 4 * 16 :][:16].tolist()
        draws = torch.rand(11, 16, generator=counter_generator(0, "augment", step))
        seed = counter_generator(0, "augment", step).initial_seed()
        alphas = 0.1 * torch.randn(3, 16, generator=counter_generator(seed, "pca")).double().numpy()
        for place, index in enumerate(chosen):
            top, left = (int(draws[row, place] * 4) for row in range(2))
            window = train.images[index, :, top : top + 5, left : left + 5].numpy()
            window = window[:, :, ::-1] if draws[2, place] < 0.5 else window
            colour = columns @ (alphas[::-1, place] * eigenvalues)  # numpy's eigenvalues rise
            wanted = window - levels[:, None, None] + 255 * colour[:, None, None]
            assert np.abs(batches[step].images[place].numpy() - wanted).max() < 1e-3


def test_a_window_is_a_function_of_seed_and_step():
    def batches(**changes) -> TrainingBatches:
        config = plain_config(**CROPPED, **changes)
        return TrainingBatches(tiny_images("train", channels=3), config, make_plan(config, 72), FLOAT32)

    one, again, other = batches(), batches(), batches(seed=1)
    expected = [one[step].images for step in range(6)]
    for step in (5, 0, 3):
        assert expected[step].shape == (16, 3, 5, 5)
        assert expected[step].is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(again[step].images, expected[step])
    assert not torch.equal(other[0].images, expected[0])


@pytest.mark.parametrize("scale", ["unit", "centred"])
def test_scales_of_the_training_images(scale):
    batches = batches_of(plain_config(train__batch_size=72, data__scale=scale))
    pixels = tiny_images("train").images.double()
    mean = pixels.mean().item() / 255
    assert (batches.mean, batches.std) == (
        ((0.0,), (1.0,)) if scale == "unit" else ((pytest.approx(mean),), (1 / 255,))
    )
    wanted = pixels / 255 if scale == "unit" else pixels - 255 * mean
    assert sorted(batches[0].images.flatten().tolist()) == pytest.approx(
        sorted(wanted.flatten().tolist()), abs=1e-4
    )


def test_a_batch_is_a_function_of_seed_and_step():
    forward, backward = batches_of(tiny_config()), batches_of(tiny_config())
    expected = [forward[step] for step in range(13)]
    for step in (12, 0, 5, 5, 4, 11, 1):
        images, labels, *_ = backward[step]
        assert torch.equal(images, expected[step][0])
        assert torch.equal(labels, expected[step][1])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_images_that_a_gpu_cannot_hold_reach_it_batch_by_batch(monkeypatch):
    config, train = tiny_config(), tiny_images("train")
    gpu = Execution("cuda", "float32", 1, "", "")
    there = TrainingBatches(train, config, make_plan(config, len(train)), gpu)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1000, 1000))
    here = TrainingBatches(train, config, make_plan(config, len(train)), gpu)
    for step in (0, 7):
        assert here[step].images.is_cuda and here[step].labels.is_cuda
        assert torch.equal(here[step].images, there[step].images)
        assert torch.equal(here[step].labels, there[step].labels)


def test_another_seed_gives_other_batches():
    one, other = batches_of(tiny_config()), batches_of(tiny_config(seed=1))
    assert not torch.equal(one[0][0], other[0][0])
    one, other = batches_of(plain_config()), batches_of(plain_config(seed=1))
    assert not torch.equal(one[0][0], other[0][0])


def test_augmentation_is_a_function_of_seed_and_step():
    images = tiny_images("train", 1).images.expand(72, -1, -1, -1).contiguous()
    same = make_dataset("same", "train", images, torch.zeros(72, dtype=torch.int64), tuple("abcd"))

    def batch(step: int, **changes) -> torch.Tensor:
        config = tiny_config(**changes)
        return TrainingBatches(same, config, make_plan(config, 72), FLOAT32)[step][0]

    assert torch.equal(batch(0), batch(0))
    assert not torch.equal(batch(0), batch(1))
    assert not torch.equal(batch(0), batch(4))  # the same place in the next epoch
    assert not torch.equal(batch(0), batch(0, seed=1))
    assert not torch.equal(batch(0)[0], batch(0)[1])


def test_an_epoch_shows_each_image_at_most_once_and_each_epoch_leaves_out_others():
    train = tiny_images("train")
    batches = batches_of(plain_config())  # 4 batches of 16 out of 72
    left_out = []
    for epoch in range(3):
        seen = torch.cat([batches[4 * epoch + step][0] for step in range(4)])
        whole = normalise(train.images, batches.mean, batches.std)
        found = [int((image == whole).flatten(1).all(1).nonzero()) for image in seen]
        assert len(found) == len(set(found)) == 64
        left_out.append(frozenset(range(72)) - frozenset(found))
    assert len(set(left_out)) == 3


def test_labels_belong_to_their_images():
    train = tiny_images("train")
    batches = batches_of(plain_config())
    images, labels, *_ = batches[7]
    whole = normalise(train.images, batches.mean, batches.std)
    for image, label in zip(images, labels, strict=True):
        assert train.labels[(image == whole).flatten(1).all(1).nonzero()] == label


def test_images_come_normalised_and_channels_last():
    batches = batches_of(plain_config(train__batch_size=72))
    images = batches[0].images
    assert (batches.mean, batches.std) == channel_stats(tiny_images("train"))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert images.mean().item() == pytest.approx(0, abs=1e-4)
    assert images.std(correction=0).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("field", ["mixup", "cutmix"])
def test_mixing_is_a_function_of_seed_and_step_and_moves_no_other_draw(field):
    """Each mixed image is made of two of the unmixed batch, those whose labels it has."""
    changes = {f"data__augment__{field}": 1.0}
    plain, on, again = (
        batches_of(tiny_config()),
        batches_of(tiny_config(**changes)),
        batches_of(tiny_config(**changes)),
    )
    shares = set()
    for step in (5, 0, 3, 12):
        batch = on[step]
        assert torch.equal(batch.labels, plain[step].labels)
        assert torch.equal(batch.images, again[step].images)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        order = torch.randperm(16, generator=after_four_draws(step))
        assert torch.equal(batch.partners, batch.labels[order])
        own, others = plain[step].images, plain[step].images[order]
        if field == "mixup":
            torch.testing.assert_close(batch.images, batch.share * own + (1 - batch.share) * others)
        else:
            assert ((batch.images == own) | (batch.images == others)).all()
        shares.add(batch.share)
    assert len(shares) > 1
    other = batches_of(tiny_config(seed=1, **changes))[0]
    assert not torch.equal(other.images, on[0].images)


def after_four_draws(step: int) -> torch.Generator:
    generator = counter_generator(0, "mix", step)
    torch.rand(4, generator=generator, dtype=torch.float64)
    return generator


def uneven_images() -> Dataset:
    """Two classes of the tiny images whole, of a third one two images, of the last one three."""
    train = tiny_images("train")
    keep = torch.cat(
        [(train.labels == label).nonzero()[:count, 0] for label, count in enumerate((18, 18, 2, 3))]
    )
    return make_dataset("uneven", "train", train.images[keep], train.labels[keep], train.class_names)


def test_balanced_sampling_shows_every_class_equally_often():
    train = uneven_images()
    shuffled, balanced = (
        TrainingBatches(train, config, make_plan(config, len(train)), FLOAT32)
        for config in (
            plain_config(train__batch_size=41),
            plain_config(train__batch_size=41, train__sampling="balanced"),
        )
    )
    assert shuffled[3].labels.bincount().tolist() == [18, 18, 2, 3]
    assert sorted(balanced[3].labels.bincount().tolist()) == [10, 10, 10, 11]
    assert torch.equal(balanced[3].images, balanced[3].images)
    assert (balanced.mean, balanced.std) == (shuffled.mean, shuffled.std)


def test_balanced_weights_are_those_of_the_training_images():
    train, config = uneven_images(), plain_config(train__class_weights="balanced")
    batches = TrainingBatches(train, config, make_plan(config, len(train)), FLOAT32)
    torch.testing.assert_close(
        batches.class_weights, torch.tensor([41 / 72, 41 / 72, 41 / 8, 41 / 12]), rtol=1e-6, atol=0.0
    )
    assert batches_of(plain_config()).class_weights is None


# --- one step -------------------------------------------------------------------------------------------


class Line(nn.Module):
    """Logits are the pixels' sums times a matrix: everything can be worked out by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3, 3, bias=False)
        with torch.no_grad():
            self.dense.weight.copy_(torch.eye(3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.dense(images.flatten(1))


IMAGES = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 3.0]]).view(2, 3, 1, 1)
LABELS = torch.tensor([0, 1])


def one_step(config: RunConfig, images: torch.Tensor = IMAGES) -> tuple[nn.Module, float, int]:
    model = Line()
    optimizer = build_optimizer(config.optim, model)
    loss, num_correct = train_step(model, optimizer, Batch(images, LABELS), config, FLOAT32)
    return model, loss.item(), int(num_correct)


def plain_sgd(**changes) -> RunConfig:
    return plain_config(optim__name="sgd", optim__momentum=0.0, optim__lr=1.0, **changes)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_and_the_update_by_hand(smoothing):
    model, loss, num_correct = one_step(plain_sgd(train__label_smoothing=smoothing))
    logits = IMAGES.flatten(1)
    wanted = (1 - smoothing) * torch.eye(3)[LABELS] + smoothing / 3
    assert loss == pytest.approx(-(wanted * logits.log_softmax(1)).sum(1).mean().item(), rel=1e-6)
    assert num_correct == 1  # the first image's largest logit is its label's, the second's is not
    gradient = (logits.softmax(1) - wanted).T @ logits / 2
    torch.testing.assert_close(model.dense.weight.detach(), torch.eye(3) - gradient)


def test_weighted_classes_by_hand():
    """Image 1 of weight 1 and image 2 of weight 3: their gradients count one to three."""
    config, weights = plain_sgd(), torch.tensor([1.0, 3.0, 7.0])
    model = Line()
    optimizer = build_optimizer(config.optim, model)
    loss, _ = train_step(model, optimizer, Batch(IMAGES, LABELS), config, FLOAT32, class_weights=weights)
    logits = IMAGES.flatten(1)
    shares = torch.tensor([0.25, 0.75])
    alone = -logits.log_softmax(1)[torch.arange(2), LABELS]
    assert loss.item() == pytest.approx((shares * alone).sum().item(), rel=1e-6)
    gradient = ((logits.softmax(1) - torch.eye(3)[LABELS]) * shares[:, None]).T @ logits
    torch.testing.assert_close(model.dense.weight.detach(), torch.eye(3) - gradient)


class ThreeLines(Line):
    """Two auxiliary heads with weights of their own beside the last layer: twice and thrice the pixels."""

    aux_weight = 0.3

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = nn.ModuleList(nn.Linear(3, 3, bias=False) for _ in range(2))
        with torch.no_grad():
            for factor, head in zip((2.0, 3.0), self.auxiliary, strict=True):
                head.weight.copy_(factor * torch.eye(3))

    def forward_with_aux(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        return self(images), [head(images.flatten(1)) for head in self.auxiliary]


def test_auxiliary_losses_by_hand():
    """By the paper the loss is the last layer's plus 0.3 times that of each auxiliary head.

    Image 1 has the pixels 2, 0, 1 and label 0: ln(1 + e^-2 + e^-1) = 0.407606; of twice the pixels
    ln(1 + e^-4 + e^-2) = 0.142932; of thrice ln(1 + e^-6 + e^-3) = 0.050946. Image 2 has 0, 1, 3 and label
    1: 2 + ln(1 + e^-2 + e^-3) = 2.169846, 4 + ln(1 + e^-4 + e^-6) = 4.020581, 6 + ln(1 + e^-6 + e^-9) =
    6.002599. The means are 1.288726, 2.081756 and 3.026772.
    """
    config, model = plain_sgd(), ThreeLines()
    optimizer = build_optimizer(config.optim, model)
    loss, num_correct = train_step(model, optimizer, Batch(IMAGES, LABELS), config, FLOAT32)
    assert loss.item() == pytest.approx(1.288726 + 0.3 * (2.081756 + 3.026772), abs=2e-6)
    assert num_correct == 1
    pixels, wanted = IMAGES.flatten(1), torch.eye(3)[LABELS]
    for factor, weight, share in ((1.0, model.dense.weight, 1.0), (2.0, model.auxiliary[0].weight, 0.3)):
        gradient = share * ((factor * pixels).softmax(1) - wanted).T @ pixels / 2
        torch.testing.assert_close(weight.detach(), factor * torch.eye(3) - gradient)


def test_auxiliary_losses_are_smoothed_weighted_and_mixed_as_the_last_layers_is():
    config, weights = plain_sgd(train__label_smoothing=0.2), torch.tensor([1.0, 3.0, 7.0])
    batch = Batch(IMAGES, LABELS, torch.tensor([1, 0]), 0.75)
    model = ThreeLines()
    optimizer = build_optimizer(config.optim, model)
    loss, _ = train_step(model, optimizer, batch, config, FLOAT32, class_weights=weights)
    alone = [
        batch_loss(factor * IMAGES.flatten(1), batch, label_smoothing=0.2, class_weights=weights).item()
        for factor in (1.0, 2.0, 3.0)
    ]
    assert loss.item() == pytest.approx(alone[0] + 0.3 * (alone[1] + alone[2]), rel=1e-6)


def test_gradients_are_clipped_to_their_global_norm():
    unclipped = one_step(plain_sgd())[0].dense.weight.detach() - torch.eye(3)
    clipped = one_step(plain_sgd(optim__clip_norm=0.01))[0].dense.weight.detach() - torch.eye(3)
    assert unclipped.norm() > 0.1
    assert clipped.norm().item() == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(clipped / clipped.norm(), unclipped / unclipped.norm())
    loose = one_step(plain_sgd(optim__clip_norm=100.0))[0].dense.weight.detach() - torch.eye(3)
    assert torch.equal(loose, unclipped)


def test_gradients_do_not_add_up_over_steps():
    config = plain_sgd()
    model = Line()
    optimizer = build_optimizer(config.optim, model)
    for _ in range(2):
        before = model.dense.weight.detach().clone()
        train_step(model, optimizer, Batch(IMAGES, LABELS), config, FLOAT32)
    fresh = Line()
    fresh.dense.weight.data = before.clone()
    train_step(fresh, build_optimizer(config.optim, fresh), Batch(IMAGES, LABELS), config, FLOAT32)
    assert torch.equal(fresh.dense.weight, model.dense.weight)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_updates_nothing(bad):
    config = tiny_config()
    model = Line()
    optimizer = build_optimizer(config.optim, model)
    train_step(model, optimizer, Batch(IMAGES, LABELS), config, FLOAT32)
    before = model.dense.weight.detach().clone()
    moments = {name: value.clone() for name, value in optimizer.state[model.dense.weight].items()}
    loss, _ = train_step(model, optimizer, Batch(IMAGES * bad, LABELS), config, FLOAT32)
    assert not loss.isfinite()
    assert torch.equal(model.dense.weight, before)
    for name, value in optimizer.state[model.dense.weight].items():
        assert torch.equal(value, moments[name])


def test_bf16_computes_in_bf16_and_keeps_float32_weights():
    torch.manual_seed(0)
    model = tiny_net(dropout=0.0)
    twin = tiny_net(dropout=0.0)
    twin.load_state_dict(model.state_dict())
    config = plain_config()
    batch = batches_of(config)[0]
    seen = []
    handle = twin.features.conv2.register_forward_hook(
        lambda module, inputs, output: seen.append(output.dtype)
    )
    exact, _ = train_step(model, build_optimizer(config.optim, model), batch, config, FLOAT32)
    rough, _ = train_step(twin, build_optimizer(config.optim, twin), batch, config, BF16)
    handle.remove()
    assert seen == [torch.bfloat16]
    assert {parameter.dtype for parameter in twin.parameters()} == {torch.float32}
    assert rough.dtype == torch.float32
    assert rough.item() == pytest.approx(exact.item(), rel=0.02)
    assert rough.item() != exact.item()


# --- validation -----------------------------------------------------------------------------------------


def test_validation_by_hand_over_several_batches(monkeypatch):
    monkeypatch.setattr("cnnlab.data.passes.MAX_IMAGES", 16)  # 40 = 16 + 16 + 8
    torch.manual_seed(0)
    model, val = tiny_net(), tiny_images("val", 40)
    mean, std = channel_stats(val)
    tally = validate(model, val, FLOAT32, mean=mean, std=std)
    assert model.training
    model.eval()
    with torch.no_grad():
        logits = model(normalise(val.images, mean, std))
    assert tally.mean_loss == pytest.approx(nn.functional.cross_entropy(logits, val.labels).item(), rel=1e-5)
    assert tally.top1 == (logits.argmax(1) == val.labels).double().mean().item()
    assert tally.num_images == 40
    validate(model, val, FLOAT32, mean=mean, std=std)
    assert not model.training


def test_validation_looks_at_the_middle():
    model, val = tiny_net(), tiny_images("val", 40)
    middle = make_dataset("middle", "val", val.images[:, :, 1:7, 1:7], val.labels, val.class_names)
    found = validate(model, val, FLOAT32, mean=(0.5,), std=(0.2,), crop_size=6)
    assert found == validate(model, middle, FLOAT32, mean=(0.5,), std=(0.2,))
    assert found != validate(model, val, FLOAT32, mean=(0.5,), std=(0.2,))


def test_validation_changes_nothing():
    model, val = tiny_net(), tiny_images("val", 40)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    validate(model, val, FLOAT32, mean=(0.5,), std=(0.2,))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_validation_is_in_the_precision_of_training():
    model, val = tiny_net(), tiny_images("val", 40)
    exact = validate(model, val, FLOAT32, mean=(0.5,), std=(0.2,)).mean_loss
    rough = validate(model, val, choose_execution(plain_config(precision="bf16")), mean=(0.5,), std=(0.2,))
    assert rough.mean_loss == pytest.approx(exact, rel=0.02)
    assert rough.mean_loss != exact


def test_images_are_mirrored_in_turns():
    changes = {"data.augment": {"mirror": True, "alternating": True}, "train.batch_size": 24}
    config = plain_config().with_changes(changes)
    train = tiny_images("train")
    plan = make_plan(config, len(train))
    batches = TrainingBatches(train, config, plan, choose_execution(config))
    plain = normalise(train.images, batches.mean, batches.std)
    seen = []
    for epoch in range(3):
        order = epoch_order(len(train), seed=config.seed, epoch=epoch)
        is_mirrored = torch.zeros(len(train), dtype=torch.bool)
        for number in range(3):
            chosen = order[24 * number : 24 * (number + 1)]
            images = batches[3 * epoch + number].images
            mirrored = (images == plain[chosen].flip(3)).flatten(1).all(1)
            assert torch.equal(~mirrored, (images == plain[chosen]).flatten(1).all(1))
            is_mirrored[chosen] = mirrored
        seen.append(is_mirrored)
    assert torch.equal(seen[0], ~seen[1]) and torch.equal(seen[0], seen[2])
    assert 18 < seen[0].sum() < 54


# --- dropout --------------------------------------------------------------------------------------------


def test_dropout_draws_what_torch_seeded_alike_draws():
    drawn = counter_generator(7, "dropout", 3).initial_seed()
    torch.manual_seed(drawn)
    expected = torch.rand(5)
    torch.manual_seed(0)
    waiting = len(torch.cuda._queued_calls)
    seed_dropout(7, 3)
    assert torch.equal(torch.rand(5), expected)
    assert len(torch.cuda._queued_calls) == waiting  # torch.manual_seed adds one a step


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_dropout_on_a_gpu_draws_alike_too():
    drawn = counter_generator(7, "dropout", 3).initial_seed()
    torch.manual_seed(drawn)
    expected = torch.rand(5, device="cuda")
    seed_dropout(7, 3)
    assert torch.equal(torch.rand(5, device="cuda"), expected)
