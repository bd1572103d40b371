"""`/metrics` for Prometheus: what a gateway has counted, and how much there is of what, read when it is asked.

One registry for each gateway. Names end in their unit, a plain noun is a count; labels are what `gateway.figures`
counts by. This module alone knows `prometheus_client`.
"""

import platform
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.limits import Limits
from gateway.figures import Figures, Histogram
from gateway.hub import Load
from gateway.settings import is_loopback
from gateway.version import __version__

__all__ = ["Metrics"]

Now: TypeAlias = Callable[[], tuple[int, Load, Limits]]
"""Returns the connections there are, what runs, and the limits of both."""

_BY_TYPE = ("type",)
_BY_EXTRACTOR = ("extractor",)


class Metrics:
    """Answers with the figures of one gateway.

    Args:
        figures: what it has counted.
        now: how much there is now.
    """

    def __init__(self, figures: Figures, now: Now) -> None:
        """Register the figures, with nobody else's."""
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(figures, now))

    @property
    def app(self) -> Starlette:
        """An ASGI application with `/metrics` alone."""
        return Starlette(routes=[Route("/metrics", self.respond)])

    async def respond(self, request: Request) -> Response:
        """Answer in the format that is asked for."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"content-type": content_type})

    async def respond_here(self, request: Request) -> Response:
        """Answer who asks from this machine; for all others there is nothing."""
        if request.client is None or not is_loopback(request.client.host):
            raise HTTPException(404)
        return await self.respond(request)


class _Figures(Collector):
    """Makes what Prometheus reads out of the figures."""

    def __init__(self, figures: Figures, now: Now) -> None:
        self._figures = figures
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from self._node()
        yield from self._connections()
        yield from self._frames()
        yield from self._extractions()
        yield from self._answers()

    def _node(self) -> Iterator[Metric]:
        connections, load, limits = self._now()
        version = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("gateway_build", "What runs.", value=version)
        yield _gauge("connections_open", "Connections there are.", connections)
        yield _gauge("connections_limit", "Connections there may be.", limits.max_connections)
        yield _gauge("extractions_running", "Extractions that hold a place to call the provider.", load.running)
        yield _gauge("extractions_queued", "Extractions that wait for one.", load.queued)
        yield _gauge("provider_calls", "Places to call the provider that are held.", load.running)
        yield _gauge("provider_calls_limit", "Places there are.", limits.provider_calls)
        yield _gauge("provider_queue_limit", "Extractions that may wait for one.", limits.provider_queue)
        yield _gauge("extractions_retained", "Extractions that have ended and are kept.", load.retained)
        yield _gauge("extractions_retained_bytes", "Bytes of their values.", load.retained_bytes)
        lag = "How late the event loop was, once a second while there are connections."
        yield _histogram("event_loop_lag_seconds", lag, self._figures.lag_s)

    def _connections(self) -> Iterator[Metric]:
        figures = self._figures
        yield _counter("connections", "Connections that were taken.", figures.connections)
        closed = "Connections that ended, by close code and who closed: 1005 has no code, 1006 was lost."
        yield _counters("connections_closed", closed, ("code", "by"), figures.closed)
        dropped = "Connections given up because the peer took nothing, answered no ping, or did not read."
        yield _counters("connections_dropped", dropped, ("reason",), _keyed(figures.dropped))
        yield _counters("sessions", "Sessions by how they began.", ("outcome",), _keyed(figures.greetings))
        refused = "Upgrade requests that were refused."
        yield _counters("handshakes_refused", refused, ("reason",), _keyed(figures.refused))
        asked = "Requests for one-time tickets, by what came of them: issued, or a wire code."
        yield _counters("ticket_requests", asked, ("outcome",), _keyed(figures.ticket_requests))
        yield _counter("tickets_spent", "Tickets that a hello brought while they were good.", figures.tickets_spent)

    def _frames(self) -> Iterator[Metric]:
        figures = self._figures
        received = "Messages from clients; malformed are those that are none."
        yield _counters("messages_received", received, _BY_TYPE, _keyed(figures.received))
        frames = {type_: written.frames for type_, written in figures.written.items()}
        yield _counters("frames_written", "Frames to clients.", _BY_TYPE, _keyed(frames))
        sizes = {type_: written.bytes for type_, written in figures.written.items()}
        yield _counters("frames_written_bytes", "Bytes of their text.", _BY_TYPE, _keyed(sizes))
        yield _counters("errors_sent", "Messages error to clients.", ("code",), _keyed(figures.errors))
        watches = GaugeMetricFamily("gateway_watches", "Watches there are.", labels=("encoding",))
        for encoding, count in figures.watches.items():
            watches.add_metric((encoding,), count)
        yield watches
        updates = sum(frames.get(type_, 0) for type_ in ("snapshot", "patch"))
        yield _counter("updates_written", "Snapshots and patches to clients.", updates)
        yield _counter("updates_encoded", "Of these, encoded: once for all that share one.", figures.encoded_updates)
        folded = "Revisions that reached a watch inside the update of a later one."
        yield _counter("revisions_folded", folded, figures.folded_revisions)

    def _extractions(self) -> Iterator[Metric]:
        figures = self._figures
        yield _counters("extractions_started", "Extractions accepted.", _BY_EXTRACTOR, _keyed(figures.started))
        ended = "Extractions that ended; the code is that of a failure."
        yield _counters("extractions_ended", ended, ("extractor", "outcome", "code"), figures.ended)
        yield _histogram("extraction_queued_seconds", "From acceptance to the provider's place.", figures.queued_s)
        first = "From the provider's place to the first delta."
        yield _histograms("extraction_first_delta_seconds", first, figures.first_delta_s)
        yield _histograms("extraction_duration_seconds", "From acceptance to the ending.", figures.total_s)

    def _answers(self) -> Iterator[Metric]:
        figures = self._figures
        yield _counters("attempts", "Calls of the model.", _BY_EXTRACTOR, _keyed(figures.attempts))
        retries = "Of these, all but the first of an extraction."
        yield _counters("retries", retries, _BY_EXTRACTOR, _keyed(figures.retries))
        early = "Of these, cancelled because no later token could make the answer valid."
        yield _counters("early_stops", early, _BY_EXTRACTOR, _keyed(figures.early_stops))
        saved = "Tokens that those would have written, where that can be estimated."
        yield _counters("saved_tokens", saved, _BY_EXTRACTOR, _keyed(figures.saved_tokens))
        yield _counters("input_tokens", "Tokens of all attempts' input.", _BY_EXTRACTOR, _keyed(figures.input_tokens))
        output = "Tokens of all attempts' output."
        yield _counters("output_tokens", output, _BY_EXTRACTOR, _keyed(figures.output_tokens))
        yield _counters("repairs", "What lenient reading forgave.", ("kind",), _keyed(figures.repairs))


def _keyed(counts: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    return {(label,): count for label, count in counts.items()}


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"gateway_{name}", words, value=value)


def _counter(name: str, words: str, value: int) -> Metric:
    return CounterMetricFamily(f"gateway_{name}", words, value=value)


def _counters(name: str, words: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], int]) -> Metric:
    family = CounterMetricFamily(f"gateway_{name}", words, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _histogram(name: str, words: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(f"gateway_{name}", words)
    family.add_metric((), *_buckets(histogram))
    return family


def _histograms(name: str, words: str, histograms: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(f"gateway_{name}", words, labels=_BY_EXTRACTOR)
    for extractor, histogram in histograms.items():
        family.add_metric((extractor,), *_buckets(histogram))
    return family


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Return how many values were at most each bound, and the sum."""
    bounds = [*map(str, map(float, histogram.bounds)), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True)), histogram.total
