/** What codes, states and figures are called on the page. */

/**
 * @typedef {import("../client/index.js").GatewayError} GatewayError
 *
 * @typedef {object} Advice
 * @property {"problem" | "warning" | "calm"} kind
 * @property {string} title
 * @property {string} text
 * @property {readonly import("../client/protocol.js").FieldError[]} fields
 * @property {string} code
 * @property {"again" | "example" | null} offer
 */

/**
 * Every code of PROTOCOL.md §9, and the client's own, in plain words; where the gateway's own words behind them do
 * not say what to do, so does the second.
 *
 * @type {{[code: string]: readonly [title: string, todo?: string]}}
 */
const TITLES = {
  bad_request: ["The gateway did not understand the request."],
  unsupported_version: ["This page and the gateway speak different versions.", "Reload the page."],
  unauthenticated: ["The gateway wants a credential.", "Reload the page and enter a token."],
  forbidden: ["This is not allowed here.", "Choose one of the extractors that are offered."],
  not_found: ["That is not there, or not any more.", "Start it again."],
  duplicate_id: ["This name is taken already.", "Start it again."],
  idempotency_conflict: ["The same request was made before with another text.", "Start it again."],
  schema_invalid: ["The schema cannot be used."],
  schema_too_complex: ["The schema is too large or too deep.", "Leave some of its fields out."],
  input_too_large: ["The text is too long.", "Extract from a part of it."],
  output_too_large: ["The value grew beyond the limit.", "Extract from a part of the text."],
  rate_limited: ["Too many requests in a short time."],
  over_capacity: [
    "The gateway has as much to do as it may take on.",
    "Wait until something has ended, then try again.",
  ],
  provider_error: ["The model's server failed."],
  provider_rate_limited: ["The model's server asks to wait."],
  provider_timeout: ["The model was silent for too long."],
  refused: ["The model declined to answer.", "Another text or another model may do."],
  invalid_output: [
    "The model's answer does not fit the schema.",
    "Another model, or plainer fields, may do.",
  ],
  writer_lost: ["The gateway that ran this is gone."],
  store_unavailable: ["The gateway cannot reach its store."],
  shutting_down: ["The gateway is going down.", "Try again in a moment."],
  internal: ["Something is wrong in the gateway; its log says what."],
  incomplete: [
    "The model stopped before the end: it reached its length limit.",
    "What had arrived stays. A shorter text, or fewer fields, leave more room.",
  ],
  cancelled: ["Stopped. What had arrived stays."],
  disconnected: ["The gateway closed the connection for good.", "Reload the page."],
};

/** Asking a recording again gives the same answer. @type {Pick<Advice, "kind" | "title" | "text" | "offer">} */
const UNRECORDED = {
  kind: "warning",
  title: "This text has no recording.",
  text:
    "No model runs here. Use the example text; or set OPENAI_API_KEY, or OPENAI_BASE_URL, and start the gateway again " +
    "to extract from any text.",
  offer: "example",
};
/** The page names no model: the server's settings have to. @type {Pick<Advice, "kind" | "title" | "text" | "offer">} */
const NO_MODEL = {
  kind: "problem",
  title: "No model is chosen.",
  text:
    "Set GATEWAY_MODEL to the name of one of the provider's models, or give it with --model, and start the gateway " +
    "again.",
  offer: null,
};
const FIXED_ANSWER = "No model runs here: a recording gives the same answer whatever schema is asked for.";

/**
 * What to say of a failure, and what to do about it.
 *
 * @param {GatewayError} error
 * @param {boolean} isRecorded a recording played, no model
 * @returns {Advice}
 */
export function adviceOn(error, isRecorded) {
  const { code, errors: fields } = error;
  const [title, todo = ""] = TITLES[code] ?? ["This did not work."];
  const plain = { title, fields, code };
  if (code === "cancelled") return { ...plain, kind: "calm", text: "", code: "", offer: null };
  if (code === "incomplete") return { ...plain, kind: "warning", text: todo, offer: "again" };
  if (isRecorded && code === "provider_error") return { ...plain, ...UNRECORDED };
  if (isAboutNoModel(error)) return { ...plain, ...NO_MODEL };
  const offer = error.retryable ? "again" : null;
  if (isRecorded && code === "invalid_output")
    return { ...plain, kind: "problem", text: FIXED_ANSWER, offer };
  const said = fields.length > 0 ? "" : sentence(error.message);
  return { ...plain, kind: "problem", text: [said, todo].filter(Boolean).join(" "), offer };
}

/**
 * Words about a model that was named begin with the field's name.
 *
 * @param {GatewayError} error
 */
function isAboutNoModel({ code, param, message }) {
  return code === "bad_request" && param === "model" && !message.startsWith("model:");
}

/** The gateway's words as a sentence; what begins with a field's name keeps it. @param {string} text */
function sentence(text) {
  const begun = /^\w+:/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…"'`)]$/.test(begun) ? begun : `${begun}.`;
}

/** @type {{[status: string]: string}} */
const STATUSES = {
  waiting: "starting",
  queued: "queued",
  running: "running",
  completed: "done",
  incomplete: "cut off",
  failed: "failed",
  cancelled: "stopped",
};

/** @param {string} status */
export function wordFor(status) {
  return STATUSES[status] ?? status;
}

/** @param {number} bytes */
export function inBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 100_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** @param {number | null | undefined} ms */
export function inTime(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.floor(ms / 1000) % 60} s`;
}

/** What a button for another try says. @param {number} left_ms until it can help */
export function againWords(left_ms) {
  return left_ms > 0 ? `Try again in ${Math.ceil(left_ms / 1000)} s` : "Try again";
}
