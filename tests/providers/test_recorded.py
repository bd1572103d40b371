"""Recordings: what is played, with which pauses, and how they are made."""

import json
import math
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from gateway.errors import ProviderError
from gateway.ports import Delta, Finish, Provider, ProviderRequest, Reasoning, Text, Usage
from gateway.providers.recorded import RecordedProvider, Recording, RecordingProvider
from gateway.providers.scripted import Pause, ScriptedProvider, Step
from gateway.recordings import CONFERENCE_RECORDING, CONFERENCE_TEXT, Conference, shipped_recordings

pytestmark = pytest.mark.anyio

_RECORDING = Recording(
    input="Who?\n",
    source="by hand",
    deltas=((100, Reasoning("hm")), (20, '{"a":'), (30, "1}"), (0, Usage(3, 5)), (5, Finish("stop"))),
)


class _Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.now_s += seconds
        self.pauses_s.append(seconds)

    def __call__(self) -> float:
        """The time now."""
        return self.now_s


def _request(*contents: object) -> ProviderRequest:
    asked: list[Mapping[str, Any]] = [{"role": "user", "content": content} for content in contents]
    return ProviderRequest(messages=({"role": "system", "content": "Brief."}, *asked), schema={}, schema_name="Who")


async def _read(provider: Provider, request: ProviderRequest) -> list[Delta]:
    return [delta async for delta in provider.stream(request)]


async def test_a_recording_is_played_for_its_input() -> None:
    """The last user message finds the recording, white space around it aside."""
    provider = RecordedProvider([_RECORDING], speed=0)
    deltas = await _read(provider, _request("Else?", "  Who? "))
    assert deltas == [Reasoning("hm"), Text('{"a":'), Text("1}"), Usage(3, 5), Finish("stop")]


async def test_a_message_in_parts_is_its_text() -> None:
    """Text parts count, pictures do not."""
    parts = [
        {"type": "text", "text": "Wh"},
        {"type": "image_url", "image_url": {}},
        {"type": "text", "text": "o?"},
    ]
    assert len(await _read(RecordedProvider([_RECORDING], speed=0), _request(parts))) == 5


@pytest.mark.parametrize("request_", [_request("Where?"), _request(), _request(7)], ids=["other", "none", "odd"])
async def test_no_recording_says_what_to_do(request_: ProviderRequest) -> None:
    """Another text is refused with the way to a model, which holds also where `recorded` was asked for."""
    with pytest.raises(
        ProviderError, match=r"run the provider `openai` with OPENAI_API_KEY .* or the provider `local`"
    ):
        await _read(RecordedProvider([_RECORDING]), request_)


@pytest.mark.parametrize(
    ("speed", "pauses_s"),
    [
        (1, [0.1, 0.02, 0.03, 0, 0.005]),
        (10, [0.01, 0.002, 0.003, 0, 0.0005]),
        (0, [0] * 5),
        (math.inf, [0] * 5),
    ],
)
async def test_speed(speed: float, pauses_s: list[float]) -> None:
    """Pauses are as recorded, divided by the speed; at 0 and at infinity there are none."""
    clock = _Clock()
    await _read(RecordedProvider([_RECORDING], speed=speed, sleep=clock.sleep), _request("Who?"))
    assert clock.pauses_s == pytest.approx(pauses_s)


def test_texts_are_counted() -> None:
    """Two recordings of one text are one: the last one plays."""
    assert RecordedProvider([_RECORDING, _RECORDING, CONFERENCE_RECORDING]).texts == 2


def test_a_recording_survives_its_file() -> None:
    """What is written is read back the same, and is plain JSON with one delta to a line."""
    text = _RECORDING.to_json()
    assert Recording.from_json(text) == _RECORDING
    assert json.loads(text)["deltas"][1:3] == [[20, '{"a":'], [30, "1}"]]
    assert json.loads(text)["deltas"][-1] == [5, {"type": "finish", "reason": "stop"}]
    assert len(text.splitlines()) == 2 + len(_RECORDING.deltas)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": "extraction-recording.v2", "input": "", "source": "", "deltas": []}']
)
def test_another_file_is_refused(text: str) -> None:
    """Only this format is read."""
    with pytest.raises(msgspec.DecodeError):
        Recording.from_json(text)


async def test_recording_keeps_what_passes() -> None:
    """A recorder passes every delta on, and its recording plays the same ones with the same pauses."""
    clock = _Clock()
    steps: list[Step] = [Pause(0.25), "a", Pause(0.0306), "b", Usage(1, 2), Finish("stop")]
    recorder = RecordingProvider(ScriptedProvider(steps, sleep=clock.sleep), clock_s=clock)
    deltas = await _read(recorder, _request("Who?"))
    assert recorder.recording("a test") == Recording(
        input="Who?",
        source="a test",
        schema_name="Who",
        deltas=((250, "a"), (31, "b"), (0, Usage(1, 2)), (0, Finish("stop"))),
    )
    assert await _read(RecordedProvider([recorder.recording("a test")], speed=0), _request("Who?")) == deltas


def test_nothing_recorded_yet() -> None:
    """Before the first request there is no recording to ask for."""
    with pytest.raises(LookupError):
        RecordingProvider(ScriptedProvider([])).recording("a test")


async def test_closing_the_recorder_closes_the_stream_behind_it() -> None:
    """A stream that is closed early is closed at the provider too, and what came is kept."""
    provider = ScriptedProvider(["a", "b"])
    recorder = RecordingProvider(provider)
    deltas = recorder.stream(_request("Who?"))
    await anext(deltas)
    await deltas.aclose()
    assert (provider.open_streams, len(recorder.recording("a test").deltas)) == (0, 1)


async def test_the_shipped_recording_is_the_conference() -> None:
    """The conference text gives the four people it names and what was agreed, as its schema wants it."""
    provider = RecordedProvider(shipped_recordings(), speed=0)
    deltas = await _read(provider, _request(CONFERENCE_TEXT))
    answer = "".join(delta.text for delta in deltas if isinstance(delta, Text))
    conference = Conference.model_validate_json(answer, strict=True)
    facts = [user_fact for user in conference.users for user_fact in (user.name, user.email, user.twitter)]
    assert all(fact in CONFERENCE_TEXT for fact in [*facts, conference.date, conference.deadline])
    assert (len(conference.users), conference.budget, deltas[-1]) == (4, 50_000, Finish("stop"))


def test_the_shipped_recording_says_where_it_comes_from() -> None:
    """A recording made by hand does not pass for a model's."""
    assert CONFERENCE_RECORDING.source.startswith("written by hand")
