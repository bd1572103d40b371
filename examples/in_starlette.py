"""A plain Starlette application with the gateway inside it, behind the application's own authentication middleware.

    uvicorn examples.in_starlette:app

The demo page is at /extraction/ and asks for the key; a client gives it as its token, or in the header X-Api-Key.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from gateway import Gateway

USERS = {"key-of-ann": "ann"}  # an application has its own


class ApiKeys(AuthenticationBackend):
    """Knows users by a header, for every route of the application, the mounted ones too."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Return who asks, or nobody."""
        user = USERS.get(conn.headers.get("x-api-key", ""))
        return None if user is None else (AuthCredentials(["authenticated"]), SimpleUser(user))


async def user_of(connection: HTTPConnection, credential: str | None) -> str | None:
    """Return whom the middleware has found, else whose key the client says: a page cannot set a WebSocket's headers."""
    return connection.user.display_name if connection.user.is_authenticated else USERS.get(credential or "")


gateway = Gateway(authenticate=user_of)


@gateway.extractor()
class Note(BaseModel):
    """A short note."""

    title: str
    people: list[str]


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Close the gateway with the application."""
    async with gateway:
        yield


async def home(_: HTTPConnection) -> PlainTextResponse:
    """Stand for the rest of the application."""
    return PlainTextResponse("the application's own page")


app = Starlette(
    routes=[Route("/", home), Mount("/extraction", gateway.app)],
    middleware=[Middleware(AuthenticationMiddleware, backend=ApiKeys())],
    lifespan=lifespan,
)
