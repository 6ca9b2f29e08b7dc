"""Counters of the service for Prometheus; made once for a process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
_REQUESTS = Counter("foreshore_requests_total", "Requests answered.", ["view", "method", "status"], registry=REGISTRY)
_SECONDS = Histogram(
    "foreshore_request_seconds", "Time of a request in the server.", ["view"], registry=REGISTRY,
    buckets=(0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
)  # fmt: skip
_JOBS = Gauge("foreshore_jobs", "Jobs by state.", ["state"], registry=REGISTRY)


def request(view: str, method: str, status: int, seconds: float) -> None:
    """Count one request."""
    _REQUESTS.labels(view or "none", method, str(status)).inc()
    _SECONDS.labels(view or "none").observe(seconds)


def text(jobs: dict[str, int]) -> bytes:
    """Return all measures in Prometheus' text format; `jobs` counts them by state."""
    for state in ("waiting", "running", "done", "failed", "cancelled"):
        _JOBS.labels(state).set(jobs.get(state, 0))
    return generate_latest(REGISTRY)
