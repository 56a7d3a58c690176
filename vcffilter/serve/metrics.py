"""Counts for Prometheus, of one server. Knows names of what is counted and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

TEXT = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Metrics:
    """One registry, so that two servers of one process do not meet."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("pileup_filter_requests", "Requests answered.", ("route", "status"), registry=self._registry)
        self.seconds = Histogram(
            "pileup_filter_request_seconds", "From the first byte asked to the last answered.", ("route",), buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self.problems = Counter(
            "pileup_filter_problems", "Requests refused or failed, by kind.", ("kind",), registry=self._registry
        )
        self.left = Counter(
            "pileup_filter_clients_left", "Clients that went before their answer was sent.", registry=self._registry
        )
        self.upload_bytes = Counter("pileup_filter_upload_bytes", "Bytes of calls taken in.", registry=self._registry)
        self.records = Counter("pileup_filter_records", "Records of uploads annotated.", ("reads",), registry=self._registry)
        self.alleles = Counter("pileup_filter_alleles", "ALTs scored.", ("reads",), registry=self._registry)
        self.batch_requests = Histogram(
            "pileup_filter_batch_questions",
            "Questions that went through the network together.",
            buckets=_BATCHES,
            registry=self._registry,
        )
        self.batch_alleles = Histogram(
            "pileup_filter_batch_alleles", "ALTs in such a batch.", buckets=_BATCHES, registry=self._registry
        )
        self._inside = Gauge(
            "pileup_filter_requests_inside", "Requests being taken in, computed or answered.", registry=self._registry
        )

    def saw_batch(self, n_questions: int, n_alleles: int) -> None:
        """Count a batch of the network."""
        self.batch_requests.observe(n_questions)
        self.batch_alleles.observe(n_alleles)

    def watch(self, inside: Callable[[], float]) -> None:
        """Where the number of the moment comes from."""
        self._inside.set_function(inside)

    def text(self, accept: str) -> tuple[bytes, str]:
        """(all counts, media type): OpenMetrics where that is asked for."""
        if "application/openmetrics-text" in accept:
            return generate_openmetrics(self._registry), OPENMETRICS
        return generate_latest(self._registry), TEXT
