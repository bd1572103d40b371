"""The JavaScript client as a package of npm's: what is in it, its types, and that it runs where it says it does."""

import json
import shutil
import subprocess
from pathlib import Path

import anyio
import pytest

from tests.test_documents import blocks
from tools import node

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

ROOT = Path(__file__).parent.parent.parent
CLIENT = ROOT / "static" / "client"
MODULES = ROOT / "node_modules"
TSC = MODULES / "typescript" / "bin" / "tsc"

_SCRIPT = """
import { connect } from "extraction-gateway-client";
import { WebSocket } from "ws";

const session = connect(process.argv[2], { WebSocket });
const { extractors } = await session.connected();
const [{ name, example }] = extractors;
const watch = session.extract({ extractor: name, input: example.input, encoding: "append", interval_ms: 0 });
let count = 0;
for await (const value of watch) count += value.users ? 1 : 0;
const { users } = await watch.result;
session.close();
console.log(JSON.stringify({ users: users.length, grew: count > 4, checked: watch.getSnapshot().checked }));
"""

_AWAY = """
import { connect } from "extraction-gateway-client";
import { WebSocket } from "ws";

connect("ws://127.0.0.1:9/v1/ws", { WebSocket }).close();
const session = connect("ws://127.0.0.1:9/v1/ws", { WebSocket, random: () => 0 });
let tries = 0;
session.subscribe(({ status }) => {
  if (status === "waiting" && ++tries === 3) session.close();
});
await session.connected().catch(({ code }) => console.log(code, tries));
"""

_BEFORE_SLOT = """
import { WebSocket } from "ws";
globalThis.WebSocket = WebSocket;
"""

_BEHIND_SLOT = """
const [{ example }] = (await session.connected()).extractors;
const { users } = await slot.start(example.input).result;
session.close();
console.log(slot.getSnapshot().status, users.length);
"""

_TYPED = """
import { GatewayError, connect } from "extraction-gateway-client";
import { useExtraction, useWatch } from "extraction-gateway-client/react";
import { Slot } from "extraction-gateway-client/slot";
import { WebSocket } from "ws";
import { z } from "zod";

const session = connect("ws://127.0.0.1:8080/v1/ws", { WebSocket, ticket: async () => undefined });
const watch = session.extract({ extractor: "conference", input: "…", encoding: "items", busy: "queue" });
const { status, rev, checked } = watch.getSnapshot();
const facts: [string, number | null, boolean] = [status, rev, checked];
const stop: () => void = watch.subscribe(({ error }) => error instanceof GatewayError && error.code);
for await (const value of watch) console.log(value, facts, stop);
for await (const { extraction, at } of session.follow({ channel: "desk" })) session.watch({ extraction, from: "now" });
const name: string = (await session.connected()).extractors[0]!.name;
// @ts-expect-error no such encoding
session.extract({ extractor: name, encoding: "yaml" });
// @ts-expect-error a watch needs the extraction's name
session.watch({ encoding: "patch" });
// @ts-expect-error a slip in a name
session.extract({ extractor: name, inputt: "…" });

interface Conference {
  users: { name: string; seats: number }[];
}
const schema = z.object({ users: z.array(z.object({ name: z.string(), seats: z.number() })) });
for (const conference of [session.extract({ schema, input: "…" }), session.extract<Conference>({ extractor: name })]) {
  for await (const { users } of conference) users satisfies { name: string | null; seats: number | null }[];
  conference.getSnapshot().value satisfies { users: unknown[] } | null;
  (await conference.result) satisfies Conference;
}
(await session.extract({ schema, many: true }).result) satisfies Conference[];
(await session.extract({ extractor: name, encoding: "text" }).result) satisfies string;
for await (const items of session.extract({ schema, encoding: "items" })) items satisfies { valid: boolean }[];
for await (const value of session.extract({ extractor: name })) value.users.map(({ name }: { name: string }) => name);

const slot = new Slot({ current: { session, request: { extractor: name } } });
slot.subscribe(({ status, value }) => console.log(status, value));

export function useConference(text: string) {
  const { data, start } = useExtraction<Conference>(session, { extractor: name, onEnd: ({ status }) => status });
  const typed = useExtraction(session, { schema });
  const plain = useExtraction(session, { extractor: name });
  const seen = useWatch<Conference>(session, null);
  // @ts-expect-error a slip in a name
  useExtraction(session, { extractor: name, retires: 2 });
  const extract = async () => (await start(text).result).users.map(({ name }) => name.toUpperCase());
  for (const each of [data, typed.data, seen.data]) each?.users[0]?.name satisfies string | null | undefined;
  return [extract, plain.data?.users.length];
}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pack the client, and give a project that has it installed, and `ws` for the Node that has no WebSocket."""
    folder = tmp_path_factory.mktemp("packed")
    package, project = folder / "client", folder / "project"
    shutil.copytree(CLIENT, package, ignore=shutil.ignore_patterns("types"))
    node_run("node", str(TSC), "--project", str(CLIENT), "--outDir", str(package / "types"), where=ROOT)
    node_run("npm", "pack", "--ignore-scripts", "--pack-destination", str(folder), where=package)
    (tarball,) = folder.glob("*.tgz")
    (project / "node_modules" / "@types").mkdir(parents=True)
    (project / "package.json").write_text('{"type": "module", "private": true}')
    node_run("npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-save", str(tarball), where=project)
    for name in ("ws", "@types/ws", "@types/node", "undici-types", "zod", "react", "@types/react", "csstype"):
        (project / "node_modules" / name).parent.mkdir(exist_ok=True)
        (project / "node_modules" / name).symlink_to(MODULES / name)
    return project


def node_run(name: str, *arguments: str, where: Path) -> str:
    """Run `node` or `npm` and return what it printed."""
    done = subprocess.run([*node.command(name), *arguments], cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def running(name: str, *arguments: str, where: Path) -> str:
    """Do the same beside the event loop."""
    return await anyio.to_thread.run_sync(lambda: node_run(name, *arguments, where=where))


async def test_it_runs_in_node_with_a_websocket_of_npms(installed: Path, gateway_url: str) -> None:
    """From Node 20 on: an extraction is iterated and ends validated, its digest checked."""
    (installed / "script.mjs").write_text(_SCRIPT)
    said = await running("node", "script.mjs", f"{gateway_url}/v1/ws", where=installed)
    assert json.loads(said) == {"users": 4, "grew": True, "checked": True}


async def test_a_gateway_that_is_away_is_waited_for(installed: Path) -> None:
    """The `ws` of npm throws what nobody hears: a refused connection, one that is closed while it opens."""
    (installed / "away.mjs").write_text(_AWAY)
    assert await running("node", "away.mjs", where=installed) == "closed 3\n"


async def test_a_slot_is_a_store_without_a_framework(installed: Path, gateway_url: str) -> None:
    """As docs/react.md has it."""
    (block,) = blocks((ROOT / "docs" / "react.md").read_text(), "js")
    shown = block.replace("ws://127.0.0.1:8080", gateway_url)
    assert shown != block
    (installed / "slot.mjs").write_text(_BEFORE_SLOT + shown + _BEHIND_SLOT)
    *_, last = (await running("node", "slot.mjs", where=installed)).splitlines()
    assert last == "completed 4"


async def test_its_types_hold_for_a_strict_project(installed: Path) -> None:
    """A project in TypeScript compiles against what is packed, and what is wrong does not."""
    (installed / "typed.ts").write_text(_TYPED)
    strict = ["--strict", "--noEmit", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"]
    for module in ("nodenext", "esnext"):
        resolution = [] if module == "nodenext" else ["--moduleResolution", "bundler"]
        target = ["--target", "es2022", "--lib", "es2022,dom,dom.iterable", "--types", "node", "--skipLibCheck"]
        options = [*strict, *target, "--module", module, *resolution]
        await running("node", str(TSC), *options, "typed.ts", where=installed)


async def test_it_holds_every_module_with_its_types_and_nothing_else(installed: Path) -> None:
    """What the folder has, and a declaration for each."""
    package = installed / "node_modules" / "extraction-gateway-client"
    modules = {path.name for path in CLIENT.glob("*.js")}
    assert {path.name for path in package.iterdir()} == {*modules, "package.json", "README.md", "types"}
    assert {path.name for path in (package / "types").iterdir()} == {name.replace(".js", ".d.ts") for name in modules}
