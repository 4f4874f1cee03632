"""`predict` on 10,000 pictures against decoding alone and the network alone; `make test-slow`.

Where both parts together want more of the cores than there are, the slower part's time cannot be had: the
floor is that, or the processor time of both, over the cores.
"""

import time
from functools import partial
from statistics import median

import pytest
import torch
from PIL import Image

from cnnlab import lab, machine
from cnnlab.data import load_data
from cnnlab.data.images.decode_many import decode_many
from cnnlab.evaluation import load_run, predict_probs
from cnnlab.lab.predict import BATCH_SIZE, iter_predictions, prepare_image
from cnnlab.threads import set_threads

pytestmark = pytest.mark.slow

NUM_FILES = 10_000


def test_ten_thousand_pictures_take_little_longer_than_they_must(tmp_path, record_property):
    folder = lab.train("resnet20", data="synthetic:3x32x32x200", steps=2, batch_size=50, out=tmp_path)
    run = load_run(folder)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    images = load_data("synthetic:3x32x32x1000", splits=["train"])["train"].images
    for number in range(NUM_FILES):
        pixels = images[number % len(images)].permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(pixels).save(pictures / f"{number:05}.png")
    files = sorted(pictures.iterdir())
    batch = images[:BATCH_SIZE]

    def decode() -> None:
        assert (
            sum(
                isinstance(image, torch.Tensor)
                for _, image in decode_many(files, partial(prepare_image, run))
            )
            == NUM_FILES
        )

    def answer() -> None:
        for _ in range(0, NUM_FILES, BATCH_SIZE):
            predict_probs(run, batch)

    def both() -> None:
        assert sum(not one.error for one in iter_predictions(run, pictures)) == NUM_FILES

    def seconds(work) -> tuple[float, float]:
        """On the clock, and of the processor."""
        start, start_of_process = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - start, time.process_time() - start_of_process

    set_threads(machine.default_threads())
    rounds = [tuple(map(seconds, (decode, answer, both))) for _ in range(3)]
    ratios, slower = [], []
    for decoding, answering, (whole, _) in rounds:
        slower.append(max(decoding[0], answering[0]))
        of_both = (decoding[1] + answering[1]) / machine.num_cores()
        ratios.append(whole / max(slower[-1], of_both))
    record_property("seconds", rounds)
    print(f"\ndecode, network, predict in s: {rounds}; of the slower part's {slower}; of the floor: {ratios}")
    assert median(ratios) < 1.3, rounds
