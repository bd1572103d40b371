"""What zod says of its schemas is what a real gateway takes as inline schemas."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.client import connect
from gateway.errors import InvalidOutput
from tests.fakes.gateways import Served
from tests.fakes.openai_server import FakeOpenAI, Reply
from tools import node

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

_SCRIPT = Path(__file__).parent.parent / "static" / "zod.mjs"


@pytest.fixture(scope="module")
def zod_schemas() -> list[dict[str, Any]]:
    """Return each schema with a value that zod itself takes."""
    output = subprocess.run([*node.command("node"), str(_SCRIPT)], check=True, capture_output=True).stdout
    said: list[dict[str, Any]] = json.loads(output)
    assert all(each["success"] for each in said)
    return said


async def test_each_schema_is_taken_and_its_value_is_valid(
    gateway: Served, fake: FakeOpenAI, zod_schemas: list[dict[str, Any]]
) -> None:
    """The value that the model writes comes out as it is, whichever words zod has for its schema."""
    async with connect(gateway.url.replace("http", "ws") + "/v1/ws") as session:
        for each in zod_schemas:
            value = each["value"]
            written = {"value": value} if isinstance(value, list) else value
            fake.reply(Reply([json.dumps(written)]))
            assert await session.extract(schema=each["schema"], input="x").result() == value, each["name"]


async def test_a_value_that_zod_refuses_is_refused(
    gateway: Served, fake: FakeOpenAI, zod_schemas: list[dict[str, Any]]
) -> None:
    """A format, a pattern and an enumeration count."""
    schemas = {each["name"]: each for each in zod_schemas}
    async with connect(gateway.url.replace("http", "ws") + "/v1/ws") as session:
        for name, wrong in [("formats", {"code": "gb"}), ("formats", {"day": "1 March"}), ("enums", {"mood": "fair"})]:
            value = {**schemas[name]["value"], **wrong}
            fake.reply(Reply([json.dumps(value)]))
            with pytest.raises(InvalidOutput):
                await session.extract(schema=schemas[name]["schema"], input="x").result()
