/**
 * Makes of React, which is CommonJS, and of zod one module each that a browser can import, and of JSX JavaScript.
 *
 * Use: node build.mjs FOLDER FILE.jsx…
 */

import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import React from "react";
import { buildSync, transformSync } from "esbuild";

const [folder = ".", ...files] = process.argv.slice(2);
const resolveDir = fileURLToPath(new URL(".", import.meta.url));

/** @param {string} name @param {string} contents */
function bundle(name, contents) {
  const define = { "process.env.NODE_ENV": '"development"' }; // where StrictMode does what it does
  const stdin = { contents, resolveDir };
  buildSync({ stdin, bundle: true, format: "esm", define, outfile: join(folder, name), logLevel: "warning" });
}

bundle(
  "react.js",
  `export { ${Object.keys(React).join(", ")}, default } from "react";
   export { jsx, jsxs } from "react/jsx-runtime";
   export { createRoot, hydrateRoot } from "react-dom/client";`,
);
// The page's policy forbids eval, and complains where zod tries it.
bundle("zod.js", `import { z } from "zod"; z.config({ jitless: true }); export { z };`);

for (const file of files) {
  const { code } = transformSync(readFileSync(file, "utf8"), { loader: "jsx", jsx: "automatic" });
  writeFileSync(join(folder, `${basename(file, ".jsx")}.js`), code);
}
