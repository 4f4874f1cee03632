"""Parameters and multiply-adds, worked by hand or published."""

from typing import Any

import pytest
import torch

from cnnlab.models import create_model, layer_table, layers_of, model_info


@pytest.mark.parametrize(
    ("name", "args", "parameters"),
    [
        # 156 + 2,416 + 48,120 + 10,164 + 850
        ("lenet5", {}, 61_706),
        # 832 + 51,264 + (3,136 + 1) * 1,024 + 10,250
        ("convnet_mnist", {}, 3_274_634),
        # 150 + 12; 864 + 32; 6,912 + 96; (432 + 1) * 10
        ("convnet_fast", {}, 12_396),
        # 24 * 12 + 24; 13,824 + 36,864; 147,456 + 589,824; 2 * 589,824; norms of 4 * (64 + 256 + 256); 2,560:
        # published as 1.97 million
        ("convnet_cifar10", {}, 1_972_792),
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
        # 3,648 + 153,728 + 221,376 + 331,968 + 221,312; 2,049 * 1,024 + 1,025 * 1,024 + 10,250
        ("alexnet_small", {}, 4_090_058),
        # Half the weights of conv2, conv4 and conv5 less: 76,800 + 165,888 + 110,592
        ("alexnet_small", {"groups": 2}, 4_090_058 - 353_280),
        # The stem 9,472 + 4,160 + 110,784; modules of 163,696, 388,736, 376,176, 449,160, 510,104,
        # 605,376, 868,352, 1,043,456 and 1,444,080, such as 3a, from table 1: 192 * (64 + 96 + 16 + 32) +
        # 96 * 128 * 9 + 16 * 32 * 25, and as many biases as maps, 368; 1,025 * 1,000
        ("googlenet", {"aux": False}, 6_998_552),
        # A head: 128 * (512 or 528) + 128; 2,049 * 1,024; 1,025 * 1,000
        ("googlenet", {}, 6_998_552 + 65_664 + 67_712 + 2 * (2_098_176 + 1_025_000)),
        # Two numbers for each map instead of one: 320 maps in the stem; 368, 640, 624, 648, 664, 704, 1,024,
        # 1,024 and 1,264 in the modules; 128 in each head
        ("googlenet", {"batch_norm": True, "aux": False}, 6_998_552 + 320 + 6_960),
        ("googlenet", {"batch_norm": True}, 13_378_280 + 320 + 6_960 + 2 * 128),
        # The stem 27 * 96 + 96; modules of 41,016, 97,344, 94,200, 112,452, 127,692, 151,520, 217,344,
        # 261,120 and 361,336; 513 * 10
        ("googlenet_small", {"batch_norm": False}, 2_688 + 1_464_024 + 5_130),
        # Two numbers for each of the 96 + 3,480 maps instead of one
        ("googlenet_small", {}, 1_471_842 + 96 + 3_480),
        # A head: 64 * (256 or 264) + 2 * 64; 1,025 * 512; 513 * 10
        ("googlenet_small", {"aux": True}, 1_475_418 + 16_512 + 17_024 + 2 * (524_800 + 5_130)),
        # Of torchvision's form, published: 11,689,512; 21,797,672; 25,557,032; 44,549,160; 60,192,808
        ("resnet18", {}, 11_689_512),
        ("resnet34", {}, 21_797_672),
        ("resnet50", {}, 25_557_032),
        ("resnet50", {"stride_at": "3x3"}, 25_557_032),
        ("resnet101", {}, 44_549_160),
        ("resnet152", {}, 60_192_808),
        # Three projections less: 64 * 128 + 2 * 128, 128 * 256 + 2 * 256 and 256 * 512 + 2 * 512
        ("resnet18", {"shortcut": "A"}, 11_689_512 - 8_448 - 33_280 - 132_096),
        ("resnet18", {"residual": False}, 11_689_512 - 8_448 - 33_280 - 132_096),
        # Projections have no normalisation of their own: 2 * (128 + 256 + 512) less
        ("preact_resnet18", {}, 11_689_512 - 1_792),
        ("preact_resnet34", {}, 21_797_672 - 1_792),
        # 2 * (256 + 512 + 1,024 + 2,048) less
        ("preact_resnet50", {}, 25_557_032 - 7_680),
        ("preact_resnet101", {}, 44_549_160 - 7_680),
        ("preact_resnet152", {}, 60_192_808 - 7_680),
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
        # 25 * 6 * 196 + 54 * 16 * 196 + 144 * 48 * 49 + 4,320
        ("convnet_fast", {}, 541_752),
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
        # 55*55*96*363 + 27*27*256*1,200 + 13*13*(384*2,304 + 384*1,728 + 256*1,728);
        # 9,216*4,096 + 4,096*4,096 + 4,096*1,000
        ("alexnet", {}, 105_415_200 + 223_948_800 + 149_520_384 + 112_140_288 + 74_760_192 + 58_621_952),
        # conv2, conv4 and conv5 once more
        ("alexnet", {"groups": 1}, 724_406_816 + 223_948_800 + 112_140_288 + 74_760_192),
        # 55*55*64*363 + 27*27*192*1,600 + 13*13*(384*1,728 + 256*3,456 + 256*2,304); the dense layers
        ("alexnet_owt", {}, 70_276_800 + 223_948_800 + 112_140_288 + 149_520_384 + 99_680_256 + 58_621_952),
        # 32*32*48*75 + 16*16*128*1,200 + 8*8*(192*1,152 + 192*1,728 + 128*1,728); the dense layers
        (
            "alexnet_small",
            {},
            3_686_400 + 39_321_600 + 14_155_776 + 21_233_664 + 14_155_776 + 2_097_152 + 1_058_816,
        ),
        # The stem, 112*112*64*147; stage 1, four convolutions of 56*56*64*576; stages 2 to 4, one of half as
        # many, three of as many and a projection of 28*28*128*64, 14*14*256*128, 7*7*512*256; 512*1,000
        (
            "resnet18",
            {},
            118_013_952 + 4 * 115_605_504 + 3 * (57_802_752 + 346_816_512 + 6_422_528) + 512_000,
        ),
        ("resnet34", {}, 118_013_952 + 29 * 115_605_504 + 3 * (57_802_752 + 6_422_528) + 512_000),
        # In units of 56*56*64*64, which is as much in all stages: blocks of 4 + 9 + 4; first ones with their
        # projection of 1 + 9 + 4 + 4 in stage 1, of 2 + 9 + 4 + 8 in the others; 2,048*1,000.
        # Table 1 of arXiv:1512.03385 has 3.8 and 7.6 billion.
        ("resnet50", {}, 118_013_952 + (12 * 17 + 18 + 3 * 23) * 12_845_056 + 2_048_000),
        ("resnet101", {}, 118_013_952 + (29 * 17 + 18 + 3 * 23) * 12_845_056 + 2_048_000),
        # The first 1x1 of stages 2 to 4 works on four times the pixels: 8 instead of 2
        ("resnet50", {"stride_at": "3x3"}, 3_857_973_248 + 3 * 6 * 12_845_056),
        ("preact_resnet18", {}, 1_814_073_344),
        ("preact_resnet50", {}, 3_857_973_248),
    ],
)
def test_macs(name: str, args: dict[str, Any], macs: int) -> None:
    assert layers_of(name, args).macs == macs


def test_googlenets_modules_cost_what_table_1_says() -> None:
    """In millions; the paper's 54 for module 5a is not what its own widths give, 51."""
    published = {"2": 360, "3a": 128, "3b": 304, "4a": 73, "4b": 88, "4c": 100, "4d": 119, "4e": 170}
    published |= {"5a": 51, "5b": 71}
    table = layers_of("googlenet")
    for module, millions in published.items():
        names = ("conv2", "reduce2") if module == "2" else (f"inception{module}",)
        macs = sum(row.macs for row in table.rows if row.name.split(".")[1] in names)
        assert abs(macs / 1e6 - millions) < 0.7, module
    # What is in no module: the stem's first layer, 112*112*64*147, and the last one.
    assert table.macs == 118_013_952 + 359_661_568 + 1_103_972_352 + 1_024_000


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
