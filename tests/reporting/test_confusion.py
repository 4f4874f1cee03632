"""The picture of a confusion matrix: dark where many images of a class are, with a colour for each share."""

import pytest

from cnnlab.reporting import confusion_picture


def dark(to_pixels, matrix):
    """Where the picture is dark blue: H x W."""
    pixels = to_pixels(confusion_picture(matrix, ["cat", "dog"], title="")).astype(int)
    return (pixels[..., 0] < 40) & (pixels[..., 2] > pixels[..., 0] + 60)


def test_cells_are_as_dark_as_their_share_of_a_row(to_pixels):
    all_right = dark(to_pixels, [[90, 0], [0, 9]])
    width = all_right.shape[1]
    assert all_right.sum() > 5000
    halves = all_right[:, : width * 5 // 8].sum(), all_right[:, width * 5 // 8 :].sum()
    assert min(halves) > 2000  # each row by its own sum
    assert not dark(to_pixels, [[5, 4], [4, 5]]).any()


def test_rows_are_true_and_columns_predicted(to_pixels):
    cats_are_dogs = dark(to_pixels, [[0, 8], [4, 4]])
    rows, columns = cats_are_dogs.nonzero()
    height, width = cats_are_dogs.shape
    assert len(rows) > 2000 and rows.mean() < height / 2 and columns.mean() > width / 2


@pytest.mark.parametrize("num", [1, 20, 21])
def test_any_number_of_classes_and_any_name(num, to_pixels):
    names = [f"a class with a long name {index}" for index in range(num)]
    matrix = [[int(row == column) for column in range(num)] for row in range(num)]
    height, width, _ = to_pixels(confusion_picture(matrix, names, title="of $5 and 猫")).shape
    assert 100 < height < 2500 and 100 < width < 2500
