"""A FastAPI application with the gateway inside it, which lets in whoever the application knows.

    uvicorn examples.in_fastapi:app

The demo page is at /extraction/, the WebSocket at /extraction/v1/ws; POST /logins sets the cookie both go by.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from gateway import Gateway

logins: dict[str, str] = {}  # session → user; an application has its own


def user_of(connection: HTTPConnection, credential: str | None = None) -> str | None:
    """Return whose session this is: a browser's cookie, or the token of a client that has no cookies."""
    return logins.get(connection.cookies.get("session") or credential or "")


gateway = Gateway(authenticate=user_of)


@gateway.extractor(instructions="Extract what a customer wants.", mode="json_schema")
class Ticket(BaseModel):
    """A support ticket, from a customer's mail."""

    subject: str = Field(description="in a few words")
    name: str
    email: str | None = None


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the gateway with the application."""
    async with gateway:
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/extraction", gateway.app)


@app.post("/logins")
async def log_in(user: str, response: Response) -> dict[str, str]:
    """Let a user in; an application asks for a password first."""
    session = secrets.token_urlsafe()
    logins[session] = user
    response.set_cookie("session", session, httponly=True, samesite="strict")
    return {"user": user}


def known_user(connection: HTTPConnection) -> str:
    """Return who asks, by the same word as the WebSocket's."""
    user = user_of(connection)
    if user is None:
        raise HTTPException(401)
    return user


@app.post("/tickets")
async def make_ticket(mail: str, _: Annotated[str, Depends(known_user)]) -> Ticket:
    """Extract without a WebSocket: the last partial is the validated model."""
    partials = [partial async for partial in gateway.stream(Ticket, mail)]
    return partials[-1].model
