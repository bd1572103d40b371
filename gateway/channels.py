"""Who follows which channel, and what they are told of its extractions (PROTOCOL.md §3, `follow`)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from gateway.core.extraction import State

__all__ = ["Channels", "Entry", "Follower", "News", "now_utc"]


class Entry(NamedTuple):
    """Where an extraction is announced.

    Attributes:
        realm: whose channel it is; others with the same name are other channels.
        channel: its name.
        extraction: the extraction's name.
        extractor: the name of what it extracts with.
    """

    realm: str
    channel: str
    extraction: str
    extractor: str


class News(NamedTuple):
    """What happened to an extraction.

    Attributes:
        entry: which, and where.
        state: the state that it is in now.
        at: when that was, RFC 3339 in UTC.
    """

    entry: Entry
    state: State
    at: str


class Follower(Protocol):
    """Whoever hears of a channel."""

    def hear(self, news: News) -> None:
        """Take the news; newer ones of the same extraction take their place."""
        ...


def now_utc() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


class Channels:
    """The channels of this node: each has those who follow it, and the newest state of what runs or is retained.

    Args:
        clock: tells the time of day.
    """

    def __init__(self, clock: Callable[[], datetime] = now_utc) -> None:
        """Begin without any."""
        self._clock = clock
        self._followers: dict[tuple[str, str], dict[Follower, None]] = {}
        self._newest: dict[tuple[str, str], dict[str, News]] = {}  # by extraction

    def __len__(self) -> int:
        """Count the channels that are followed, or have an extraction."""
        return len(self._followers.keys() | self._newest.keys())

    def follow(self, realm: str, channel: str, follower: Follower) -> None:
        """Begin to hear of a channel: at first of all that runs or is retained."""
        self._followers.setdefault((realm, channel), {})[follower] = None
        for news in tuple(self._newest.get((realm, channel), {}).values()):
            follower.hear(news)

    def unfollow(self, realm: str, channel: str, follower: Follower) -> None:
        """Stop hearing of it."""
        followers = self._followers.get((realm, channel), {})
        followers.pop(follower, None)
        if not followers:
            self._followers.pop((realm, channel), None)

    def tell(self, entry: Entry, state: State) -> None:
        """Tell everybody who follows what happened."""
        place = entry.realm, entry.channel
        news = News(entry, state, _written(self._clock()))
        self._newest.setdefault(place, {})[entry.extraction] = news
        for follower in tuple(self._followers.get(place, ())):
            follower.hear(news)

    def forget(self, entry: Entry) -> None:
        """Forget an extraction that is retained no longer."""
        place = entry.realm, entry.channel
        newest = self._newest.get(place, {})
        newest.pop(entry.extraction, None)
        if not newest:
            self._newest.pop(place, None)


def _written(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
