"""The recordings that ship with the gateway, and the models they were made for.

The conference text is the example by which streamed extraction is usually shown. Its schema often asks for at
least five people; the text names four, so ours does not.
"""

from importlib.resources import files

from pydantic import BaseModel

from gateway.providers.recorded import Recording

__all__ = ["CONFERENCE_RECORDING", "CONFERENCE_TEXT", "Conference", "User", "shipped_recordings"]


class User(BaseModel):
    """Somebody who took part."""

    name: str
    email: str
    twitter: str


class Conference(BaseModel):
    """What was agreed about a conference."""

    users: list[User]
    date: str
    location: str
    budget: int
    deadline: str


CONFERENCE_RECORDING = Recording.from_json(files(__name__).joinpath("conference.json").read_bytes())
"""One answer for `CONFERENCE_TEXT`; its `source` says how it came to be."""

CONFERENCE_TEXT = CONFERENCE_RECORDING.input
"""The text that `Conference` is taken from."""


def shipped_recordings() -> list[Recording]:
    """What plays without a key."""
    return [CONFERENCE_RECORDING]
