"""README.md, PROTOCOL.md and docs/ about the code: what they show runs, what they list is what there is."""

import argparse
import importlib
import json
import mimetypes
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser
from starlette.applications import Starlette

from gateway.cli import _parser
from gateway.core import frames, messages
from gateway.core.building import REPAIR_KINDS
from gateway.core.document import Document, Encoding, View
from gateway.core.extraction import Extraction
from gateway.core.limits import Limits
from gateway.core.projection import Projection
from gateway.core.schema import Schema
from gateway.core.session import Phase, Send, Session
from gateway.core.transcript import Mark
from gateway.errors import ERRORS, BadRequest, CloseCode
from gateway.jobs import Jobs, view_of
from gateway.ports import Finish
from gateway.providers.recorded import RecordedProvider, Recording
from gateway.recordings import CONFERENCE_RECORDING, CONFERENCE_TEXT, Conference, shipped_recordings
from gateway.registry import DEFAULT_INSTRUCTIONS, Registry
from gateway.settings import Settings
from tests.fakes.client import greeted
from tests.fakes.gateways import gateway_with, served
from tests.fakes.transport import joined
from tools import node

Row = dict[str, str]
Frame = dict[str, Any]

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROTOCOL = (ROOT / "PROTOCOL.md").read_text()
GUIDES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("start", "encodings", "schemas")}
DOCUMENTS = [
    "README.md",
    "PROTOCOL.md",
    "docs/design.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(f"docs/{name}.md" for name in GUIDES),
]
WITH_FRAMES = [
    pytest.param(text, id=name)
    for name, text in {"README": README, "PROTOCOL": PROTOCOL, **GUIDES}.items()
    if "```jsonl" in text
]


def blocks(document: str, language: str) -> list[str]:
    """Return the texts of a document's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


def shown_frames(document: str) -> list[Frame]:
    """Return every frame that a document shows."""
    shown = [*blocks(document, "json"), *blocks(document, "jsonl")]
    return [json.loads(line) for block in shown for line in block.splitlines()]


def slug(heading: str) -> str:
    """Return what a link to a heading ends with."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def sections(document: str) -> dict[str, str]:
    """Return what stands under each heading, up to the next one."""
    parts = re.split(r"^#+ (.+)\n", document, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[Row]:
    """Return the rows of a text's tables, cells by column, without code marks."""
    lines = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    head, _, *body = [[cell.strip(" `") for cell in line.split("|")] for line in lines]
    return [dict(zip(head, row, strict=True)) for row in body]


SECTIONS = sections(PROTOCOL)
OF_MESSAGES = {name: title for title in SECTIONS if title.startswith("`") for name in re.findall(r"`(\w+)`", title)}
WATCH_OPTIONS = rows(SECTIONS["Watch options"])


def described(name: str) -> list[Row]:
    """Return the fields that PROTOCOL.md gives a message."""
    own = [row for row in rows(SECTIONS[OF_MESSAGES[name]]) if row.get("in", "all") in {"all", name}]
    return [*own, *WATCH_OPTIONS] if name in {"extract", "watch"} else own


def declared(message: type[Any]) -> dict[str, Any]:
    """Return the fields of a message's class by their name on the wire."""
    return {field.encode_name: field for field in msgspec.structs.fields(message)}


def by_name(*classes: type[Any]) -> dict[str, type[Any]]:
    """Return the classes of messages by their name on the wire."""
    return {str(message.__struct_config__.tag): message for message in classes}


FROM_CLIENT = messages.CLIENT_MESSAGES
TERMINALS = by_name(messages.Completed, messages.Incomplete, messages.Failed, messages.Cancelled)
FROM_SERVER = TERMINALS | by_name(
    messages.Welcome,
    messages.Provider,
    messages.Started,
    messages.Watching,
    messages.Reset,
    messages.Announcement,
    messages.Error,
    messages.GoAway,
)
UPDATES = {"snapshot", "patch"}
PARTS = {"item", "text", "reasoning"}


@pytest.mark.parametrize("name", FROM_CLIENT | FROM_SERVER)
def test_a_message_has_the_documented_fields(name: str) -> None:
    """The table under a message's heading and its class are the same; a terminal's id is put in for each watch."""
    there = declared((FROM_CLIENT | FROM_SERVER)[name]).keys() | ({"id"} if name in TERMINALS else set())

    assert sorted(row["field"] for row in described(name)) == sorted(there)


def test_the_documented_messages_are_those_there_are() -> None:
    """No message lacks its heading, and no heading its message."""
    assert OF_MESSAGES.keys() == FROM_CLIENT.keys() | FROM_SERVER.keys() | UPDATES | PARTS


@pytest.mark.parametrize("name", FROM_CLIENT)
def test_a_documented_default_is_the_default(name: str) -> None:
    """What a table gives no default is required, and what it gives one has that one."""
    there = declared(FROM_CLIENT[name])
    for row in described(name):
        field, told = there[row["field"]], row["default"]
        assert field.required is (told == ""), row
        if re.fullmatch(r'true|false|\d+|".*"', told):
            assert json.loads(told) == field.default, row


def test_each_limit_is_listed_with_its_default() -> None:
    """The table of limits and the limits that are enforced are the same."""
    told = {row["limit"]: float(row["default"].replace(",", "")) for row in rows(SECTIONS["10. Limits"])}

    assert told == {field.name: field.default for field in fields(Limits)}


def test_each_error_is_listed_with_its_retryability_and_status() -> None:
    """The table of error codes and the error tree are the same."""
    told = {row["code"]: (row["retryable"], int(row["HTTP status"])) for row in rows(SECTIONS["9. Error codes"])}

    assert told == {code: ("yes" if error.retryable else "no", error.http_status) for code, error in ERRORS.items()}


def test_each_kind_of_repair_is_listed() -> None:
    """The table of what is forgiven and the kinds there are."""
    assert [row["kind"] for row in rows(SECTIONS["Lenient reading"])] == list(REPAIR_KINDS)


def test_each_close_code_is_listed() -> None:
    """The table of close codes and the enumeration are the same."""
    assert [int(row["code"]) for row in rows(SECTIONS["8. Close codes"])] == list(CloseCode)


def test_each_setting_is_listed_with_its_default() -> None:
    """The README's table of variables and the settings are the same."""
    told = {row["variable"]: row["default"] for row in rows(sections(README)["Settings"])}
    defaults = {f"GATEWAY_{name.upper()}": field.default for name, field in Settings.model_fields.items()}

    assert told == {name: "none" if value in (None, ()) else str(value) for name, value in defaults.items()}


def test_each_sub_command_and_option_is_listed() -> None:
    """The README names every command with every option it has."""
    told = sections(README)["The command"]
    (commands,) = [action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]
    options = {option for command in commands.choices.values() for option in command._option_string_actions}

    assert set(re.findall(r"`gateway (\w+)", told)) == set(commands.choices)
    assert set(re.findall(r"--\w[\w-]*", told)) == {name for name in options if name.startswith("--")}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_link_to_a_heading_leads_to_one(name: str) -> None:
    """What stands behind the `#` of a link to a document is a heading of it."""
    text = (ROOT / name).read_text()
    for path, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text):
        target = (ROOT / name).parent / path if path else ROOT / name
        assert anchor in map(slug, sections(target.read_text())), f"{path}#{anchor}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_document_points_at_is_there(name: str) -> None:
    """Every link and every path of ours that a document names leads somewhere."""
    text = (ROOT / name).read_text()
    links = [(ROOT / name).parent / link for link in re.findall(r"\]\(([^)#:]+)\)", text)]
    paths = [ROOT / path for path in re.findall(r"`((?:gateway|static|docs|tools)/[\w./-]*)`", text)]

    assert [path for path in [*links, *paths] if not path.exists()] == []


NOT_OFFERED = {
    "grounding": True,
}


@pytest.mark.parametrize("param", NOT_OFFERED)
def test_a_wish_that_is_not_offered_is_refused_by_its_field(param: str) -> None:
    """The answer is bad_request with the field's name, also for a wish that changes little."""
    wish = {"type": "extract", "id": "a", "schema": {}, "input": "", param: NOT_OFFERED[param]}
    request = frames.read(json.dumps(wish), max_depth=9)
    assert isinstance(request, messages.Extract)
    jobs = Jobs(Registry(), limits=Limits(), model=None, has_inline_schemas=True)

    with pytest.raises(BadRequest) as caught:
        _ = view_of(request), jobs.job(request)
    assert caught.value.param == param


def test_what_is_refused_is_marked_and_listed() -> None:
    """The table of what is not offered, the marks beside the fields, and what is refused are the same."""
    told = {row["param"] for row in rows(SECTIONS["12. Not offered yet"])}
    marked = {row["field"] for row in described("extract") if "*not yet*" in row["meaning"]}

    assert told == {*NOT_OFFERED, "type"}
    assert marked == NOT_OFFERED.keys()


MINIMAL: dict[str, Frame] = {"credential": {}}


@pytest.mark.parametrize("name", MINIMAL)
def test_a_message_that_is_not_offered_is_refused_and_marked(name: str) -> None:
    """A session answers it with bad_request about its type, and its heading says so."""
    session = Session(limits=Limits())
    session.phase = Phase.OPEN
    (answer,) = session.receive(frames.read(json.dumps({"type": name, **MINIMAL[name]}), max_depth=9))

    assert isinstance(answer, Send)
    assert isinstance(answer.message, messages.Error)
    assert (answer.message.code, answer.message.param) == ("bad_request", "type")
    assert SECTIONS[f"`{name}`"].startswith("\n*Not yet*")


@pytest.mark.parametrize("document", WITH_FRAMES)
def test_each_frame_is_a_message(document: str) -> None:
    """What a client sends is read as the server reads it; what the server sends has the documented fields."""
    for frame in shown_frames(document):
        name = frame["type"]
        if name in FROM_CLIENT:
            frames.read(json.dumps(frame), max_depth=64)
            continue
        required = {row["field"] for row in described(name) if "," not in row["type"]}
        assert required <= frame.keys() - {"type"} <= {row["field"] for row in described(name)}
        if name in FROM_SERVER:
            msgspec.convert(frame, FROM_SERVER[name])


@pytest.mark.parametrize("document", WITH_FRAMES)
def test_each_update_is_what_the_server_sends(document: str) -> None:
    """Snapshots, patches and the ending that are shown are those of the conference recording."""
    shown = [frame for frame in shown_frames(document) if frame["type"] in UPDATES]
    completed = [frame for frame in shown_frames(document) if frame["type"] == "completed"]
    sent: list[Frame] = []
    for extraction in _conference():
        at_hand = [frame for frame in shown if frame["rev"] == extraction.document.rev]
        sent += [frame for frame in at_hand if frame in _updates(extraction.document, frame)]
        if extraction.terminal is not None:
            ending = msgspec.to_builtins(extraction.terminal)
            told = {name: ending[name] for name in ("type", "rev", "digest", "usage")}
            assert completed == [{**frame, **told} for frame in completed]

    assert [frame for frame in shown if frame not in sent] == []


@pytest.mark.parametrize("document", WITH_FRAMES)
def test_each_item_and_text_is_what_the_server_sends(document: str) -> None:
    """Those that are shown are those of the conference recording."""
    shown = [frame for frame in shown_frames(document) if frame["type"] in PARTS]
    *_, extraction = _conference()
    extraction.items.settle(extraction.items.verdicts())
    items = [json.loads("{" + extraction.items.body(number)) for number in range(extraction.items.closed)]
    text = json.loads("{" + extraction.text.since(Mark()).body)["text"]
    for frame in shown:
        if frame["type"] == "item":
            assert frame in [{"type": "item", "id": frame["id"], **item} for item in items]
        else:
            assert text[frame["at"] :].startswith(frame["text"])


NAMES = Projection(["/users/*/name"])


def _conference() -> Iterator[Extraction]:
    """Give the extraction of the conference recording at each of its revisions."""
    input_chars = len(DEFAULT_INSTRUCTIONS) + len(CONFERENCE_TEXT)
    schema, limits = Schema.from_model(Conference), Limits()
    extraction = Extraction(schema, epoch="", limits=limits, created_s=0, input_chars=input_chars)
    extraction.start(0)
    yield extraction
    for _, delta in CONFERENCE_RECORDING.deltas:
        if isinstance(delta, str):
            extraction.feed(delta, 0)
            yield extraction
    extraction.end(extraction.judge(), 0)
    yield extraction


def _updates(document: Document, frame: Frame) -> list[Frame]:
    """Return an update in every view there is, from where the frame starts, under its names."""
    names: Frame = {name: frame[name] for name in ("id", "epoch") if name in frame}
    views = [
        View(encoding, skeleton, progress, part)
        for encoding in Encoding
        for skeleton in (True, False)
        for progress in (True, False)
        for part in (None, NAMES)
    ]
    updates = [document.update(view, frame.get("from")) for view in views]
    return [{**json.loads("{" + update.body), "type": update.type, **names} for update in updates]


def shell_lines() -> Iterator[list[str]]:
    """Give each command that the README or a guide shows, in words; what reads from one is somebody else's."""
    for document in (README, *GUIDES.values()):
        for line in "".join(blocks(document, "sh")).splitlines():
            for command in re.split(r" (?:&&|(?=\| jq )) ?", line):
                if not command.startswith("| jq "):
                    yield shlex.split(command, comments=True)


def test_each_shell_line_is_a_command_there_is() -> None:
    """`make` targets exist, `gateway` accepts its arguments, variables are read, and compose has its file."""
    variables = {"OPENAI_API_KEY", "OPENAI_BASE_URL", *(f"GATEWAY_{name.upper()}" for name in Settings.model_fields)}
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in shell_lines():
        while re.match(r"[A-Z_]+=[^$]", words[0]):
            assert words.pop(0).partition("=")[0] in variables
        match words:
            case ["make", target]:
                assert target in targets
            case [".", ".venv/bin/activate"]:
                assert "venv --quiet --python $(PYTHON) .venv" in (ROOT / "Makefile").read_text()
            case ["gateway", *arguments]:
                assert callable(_parser().parse_args(arguments).run)
            case [assignment, _, _, _, "docker", "compose", *_] | [assignment, "docker", "compose", *_]:
                assert assignment.startswith("GATEWAY_TOKENS=")
                assert (ROOT / "docker-compose.yml").exists()
            case ["cp", "-r", source, "."]:
                assert (ROOT / source.removeprefix("../extraction-gateway/")).is_dir()
            case ["mkdir" | "cd", "minutes"] | ["pip", "install", "../extraction-gateway"]:
                pass
            case ["python3", "watch.py", _] | ["python3", "-m", "venv" | "http.server", *_]:
                pass  # tests/e2e/test_guides.py runs what the guide does with them
            case other:
                pytest.fail(f"not known: {other}")


MINUTES = "Ann and Bo met. They agreed to meet again in May."
MEETING = {"people": [{"name": "Ann", "email": None}, {"name": "Bo", "email": None}], "agreed": ["Meet again in May."]}


@pytest.fixture
def meetings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Import the README's application, with a recorded model behind it."""
    application, *_ = blocks(README, "python")
    (tmp_path / "meetings.py").write_text(application)
    recording = Recording(input=MINUTES, source="test", deltas=((0, json.dumps(MEETING)), (0, Finish("stop"))))
    (tmp_path / "meeting.json").write_text(recording.to_json())
    variables = {"PORT": "0", "PROVIDER": "recorded", "RECORDINGS": str(tmp_path / "meeting.json")}
    for name, value in variables.items():
        monkeypatch.setenv(f"GATEWAY_{name}", value)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("meetings")
    assert module.gateway.provider.name == "recorded"
    yield module
    del sys.modules["meetings"]


def block_with(word: str) -> str:
    """Return the README's Python block that holds a word."""
    (block,) = [block for block in blocks(README, "python") if word in block]
    return block


def run(text: str) -> dict[str, Any]:
    """Execute a Python block as a module that is imported, and return its names."""
    names: dict[str, Any] = {"__name__": "shown"}
    exec(compile(text, "README.md", "exec"), names)  # noqa: S102 - our own document
    return names


@pytest.mark.anyio
@pytest.mark.e2e
async def test_the_python_client_extracts_from_the_shown_application(meetings: ModuleType) -> None:
    """The README's script gets the validated value from the README's extractor over a real socket."""
    client = block_with("connect(url")
    assert MINUTES in client
    async with served(meetings.gateway) as running:
        address = running.url.replace("http", "ws") + "/v1/ws"
        value = await run(client)["extract"](address, "meeting", MINUTES)

    assert value == MEETING


def test_the_shown_script_prints_growing_partials_and_the_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The README's example in process, unchanged: partials as plain JSON, at the end the validated model."""
    monkeypatch.setenv("GATEWAY_PROVIDER", "recorded")
    monkeypatch.setenv("GATEWAY_SPEED", "20")
    run(block_with("gateway.stream("))
    *partials, model = capsys.readouterr().out.splitlines()
    assert len(partials) > 2
    assert partials[0].startswith("{'users': [")
    assert model.startswith("users=[User(name='John Doe'")


@pytest.mark.anyio
async def test_the_shown_hook_counts_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's hook hears the end of an extraction in process, with the usage that its raw frames show."""
    monkeypatch.setenv("GATEWAY_PROVIDER", "recorded")
    monkeypatch.setenv("GATEWAY_SPEED", "0")
    names = run(block_with("gateway.on("))
    async with names["gateway"] as extraction:
        async for _ in extraction.stream(Conference, CONFERENCE_TEXT):
            pass
        await extraction.tasks.close(patience_s=1)
    (completed,) = [frame for frame in shown_frames(README) if frame["type"] == "completed"]

    assert names["tokens"] == {"inline": completed["usage"]["total_tokens"]}


@pytest.fixture
def mounting(meetings: ModuleType) -> Starlette:
    """Make the README's application around the application, before there is an event loop."""
    app = run(block_with("Mount("))["app"]
    assert isinstance(app, Starlette)
    return app


@pytest.mark.anyio
async def test_the_shown_application_mounts_into_another(mounting: Starlette) -> None:
    """Under the path it is mounted at, the gateway greets and offers its extractor."""
    async with mounting.router.lifespan_context(mounting), joined(mounting, path="/extraction/v1/ws") as socket:
        client = await greeted(socket)

    assert [extractor["name"] for extractor in client.welcome["extractors"]] == ["meeting"]


@pytest.mark.parametrize("text", blocks(README, "js"))
def test_a_javascript_block_is_javascript(text: str, tmp_path: Path) -> None:
    """Node reads it as a module."""
    (tmp_path / "shown.mjs").write_text(text)
    subprocess.run([*node.command("node"), "--check", str(tmp_path / "shown.mjs")], check=True)


@pytest.mark.anyio
@pytest.mark.browser
@pytest.mark.e2e
async def test_the_javascript_client_extracts_in_a_browser(browser: Browser) -> None:
    """The README's page script shows how many users there are, and prints their names."""
    gateway = gateway_with(RecordedProvider(shipped_recordings(), speed=0))
    gateway.extractor(example=CONFERENCE_TEXT)(Conference)
    (script,) = blocks(README, "js")
    mimetypes.init()  # reads files, once in a process: not in the event loop
    page = await browser.new_page()
    printed: list[str] = []
    page.on("console", lambda message: printed.append(message.text) if message.type == "log" else None)
    async with served(gateway) as running:
        await page.goto(f"{running.url}/livez")
        script = re.sub(r"import (.+) from (.+);", r"const \1 = await import(\2);", script)
        await page.evaluate(f"async () => {{ {script.replace('127.0.0.1:8080', running.url[7:])} }}")

    assert printed == ["John Doe, Jane Smith, Alex Johnson, Emily Clark"]
    assert await page.title() == "4 users"
