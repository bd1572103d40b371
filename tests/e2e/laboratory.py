"""A page with a real React, served from loopback beside a gateway: bundled beforehand, its import map inline.

Only this page's policy allows that map, by its hash. The gateway serves its own files as ever.
"""

import hashlib
import json
import shutil
import subprocess
import threading
from base64 import b64encode
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.e2e.pages import REPORT_VIOLATIONS
from tools import node

__all__ = ["LAB", "laboratory", "opened_at"]

LAB = Path(__file__).parent.parent / "static" / "react"

_TALK = {"log", "info"}  # react tells of its developer tools
_CLIENT = LAB.parent.parent.parent / "static" / "client"
_IMPORTS = json.dumps(
    {
        "imports": {
            "react": "/react.js",
            "react/jsx-runtime": "/react.js",
            "react-dom/client": "/react.js",
            "zod": "/zod.js",
            "extraction-gateway-client": "/client/index.js",
            "extraction-gateway-client/react": "/client/react.js",
        }
    }
)
_HASH = b64encode(hashlib.sha256(_IMPORTS.encode()).digest()).decode()
_POLICY = f"default-src 'none'; script-src 'self' 'sha256-{_HASH}'; connect-src ws://127.0.0.1:*; img-src data:"
_PAGE = f"""<!doctype html>
<html lang="en">
  <head>
    <title>React</title>
    <link rel="icon" href="data:," />
    <script type="importmap">{_IMPORTS}</script>
  </head>
  <body><div id="root"></div></body>
  <script type="module" src="%s"></script>
</html>
"""


class _Files(SimpleHTTPRequestHandler):
    """Serves a folder under the page's policy, and says nothing."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", _POLICY)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def laboratory(folder: Path, *files: Path) -> Iterator[str]:
    """Build a page `NAME.html` of each component file, serve them with React, zod and the client; give the address."""
    command = [*node.command("node"), str(LAB / "build.mjs"), str(folder), *map(str, files)]
    subprocess.run(command, check=True)
    shutil.copytree(_CLIENT, folder / "client", dirs_exist_ok=True)
    for file in files:
        (folder / f"{file.stem}.html").write_text(_PAGE % f"/{file.stem}.js")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, name="laboratory")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@asynccontextmanager
async def opened_at(browser: Browser, url: str) -> AsyncGenerator[Page]:
    """Open a page; whatever it complains about fails the test."""
    page = await browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type not in _TALK else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.add_init_script(REPORT_VIOLATIONS)
    await page.goto(url)
    yield page
    assert complaints == [], complaints
