import torch

from cnnlab.data import normalise
from cnnlab.training.execution import choose_execution
from cnnlab.training.pretraining.unlabelled import UnlabelledImages, num_steps
from tiny_chain import chain_config
from tiny_training import tiny_images

MEAN, STD = (0.4,), (0.25,)


def unlabelled(num_images: int = 20, **changes: object) -> UnlabelledImages:
    config = chain_config(**changes)
    images = tiny_images("train", num_images)
    return UnlabelledImages(images, config.data, choose_execution(config), mean=MEAN, std=STD)


def test_an_epoch_shows_every_image_once_and_each_epoch_and_layer_has_an_order_of_its_own():
    settings = chain_config(pretrain__epochs=2, pretrain__batch_size=5).pretrain
    images = unlabelled()
    orders = []
    for layer in (0, 1):
        batches = list(images.batches(settings, seed=0, layer=layer))
        assert [len(batch) for batch in batches] == [5] * 8
        orders += [torch.cat(batches[:4]), torch.cat(batches[4:])]
    every = images.first(20)
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
    assert torch.equal(images.first(3), normalise(raw[:3], MEAN, STD))
    torch.testing.assert_close(images.to_pixels(images.first(3)), raw[:3] / 255)
    assert images.first(100).is_contiguous(memory_format=torch.channels_last)
    window = unlabelled(data__crop_size=4).first(3)
    assert torch.equal(window, normalise(raw[:3, :, 2:6, 2:6], MEAN, STD))
