"""Parameters and multiply-adds, worked by hand or published."""

from typing import Any

import pytest
import torch

from cnnlab.models import create_model, layer_table, model_info


@pytest.mark.parametrize(
    ("name", "args", "parameters"),
    [
        # 156 + 2,416 + 48,120 + 10,164 + 850
        ("lenet5", {}, 61_706),
        # 832 + 51,264 + (3,136 + 1) * 1,024 + 10,250
        ("convnet_mnist", {}, 3_274_634),
        # 640 + 73,856 + 295,168 + (4,096 + 1) * 1,024 + 1,025 * 256 + 2,570
        ("alexnet_mnist3", {}, 4_829_962),
        # the same, then 1,025 * 1,024 + 10,250
        ("alexnet_mnist3", {"dense2": 1024}, 5_624_842),
        # 640 + 73,856 + 295,168 + 590,080 + 295,040 + (2,048 + 1) * 1,024 + 1,025 * 1,024 + 10,250
        ("alexnet_mnist5", {}, 4_412_810),
        # Published, arXiv:1512.03385 table 6 rounded: 0.27, 0.46, 0.66, 0.85 and 1.7 million
        ("resnet20", {}, 269_722),
        ("resnet32", {}, 464_154),
        ("resnet44", {}, 658_586),
        ("resnet56", {}, 853_018),
        ("resnet110", {}, 1_727_962),
        # Shortcuts of option A have no parameters.
        ("resnet20", {"residual": False}, 269_722),
        # Two projections, 16 * 32 + 2 * 32 and 32 * 64 + 2 * 64
        ("resnet20", {"shortcut": "B"}, 269_722 + 576 + 2_176),
        # Each norm before a convolution has as many channels as the norm after the one before it.
        ("preact_resnet20", {}, 269_722),
        ("preact_resnet32", {}, 464_154),
        ("preact_resnet44", {}, 658_586),
        ("preact_resnet56", {}, 853_018),
        ("preact_resnet110", {}, 1_727_962),
        ("preact_resnet20", {"shortcut": "B"}, 269_722 + 512 + 2_048),
        # 34,944 + 307,456 + 885,120 + 663,936 + 442,624; 9,217 * 4,096 + 4,097 * 4,096 + 4,097 * 1,000
        ("alexnet", {}, 60_965_224),
        # conv2, conv4 and conv5 see all maps: 307,200 + 663,552 + 442,368 weights more
        ("alexnet", {"groups": 1}, 62_378_344),
        ("alexnet", {"lrn": False, "constants": "caffe"}, 60_965_224),
        # 23,296 + 307,392 + 663,936 + 884,992 + 590,080; the dense layers of 2012
        ("alexnet_owt", {}, 61_100_840),
        # Of torchvision's form, published: 11,689,512; 21,797,672; 25,557,032; 44,549,160; 60,192,808
        ("resnet18", {}, 11_689_512),
        ("resnet34", {}, 21_797_672),
        ("resnet50", {}, 25_557_032),
        ("resnet50", {"stride_at": "3x3"}, 25_557_032),
        ("resnet101", {}, 44_549_160),
        ("resnet152", {}, 60_192_808),
    ],
)
def test_parameters(name: str, args: dict[str, Any], parameters: int) -> None:
    with torch.device("meta"):
        network = create_model(name, **args)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize(
    ("name", "args", "macs"),
    [
        # 28*28*6*25 + 10*10*16*150 + 400*120 + 120*84 + 84*10
        ("lenet5", {}, 117_600 + 240_000 + 48_000 + 10_080 + 840),
        # 28*28*32*25 + 14*14*64*800 + 3,136*1,024 + 10,240
        ("convnet_mnist", {}, 627_200 + 10_035_200 + 3_211_264 + 10_240),
        # 28*28*64*9 + 14*14*128*576 + 7*7*256*1,152 + 4,096*1,024 + 1,024*256 + 2,560
        ("alexnet_mnist3", {}, 451_584 + 14_450_688 + 14_450_688 + 4_194_304 + 262_144 + 2_560),
        ("alexnet_mnist3", {"dense2": 1024}, 34_606_080),
        # conv4 is 7*7*256*2,304, conv5 7*7*128*2,304
        ("alexnet_mnist5", {}, 451_584 + 2 * 14_450_688 + 28_901_376 + 14_450_688 + 2_097_152 + 1_058_816),
        # The stem; six convolutions of 32*32*16*144; twice a halving one and five of as many; 64*10
        ("resnet20", {}, 442_368 + 6 * 2_359_296 + 2 * (1_179_648 + 5 * 2_359_296) + 640),
        ("preact_resnet20", {}, 40_551_040),
        # 1x1 projections of 16*16*32*16 and 8*8*64*32
        ("resnet20", {"shortcut": "B"}, 40_551_040 + 131_072 + 131_072),
    ],
)
def test_macs(name: str, args: dict[str, Any], macs: int) -> None:
    info = model_info(name)
    network = create_model(name, **args)
    assert layer_table(network, in_channels=info.in_channels, image_size=info.image_size).macs == macs


def test_counts_agree_with_another_counter() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    for name in ("lenet5", "alexnet_mnist5", "resnet20"):
        info = model_info(name)
        network = create_model(name).eval()
        image = torch.zeros(1, info.in_channels, info.image_size, info.image_size)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(image)
        table = layer_table(network, in_channels=info.in_channels, image_size=info.image_size)
        assert counter.get_total_flops() == 2 * table.macs
