"""What Prometheus is told of a service."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# From a mock's milliseconds to a large model's minutes.
_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)


class Metrics:
    """The counters of one service.

    Args:
        kind: `layered` or `edit`.
    """

    def __init__(self, kind: str) -> None:
        self._registry = CollectorRegistry()
        labels = {"service": kind}
        self._requests = Counter(
            "iedf_requests_total", "Answers, by route and status.", ["service", "route", "status"],
            registry=self._registry,
        )  # fmt: skip
        self._errors = Counter(
            "iedf_errors_total", "Answers that are no success, by code.", ["service", "code"],
            registry=self._registry,
        )  # fmt: skip
        self._latency = Histogram(
            "iedf_request_seconds", "From request to answer.", ["service", "route"],
            registry=self._registry, buckets=_BUCKETS,
        )  # fmt: skip
        self._inference = Histogram(
            "iedf_infer_seconds", "At the engine.", ["service"], registry=self._registry, buckets=_BUCKETS
        ).labels(**labels)
        self._images = Counter(
            "iedf_images_total", "Pictures made.", ["service"], registry=self._registry
        ).labels(**labels)
        self._kind = kind

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge whose value is asked for when somebody looks."""
        gauge = Gauge(f"iedf_{name}", text, ["service"], registry=self._registry)
        gauge.labels(self._kind).set_function(value)

    def made(self, seconds: float) -> None:
        """A picture was made in so many seconds."""
        self._images.inc()
        self._inference.observe(seconds)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered after so many seconds."""
        self._requests.labels(self._kind, route, str(status)).inc()
        self._latency.labels(self._kind, route).observe(seconds)

    def failed(self, code: str) -> None:
        """An answer was no success."""
        self._errors.labels(self._kind, code).inc()

    def page(self) -> bytes:
        """All of them, in Prometheus's text form."""
        return generate_latest(self._registry)
