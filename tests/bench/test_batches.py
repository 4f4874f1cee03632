"""How fast images come: figures by hand, and turns in their order."""

import pytest

from cnnlab.bench import Source, SourceRate, batches, measure_sources, sources_table

BATCH = Source("some", "batch, mirror", 100, 100 * 784, lambda: None)


def test_figures_by_hand():
    rate = SourceRate(BATCH, (0.1, 0.2, 0.4), (7.84e6, 7.84e6, 7.84e6))
    assert rate.images_per_s == 500 and rate.spread == (375, 750)
    # 5 x 78,400 bytes: 3.92e6, 1.96e6 and 0.98e6 a second
    assert rate.share == pytest.approx(0.25)
    assert rate.as_dict()["share_of_copy_rate"] == pytest.approx(0.25)
    header, (row,), notes = sources_table([rate])
    assert dict(zip(header, row, strict=True)) == {
        "name": "some",
        "part": "batch, mirror",
        "images/s": "500",
        "quartiles": "375 to 750",
        "of the copy rate": "25%",
    }
    assert "Medians over 3 rounds" in notes[0]


def test_batches_have_several_calls_in_a_turn_and_a_read_one(monkeypatch):
    monkeypatch.setattr(batches, "copy_rate", lambda: 1e9)
    seen = []
    sources = [
        Source("some", "read", 10, 0, lambda: seen.append("read")),
        Source("some", "batch", 10, 7840, lambda: seen.append("batch")),
    ]
    read, batch = measure_sources(sources, rounds=2, calls=3)
    assert seen == ["read", "batch", "batch", "batch"] * 3
    assert len(read.seconds) == len(batch.seconds) == 2
    assert read.share is None and batch.share is not None


def test_a_copy_has_a_rate(monkeypatch):
    monkeypatch.setattr("cnnlab.bench.floor.COPIED_BYTES", 2**20)
    assert 1e7 < batches.copy_rate() < 1e13
