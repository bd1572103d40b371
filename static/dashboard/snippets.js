/** How to put something on a channel, to be copied. */

import { byId, setText } from "../page/dom.js";

/** @param {string} channel */
export function snippets(channel) {
  const name = JSON.stringify(channel);
  const url = new URL("v1/ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  setText(byId("empty-channel"), channel);
  setText(
    byId("snippet-js"),
    `const session = connect("${url}");\nsession.extract({ extractor, input, channel: ${name} });`,
  );
  setText(
    byId("snippet-py"),
    [
      `async with connect("${url}") as session:`,
      `    watch = session.extract(extractor=…, input=…, channel=${name})`,
      "    await watch.result()",
    ].join("\n"),
  );
}
