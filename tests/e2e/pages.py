"""The demo page in a browser, and what may stand on the line between it and its gateway."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from playwright.async_api import Browser, Page, WebSocketRoute, expect

__all__ = ["REPORT_VIOLATIONS", "Between", "lane", "opened", "says"]

Message: TypeAlias = dict[str, Any]

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
});
"""


@dataclass  # without slots: playwright keeps a note of its own on whoever owns a handler
class Between:
    """What hands the messages on, changes them, and answers itself where it is told to.

    Attributes:
        provider: what the welcome says of the provider, in the gateway's place.
        answers: given an `extract`, what to say; none hands it on.
        refuses: given a `follow`, the error to say; none hands it on.
        holds: whether updates beyond revision 0 are kept back.
        sent: what the page sent.
    """

    provider: Message | None = None
    answers: Callable[[Message], list[Message]] | None = None
    refuses: Message | None = None
    holds: bool = False
    sent: list[Message] = field(default_factory=list)
    _socket: WebSocketRoute | None = None

    def route(self, socket: WebSocketRoute) -> None:
        """Stand between a socket of the page and the gateway."""
        self._socket = socket
        gateway = socket.connect_to_server()
        socket.on_message(lambda frame: self._up(json.loads(frame), gateway))
        gateway.on_message(lambda frame: self._down(json.loads(frame)))

    def say(self, *messages: Message) -> None:
        """Say to the page what the gateway did not."""
        assert self._socket is not None
        for message in messages:
            self._socket.send(json.dumps(message))

    async def cut(self) -> None:
        """Drop the line, as a bad one would."""
        assert self._socket is not None
        await self._socket.close(code=4000, reason="cut")

    @property
    def asked(self) -> list[Message]:
        """Return the extractions that the page asked for."""
        return [message for message in self.sent if message["type"] == "extract"]

    def _up(self, message: Message, gateway: WebSocketRoute) -> None:
        self.sent.append(message)
        if self.answers and message["type"] == "extract":
            self.say(*self.answers(message))
        elif self.refuses and message["type"] == "follow":
            self.say({"type": "error", "id": message["id"], **self.refuses})
        else:
            gateway.send(json.dumps(message))

    def _down(self, message: Message) -> None:
        if message["type"] == "welcome" and self.provider:
            message["provider"] = self.provider
        if not (self.holds and message.get("rev", 0) > 0):
            self.say(message)


@asynccontextmanager
async def opened(browser: Browser, url: str, between: Between | None = None, **device: Any) -> AsyncGenerator[Page]:
    """Open a page that plays nothing by itself, unless `url` has a query of its own.

    What is between it and the gateway stands there; whatever it complains about fails the test.
    """
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **device})
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.add_init_script(REPORT_VIOLATIONS)
    if between:
        await page.route_web_socket("**/v1/ws", between.route)
    await page.goto(url if "?" in url else f"{url}/?play=0")
    yield page
    assert complaints == []


async def says(page: Page, selector: str, words: str) -> None:
    """Wait until what can be seen of an element has these words; some have others that are hidden."""
    await expect(page.locator(selector)).to_contain_text(words, use_inner_text=True)


def lane(number: int, state: str) -> str:
    """Return the selector of a lane in a state."""
    return f'.lane[data-lane="{number}"][data-state="{state}"]'
