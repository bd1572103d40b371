/** The browser code stays small: each entry with all that it imports, as a bundler would ship it, packed. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

/** @param {string} entry in `static/` */
function packedKilobytes(entry) {
  const entryPoints = [fileURLToPath(new URL(`../../static/${entry}`, import.meta.url))];
  const { outputFiles } = buildSync({ entryPoints, bundle: true, minify: true, format: "esm", write: false });
  return gzipSync(outputFiles.map(({ text }) => text).join(""), { level: 9 }).length / 1024;
}

for (const [entry, most] of /** @type {const} */ ([
  ["client/index.js", 6],
  ["page/main.js", 30],
  ["dashboard/main.js", 30],
]))
  test(`${entry} is below ${most} KB`, () => {
    const size = packedKilobytes(entry);
    assert.ok(size < most, `${size} KB`);
  });
