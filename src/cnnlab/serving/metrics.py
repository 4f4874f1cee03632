"""What Prometheus can ask of the server."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable by which prometheus_client keeps counters of several processes in one folder."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one app; labels are routes and networks, never what a client sends."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "cnnlab_requests", "Requests answered.", ("route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "cnnlab_request_seconds",
            "From a request's header to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.images = Counter("cnnlab_images", "Images classified.", ("network",), registry=self._registry)
        self.batches = Histogram(
            "cnnlab_batch_images",
            "Images that a network was given at once.",
            ("network",),
            buckets=_BATCHES,
            registry=self._registry,
        )
        self.pending = Gauge(
            "cnnlab_pending_images",
            "Images decoded or waiting.",
            ("network",),
            multiprocess_mode="livesum",
            registry=self._registry,
        )

    def as_text(self) -> bytes:
        """Return all of them in Prometheus's text format, those of all workers together."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)
        return generate_latest(together)
