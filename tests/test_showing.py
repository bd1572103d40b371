"""The ways to look at a run from inside its process."""

import asyncio
import json
from collections.abc import Callable

import pytest
from pydantic import BaseModel

from gateway import Gateway, showing
from gateway.audience import Audience
from gateway.core.messages import Extract
from gateway.jobs import Jobs
from gateway.ports import Finish, ModelState, ProviderRequest
from gateway.providers.scripted import Gate, ScriptedProvider, Step, written
from gateway.registry import Extractor
from gateway.showing import Show
from tests.fakes.gateways import opened

pytestmark = pytest.mark.anyio


class Note(BaseModel):
    """What is extracted."""

    text: str


class Host(ScriptedProvider):
    """A provider that runs its model itself."""

    state = ModelState.LOADING
    model = "own"
    slots = 1
    is_small = True

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Hear of every change of state."""


def started(gateway: Gateway) -> Audience:
    """Start a run of a note."""
    jobs = Jobs(gateway.registry, limits=gateway.limits, model=None, has_inline_schemas=False)
    gateway.extractor()(Note)
    extractor: Extractor = gateway.registry.get("note")
    audience, _ = gateway.hub.start(jobs.job(Extract(id="a", input="text"), extractor))
    return audience


async def test_a_slow_reader_loses_revisions_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is bounded; the validated value and the ending always come."""
    monkeypatch.setattr(showing, "_WAITING_CHARS", 1_000)
    text = json.dumps({"text": "word " * 100})
    async with opened(ScriptedProvider(written(text))) as gateway:
        audience = started(gateway)
        lines = showing._Lines(audience, 0)
        audience.listen(lines)
        await Show(audience, gateway.provider, None, 0).ending()
        *snapshots, last, ending = [json.loads(line) for line in lines.taken().splitlines()]
    assert sum(len(json.dumps(snapshot)) for snapshot in snapshots) < 1_200
    assert (last["value"], last["final"], ending["type"]) == ({"text": "word " * 100}, True, "completed")
    assert ending["rev"] == last["rev"] > 100


async def test_the_stages_of_a_model_that_is_run_here() -> None:
    """Loading, waiting, writing, checking; how it went is told with its name."""
    asked, first, rest, end = (asyncio.Event() for _ in range(4))

    def script(_: ProviderRequest) -> list[Step]:
        asked.set()
        return [Gate(first), '{"text": "a', Gate(rest), 'b"}', Gate(end), Finish("stop")]

    provider = Host(script, name="local")
    async with opened(provider) as gateway:
        audience = started(gateway)
        show, news = Show(audience, provider, provider.model, 0), showing._News(0)
        audience.listen(news)
        stages = [show._stage()]
        await asked.wait()
        stages.append(show._stage())
        provider.state = ModelState.READY
        stages.append(show._stage())
        for gate in (first, rest):
            gate.set()
            await news.heard()
            stages.append(show._stage())
        end.set()
        ending = await show.ending()
        stages.append(show._stage())
    assert stages == ["queued", "loading the model", "waiting for the first word", "writing", "checking", "completed"]
    assert show.facts(ending) == ("4 tokens (estimated)", "3 revisions", "local own")
