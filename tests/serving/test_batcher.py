"""Batches: answers as one by one, a bounded queue, errors that stay with those they belong to."""

import asyncio
import io
import threading

import numpy as np
import pytest
from PIL import Image

from cnnlab.serving.batcher import Batcher, QueueFullError
from cnnlab.serving.limits import Limits

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def mixes(exports):
    """For each network a function that asks it for mixes of images, and compares with single answers."""

    def check(place, number, most):
        export = exports[place]
        shape = (export.in_channels, export.image_size, export.image_size)
        images = RNG.normal(size=(60, *shape)) * RNG.uniform(0.1, 3, (60, 1, 1, 1))
        images = images.astype(np.float32)
        single = np.concatenate([export.probs(image[None]) for image in images])
        sizes = []

        async def use(batcher):
            found = 0
            for _ in range(number):
                chosen = RNG.integers(0, len(images), RNG.integers(1, most))
                rows = await asyncio.gather(*(batcher.answer(images[index]) for index in chosen))
                assert np.abs(np.stack(rows) - single[chosen]).max() < 1e-5
                found += len(rows)
            return found

        assert run(use, export.probs, on_batch=sizes.append, seconds=3000) == sum(sizes)
        return sizes

    return check


def run(use, forward, *, seconds=20, **settings):
    async def talk():
        batcher = Batcher(forward, **{"max_batch": 8, "max_pending": 1000} | settings)
        batcher.start()
        try:
            return await asyncio.wait_for(use(batcher), seconds)
        finally:
            await batcher.stop()

    return asyncio.run(talk())


@pytest.mark.parametrize("place", [0, 1], ids=["resnet20", "convnet_fast"])
def test_a_batched_answer_equals_the_single_one(mixes, place):
    sizes = mixes(place, 8, 30)
    assert max(sizes) == 8 and min(sizes) < 8


@pytest.mark.slow
@pytest.mark.parametrize("place, number", [(0, 1000), (1, 9000)], ids=["resnet20", "convnet_fast"])
def test_ten_thousand_mixes(mixes, place, number):
    assert set(mixes(place, number, 20)) == set(range(1, 9))


def test_a_lone_image_does_not_wait_and_others_gather_meanwhile():
    sizes, gate = [], threading.Event()

    def forward(images):
        sizes.append(len(images))
        gate.wait(10)
        return images.reshape(len(images), -1)

    async def use(batcher):
        first = asyncio.create_task(batcher.answer(np.zeros((1, 1, 1), dtype=np.float32)))
        while not sizes:
            await asyncio.sleep(0.001)
        rest = [asyncio.create_task(batcher.answer(np.full((1, 1, 1), n, np.float32))) for n in range(5)]
        await asyncio.sleep(0)
        rest[3].cancel()  # its client has left
        gate.set()
        await first
        return [await task for index, task in enumerate(rest) if index != 3]

    rows = run(use, forward)
    assert sizes == [1, 4]
    assert [float(row[0]) for row in rows] == [0, 1, 2, 4]


def test_an_error_belongs_to_its_batch():
    def forward(images):
        if images.min() < 0:
            raise ValueError("negative")
        return images.reshape(len(images), -1)

    async def use(batcher):
        bad, good = (np.full((1, 1, 1), value, dtype=np.float32) for value in (-1, 1))
        with pytest.raises(ValueError, match="negative"):
            await batcher.answer(bad)
        return await batcher.answer(good)

    assert run(use, forward) == [1]


def test_places_are_given_back():
    async def use(batcher):
        with batcher.reserve(6):
            with pytest.raises(QueueFullError), batcher.reserve(5):
                pass
            with batcher.reserve(4):
                assert batcher.pending == 10
        assert batcher.pending == 0

    run(use, lambda images: images, max_pending=10)


def test_over_the_queue_there_is_a_time_to_come_back(ask, exports, monkeypatch):
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file, "PNG")
    gate, real = threading.Event(), exports[0].probs
    monkeypatch.setattr(exports[0], "probs", lambda batch: (gate.wait(10), real(batch))[1])

    async def use(client):
        def post():
            return client.post("/v1/predict", content=file.getvalue(), headers={"content-type": "image/png"})

        tasks = [asyncio.create_task(post()) for _ in range(12)]
        while sum(task.done() for task in tasks) < 8:
            await asyncio.sleep(0.01)
        gate.set()
        answers = await asyncio.gather(*tasks)
        return answers, await post()

    monkeypatch.setattr("cnnlab.serving.networks.Network.warm_up", lambda self: None)
    answers, afterwards = ask(use, Limits(images=2, queue=4))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 8 and all(answer.headers["retry-after"] == "1" for answer in refused)
    assert sum(answer.status_code == 200 for answer in answers) == 4 and afterwards.status_code == 200


def test_no_answer_in_time_is_said(ask, exports, monkeypatch):
    file = io.BytesIO()
    Image.new("RGB", (32, 32)).save(file, "PNG")
    gate = threading.Event()
    monkeypatch.setattr(exports[0], "probs", lambda batch: gate.wait(10) and np.zeros((len(batch), 10)))
    monkeypatch.setattr("cnnlab.serving.networks.Network.warm_up", lambda self: None)

    async def use(client):
        answer = await client.post(
            "/v1/predict", content=file.getvalue(), headers={"content-type": "image/png"}
        )
        gate.set()
        return answer

    answer = ask(use, Limits(answer_seconds=0.2))
    assert answer.status_code == 503 and "within 0.2 s" in answer.json()["detail"]
