/** The browser code stays small: its modules without comments and indentation, packed. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const STATIC = new URL("../../static/", import.meta.url);

/** @param {string} folder */
function codeIn(folder) {
  const place = new URL(`${folder}/`, STATIC);
  const modules = readdirSync(place).map((name) => readFileSync(new URL(name, place), "utf8"));
  return modules
    .join("\n")
    .replaceAll(/\/\*\*.*?\*\//gs, "")
    .replaceAll(/^\s+|^\/\/.*\n/gm, "");
}

/** @param {string} text */
function packedKilobytes(text) {
  return gzipSync(text, { level: 9 }).length / 1024;
}

test("the client is below 6 KB, the page with it below 30 KB", () => {
  const [client, page] = [codeIn("client"), codeIn("page")];
  assert.ok(packedKilobytes(client) < 6, `client: ${packedKilobytes(client)} KB`);
  assert.ok(packedKilobytes(client + page) < 30, `all: ${packedKilobytes(client + page)} KB`);
});
