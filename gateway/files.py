"""The pages and the client's files as they go out: compressed where that is understood, and not again where kept.

What is compressed is another text under the same name, so that a validator of either is a weak one (RFC 9110 §8.8.1),
and `HEAD` says what `GET` would: it is answered as one, without the text.
"""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["folder", "page"]


def folder(path: Path) -> ASGIApp:
    """Return the application that serves the files of a folder, which pages of any origin may import."""
    return _Sent(GZipMiddleware(StaticFiles(directory=path)), **{"access-control-allow-origin": "*"})


def page(path: Path) -> ASGIApp:
    """Return the application that serves one file, whatever it is asked for as."""
    return _Sent(GZipMiddleware(_Page(path)))


class _Page:
    def __init__(self, path: Path) -> None:
        self._files = StaticFiles(directory=path.parent)
        self._name = path.name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._files.get_response(self._name, scope)
        await response(scope, receive, send)


class _Sent:
    def __init__(self, app: ASGIApp, **headers: str) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"
        has_ended = False

        async def sent(message: Message) -> None:
            nonlocal has_ended
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                _mark(headers)
            elif is_head:
                if has_ended:
                    return
                has_ended, message = True, {"type": "http.response.body"}
            await send(message)

        await self._app({**scope, "method": "GET"} if is_head else scope, receive, sent)


def _mark(headers: MutableHeaders) -> None:
    headers["vary"] = "Accept-Encoding"
    etag = headers.get("etag", "W/")
    if not etag.startswith("W/"):
        headers["etag"] = f"W/{etag}"
