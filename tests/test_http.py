"""What end points over HTTP share: bodies, content types, credentials, refusals."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from gateway.errors import BadRequest, OverCapacity, Unauthenticated
from gateway.http import Rejected, bearer, body_of, object_in, refusal

pytestmark = pytest.mark.anyio


def request_of(*chunks: bytes, headers: Iterable[tuple[bytes, bytes]] = (), then: Any = None) -> Request:
    """Return a request whose body comes in chunks, and then does not go on, or ends as `then` says."""

    async def messages() -> AsyncGenerator[Message]:
        for number, chunk in enumerate(chunks, 1):
            is_last = then is None and number == len(chunks)
            yield {"type": "http.request", "body": chunk, "more_body": not is_last}
        if then == "leaves":
            yield {"type": "http.disconnect"}
        await asyncio.Event().wait()

    receive: Callable[[], Any] = messages().__anext__
    return Request({"type": "http", "method": "POST", "headers": list(headers)}, receive)


async def read(request: Request) -> bytes:
    """Read a body of at most ten bytes, within a moment."""
    return await body_of(request, most_bytes=10, timeout_s=0.02)


async def test_a_body_in_bounds() -> None:
    """In one piece or several, up to the last byte."""
    assert await read(request_of(b"{}")) == b"{}"
    assert await read(request_of(b"12345", b"", b"67890")) == b"1234567890"


async def test_a_body_that_is_too_long() -> None:
    """Is read to its end, so that the line can go on, and refused."""
    with pytest.raises(Rejected) as rejected:
        await read(request_of(*[b"x" * 1_000] * 100))
    answer = refusal(rejected.value.error, rejected.value.status, is_last=rejected.value.is_last)
    assert (answer.status_code, "connection" in answer.headers) == (413, False)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (request_of(b"12345", b"678901", then="hangs"), 413),
        (request_of(headers=[(b"content-length", b"11")], then="hangs"), 413),
        (request_of(headers=[(b"content-length", b"9" * 4_000)], then="hangs"), 413),
        (request_of(b"{", then="hangs"), 408),
        (request_of(b"{", then="leaves"), 408),
    ],
    ids=["longer", "said to be longer", "said to be endless", "slow", "cut"],
)
async def test_a_body_that_is_not_read_to_its_end(request_: Request, status: int) -> None:
    """Is refused with its status, and nothing more is taken from that line."""
    with pytest.raises(Rejected) as rejected:
        await read(request_)
    answer = refusal(rejected.value.error, rejected.value.status, is_last=rejected.value.is_last)
    assert (answer.status_code, answer.headers["connection"]) == (status, "close")


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/json;x"])
def test_json_is_taken(content_type: str) -> None:
    """However its type is written."""
    assert object_in(b' {"a": [1]}', content_type) == {"a": [1]}


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jso"],
)
def test_what_a_form_can_send_is_not(content_type: str | None) -> None:
    """415, though it be JSON."""
    with pytest.raises(Rejected) as rejected:
        object_in(b"{}", content_type)
    assert (rejected.value.status, rejected.value.error.code) == (415, "bad_request")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"{} {}", b"\xff", b'{"a": NaN}', b"[" * 1_000])
def test_what_is_no_object(body: bytes) -> None:
    """Whatever else it is."""
    with pytest.raises(BadRequest):
        object_in(body, "application/json")


@pytest.mark.parametrize(
    ("header", "credential"),
    [
        (None, None),
        (b"Bearer s3cret", "s3cret"),
        (b"bearer  s3cret ", "s3cret"),
        ("Bearer s3cret-é".encode(), "s3cret-é"),
        ("Bearer s3cret-é".encode("latin-1"), "s3cret-é"),
        (b"Basic czNjcmV0", None),
        (b"s3cret", None),
        (b"Bearer", ""),
    ],
)
def test_a_credential_is_behind_its_scheme(header: bytes | None, credential: str | None) -> None:
    """In UTF-8, or as browsers write letters beyond ASCII."""
    headers = [] if header is None else [(b"authorization", header)]
    assert bearer(request_of(headers=headers)) == credential


def test_a_refusal_says_what_to_do_next() -> None:
    """As headers that HTTP has for it; nobody keeps it."""
    unknown, full = refusal(Unauthenticated("no", param="token")), refusal(OverCapacity("no", retry_after_ms=1_200))
    assert (unknown.status_code, unknown.headers["www-authenticate"]) == (401, "Bearer")
    assert (full.status_code, full.headers["retry-after"]) == (503, "2")
    assert {each.headers["cache-control"] for each in (unknown, full)} == {"no-store"}
    assert json.loads(bytes(unknown.body)) == {
        "type": "error",
        "code": "unauthenticated",
        "message": "no",
        "param": "token",
        "retryable": False,
    }
