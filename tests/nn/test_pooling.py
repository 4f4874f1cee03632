"""Halving pools: 7 becomes 4, worked by hand."""

import torch

from cnnlab.nn import make_halving_pool

RAMP = torch.arange(49.0).view(1, 1, 7, 7)  # row r, column c holds 7r + c


def test_seven_becomes_four_as_same_padding_does() -> None:
    found = make_halving_pool(overlapping=False)(RAMP)[0, 0]
    # Windows of rows and columns 0-1, 2-3, 4-5 and 6 alone: the largest is at the lower right.
    expected = [[8, 10, 12, 13], [22, 24, 26, 27], [36, 38, 40, 41], [43, 45, 47, 48]]
    assert found.tolist() == expected


def test_overlapping_windows_of_three_give_the_same_size() -> None:
    found = make_halving_pool(overlapping=True)(RAMP)[0, 0]
    # Centred on 0, 2, 4 and 6, cut off at the edges: they reach to 1, 3, 5 and 6.
    expected = [[8, 10, 12, 13], [22, 24, 26, 27], [36, 38, 40, 41], [43, 45, 47, 48]]
    assert found.tolist() == expected
    falling = make_halving_pool(overlapping=True)(-RAMP)[0, 0]
    # The smallest of each window is at its upper left: rows and columns 0, 1, 3 and 5.
    assert falling[1].tolist() == [-7, -8, -10, -12]


def test_negative_maps_are_not_mixed_with_padding() -> None:
    for overlapping in (False, True):
        assert make_halving_pool(overlapping=overlapping)(-1 - RAMP).max() < 0


def test_averages_leave_the_padding_out_of_the_count() -> None:
    # Means of linear numbers are the numbers at the windows' centres: rows and columns 0.5, 2.5, 4.5 and 6.
    plain = make_halving_pool("average", overlapping=False)(RAMP)[0, 0]
    places = torch.tensor([0.5, 2.5, 4.5, 6.0])
    torch.testing.assert_close(plain, 7 * places[:, None] + places)
    # Windows of three reach to rows 0-1, 1-3, 3-5 and 5-6.
    overlapping = make_halving_pool("average", overlapping=True)(RAMP)[0, 0]
    places = torch.tensor([0.5, 2.0, 4.0, 5.5])
    torch.testing.assert_close(overlapping, 7 * places[:, None] + places)
