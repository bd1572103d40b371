"""What Prometheus would read: a page of metrics, parsed by its own library."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

__all__ = ["Scrape", "scraped"]

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass(frozen=True, slots=True)
class Scrape:
    """One page.

    Attributes:
        types: of each metric, by name.
        samples: the value of each series, by name and labels in order.
    """

    types: Mapping[str, str]
    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    def __call__(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's series that have these labels; 0 where there are none."""
        wanted = labels.items()
        return sum(value for (each, has), value in self.samples.items() if each == f"gateway_{name}" and wanted <= has)


async def scraped(client: httpx2.AsyncClient, url: str = "/metrics") -> Scrape:
    """Ask for both formats, and return what both say."""
    plain = await client.get(url)
    assert (plain.status_code, plain.headers["content-type"].split(";")[0]) == (200, "text/plain")
    opened = await client.get(url, headers={"accept": OPENMETRICS})
    assert opened.headers["content-type"].startswith("application/openmetrics-text")
    read = [_read(read_text(plain.text)), _read(read_openmetrics(opened.text))]  # type: ignore[no-untyped-call] # theirs
    assert read[0].samples == read[1].samples
    return read[1]


def _read(families: Any) -> Scrape:
    found = list(families)
    samples = {(each.name, frozenset(each.labels.items())): each.value for one in found for each in one.samples}
    return Scrape({family.name: family.type for family in found}, samples)
