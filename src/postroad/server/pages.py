"""Plain pages beside a protocol: health for orchestrators, metrics for Prometheus.

It stands between the parts of a server and whoever watches it. The rule kept here: a page asks only
for what is at hand; it never waits for the engine.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from postroad import __version__
from postroad.metrics import METRICS, PREFIX
from postroad.protocols.http.wire import Page

JSON: Final = "application/json"

Pages = dict[str, Callable[[], Page]]
"""Path -> what to show there."""


def pages(
    not_ready: Callable[[], str],
    figures: Callable[[], Mapping[str, float]],
    facts: Mapping[str, str],
) -> Pages:
    """Return all pages. `not_ready()` says why no work can be taken, nothing when it can.

    `facts`: words about this server that go with the figures, such as its durability.
    """

    def live() -> Page:
        return Page(b'{"status": "live"}\n', JSON)

    def ready() -> Page:
        why = not_ready()
        if why:
            return Page(f'{{"status": "{why}"}}\n'.encode(), JSON, 503)
        return Page(b'{"status": "ready"}\n', JSON)

    def metrics() -> Page:
        content_type, body = exposition(figures(), facts)
        return Page(body, content_type)

    return {"/health/live": live, "/health/ready": ready, "/metrics": metrics}


def certificate_page(certificate: bytes) -> Page:
    """Return the certificate that envelopes name, or why there is none."""
    if not certificate:
        return Page(b"nothing was signed yet\n", "text/plain", 404)
    return Page(certificate, "application/x-pem-file")


def exposition(figures: Mapping[str, float], facts: Mapping[str, str]) -> tuple[str, bytes]:
    """Return the content type and the figures in the text form of Prometheus."""
    # Loaded at the first look, because a start has to be fast.
    from prometheus_client import (
        CONTENT_TYPE_LATEST,
        CollectorRegistry,
        ProcessCollector,
        generate_latest,
    )
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        InfoMetricFamily,
    )
    from prometheus_client.metrics_core import Metric as Family

    class Figures:
        """Hands the figures over, those that the table knows."""

        def collect(self) -> Iterator[Family]:
            info = {"version": __version__, **facts}
            yield InfoMetricFamily(PREFIX + "server", "This server", value=info)
            for name, metric in METRICS.items():
                if name in figures:
                    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
                    yield make(PREFIX + name, metric.text, value=figures[name])

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures())
    ProcessCollector(registry=registry)
    return CONTENT_TYPE_LATEST, generate_latest(registry)
