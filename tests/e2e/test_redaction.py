"""What may not be shown: nowhere, over a real socket, in process, in hooks, in no encoding, failure or log."""

import json
import logging
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, field_validator
from websockets.asyncio.client import connect

from gateway import Stream
from gateway.errors import GatewayError
from gateway.hooks import Report
from gateway.ports import Finish, Reasoning
from gateway.providers.scripted import ScriptedProvider
from tests.fakes.gateways import gateway_with, served

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

SECRET = "4929-1234-k3c3"


class Payment(BaseModel):
    """Something paid."""

    name: str
    card: Annotated[str, Stream(redact=True), Field(max_length=20)]


class Payments(BaseModel):
    """What is extracted."""

    payments: list[Payment]


GOOD = json.dumps({"payments": [{"name": "Ann", "card": SECRET}, {"name": "Bo", "card": SECRET}]})
BAD = json.dumps({"payments": [{"name": "Ann", "card": SECRET * 3}]})
MISPLACED = json.dumps({"payments": [{"name": "Ann", "payment": {"card": SECRET}, "card": {SECRET: [SECRET]}}]})


def pieces(text: str) -> list[Any]:
    """Return a script in small pieces, with a thought in front."""
    return [Reasoning(SECRET), *[text[at : at + 3] for at in range(0, len(text), 3)], Finish("stop")]


async def frames(url: str, **options: Any) -> list[str]:
    """Return all that a watch is sent."""
    async with connect(url.replace("http", "ws") + "/v1/ws", subprotocols=["extraction.v1"], proxy=None) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "hello"}))
        asked = {"type": "extract", "id": "a", "extractor": "payments", "input": "x", "interval_ms": 0}
        await socket.send(json.dumps(asked | options))
        seen: list[str] = []
        async for frame in socket:
            seen.append(str(frame))
            if json.loads(frame)["type"] in {"completed", "failed", "incomplete", "error"}:
                break
    return seen


@pytest.mark.parametrize("encoding", ["snapshot", "patch", "append", "items", "text"])
@pytest.mark.parametrize("text", [GOOD, BAD, MISPLACED])
async def test_nothing_of_it_leaves_the_gateway(encoding: str, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """Valid or not, asked again or not, with reasoning and progress; the hooks see what everybody sees."""
    caplog.set_level(logging.DEBUG)
    gateway = gateway_with(ScriptedProvider(pieces(text)))
    gateway.extractor(retries=1)(Payments)
    reports: list[Report] = []
    for event in ("update", "retry", "error", "end"):
        gateway.on(event)(reports.append)
    async with served(gateway) as running:
        seen = await frames(running.url, encoding=encoding, reasoning=True, progress=True)
    ending = json.loads(seen[-1])
    assert ending["type"] == ("completed" if text is GOOD else "failed")
    shown = "".join(seen) + caplog.text + repr(reports)
    assert SECRET[:4] not in shown
    assert reports


async def test_a_transform_shows_what_it_will() -> None:
    """The end of a number, say; the digest is that of what is shown."""
    gateway = gateway_with(ScriptedProvider(pieces(GOOD)))
    gateway.extractor(redact=lambda _, value: f"…{str(value)[-4:]}")(Payments)
    async with served(gateway) as running:
        seen = [json.loads(frame) for frame in await frames(running.url, encoding="snapshot")]
    assert [payment["card"] for payment in seen[-2]["value"]["payments"]] == ["…k3c3", "…k3c3"]
    assert (seen[-2]["final"], seen[-1]["type"]) == (True, "completed")


async def test_a_fault_of_a_validator_is_logged_without_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    """Where it was raised is told, and of which type; its message quotes the value."""

    class Faulty(Payments):
        @field_validator("payments")
        @classmethod
        def fails(cls, payments: list[Payment]) -> list[Payment]:
            raise RuntimeError(payments[0].card)

    gateway = gateway_with(ScriptedProvider(pieces(GOOD)))
    gateway.extractor(name="payments")(Faulty)
    async with served(gateway) as running:
        seen = await frames(running.url, encoding="patch")
    assert json.loads(seen[-1])["error"]["code"] == "internal"
    assert SECRET[:4] not in "".join(seen) + caplog.text
    assert "RuntimeError (message redacted)" in caplog.text
    assert "in fails" in caplog.text


async def test_in_process_too() -> None:
    """Partials and errors."""
    seen: list[str] = []
    async with gateway_with(ScriptedProvider(pieces(BAD))) as gateway:
        with pytest.raises(GatewayError) as raised:
            seen += [repr(partial) async for partial in gateway.stream(Payments, "x", interval=0)]
    assert SECRET[:4] not in "".join(seen)
    assert SECRET[:4] not in repr((raised.value.message, raised.value.errors, raised.value.value))
    assert raised.value.errors[0]["path"] == "/payments/0/card"
