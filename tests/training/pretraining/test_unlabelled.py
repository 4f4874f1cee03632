import torch

from cnnlab.data import make_dataset, normalise
from cnnlab.training.execution import choose_execution
from cnnlab.training.pretraining.unlabelled import UnlabelledImages, num_steps
from tiny_chain import chain_config
from tiny_training import tiny_images

MEAN, STD = (0.4,), (0.25,)


def unlabelled(num_images: int = 20, **changes: object) -> UnlabelledImages:
    config = chain_config(**changes)
    images = tiny_images("train", num_images)
    return UnlabelledImages(images, config.data, choose_execution(config), seed=0, mean=MEAN, std=STD)


def test_an_epoch_shows_every_image_once_and_each_epoch_and_layer_has_an_order_of_its_own():
    settings = chain_config(pretrain__epochs=2, pretrain__batch_size=5).pretrain
    images = unlabelled()
    orders = []
    for layer in (0, 1):
        batches = list(images.batches(settings, seed=0, layer=layer))
        assert [len(batch) for batch in batches] == [5] * 8
        orders += [torch.cat(batches[:4]), torch.cat(batches[4:])]
    every = images.sample(20)
    for order in orders:
        assert sorted(order.flatten(1).tolist()) == sorted(every.flatten(1).tolist())
    assert len({tuple(order.flatten().tolist()) for order in orders}) == 4


def test_a_last_part_batch_is_left_out_and_part_epochs_are_steps():
    for epochs, batch_size, expected in ((1, 6, 3), (2.5, 6, 8), (0.01, 6, 1), (1, 100, 1)):
        settings = chain_config(pretrain__epochs=epochs, pretrain__batch_size=batch_size).pretrain
        assert num_steps(settings, 20) == expected
        assert len(list(unlabelled().batches(settings, seed=0, layer=0))) == expected


def test_images_come_as_the_network_sees_them_and_go_back_to_pixels():
    images = unlabelled()
    raw = tiny_images("train", 20).images
    sample = images.sample(3)
    chosen = [
        next(place for place, one in enumerate(raw) if torch.equal(normalise(one[None], MEAN, STD)[0], image))
        for image in sample
    ]
    assert len(set(chosen)) == 3
    torch.testing.assert_close(images.to_pixels(sample), raw[chosen] / 255)
    assert images.sample(100).is_contiguous(memory_format=torch.channels_last)
    window = unlabelled(data__crop_size=4).sample(3)
    assert torch.equal(window, normalise(raw[chosen][:, :, 2:6, 2:6], MEAN, STD))


def test_the_sample_is_of_all_classes_where_images_lie_class_by_class():
    grey = torch.arange(200, dtype=torch.uint8).view(200, 1, 1, 1).expand(200, 1, 6, 6)
    images = make_dataset("some", "unlabelled", grey, torch.arange(200) // 100, ("dark", "light"))
    config = chain_config()
    samples = [
        UnlabelledImages(images, config.data, choose_execution(config), seed=seed, mean=(0.0,), std=(1.0,))
        .sample(40)[:, 0, 0, 0]
        .mul(255)
        .round()
        .tolist()
        for seed in (0, 0, 1)
    ]
    assert samples[0] == samples[1] != samples[2]
    assert 10 < sum(value < 100 for value in samples[0]) < 30
