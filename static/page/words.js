/** What codes, states and figures are called on the page. */

/**
 * @typedef {import("../client/index.js").GatewayError} GatewayError
 *
 * @typedef {object} Advice
 * @property {"problem" | "warning" | "calm"} kind
 * @property {string} key which of the page's sentences says what it is, and what to do
 * @property {string} said more, in the gateway's own words
 * @property {readonly import("../client/protocol.js").FieldError[]} fields
 * @property {string} code
 * @property {"again" | "example" | null} offer
 */

/**
 * What to say of a failure, and what to do about it.
 *
 * @param {GatewayError} error
 * @param {boolean} isRecorded a recording played, no model
 * @param {string} [reason] of what is incomplete
 * @returns {Advice}
 */
export function adviceOn(error, isRecorded, reason) {
  const { code, errors: fields } = error;
  /** @type {Advice} */
  const plain = { kind: "problem", key: code, said: "", fields, code, offer: error.retryable ? "again" : null };
  if (code === "cancelled") return { ...plain, kind: "calm", code: "" };
  if (code === "incomplete")
    return { ...plain, kind: "warning", key: reason === "budget" ? reason : code, offer: "again" };
  if (isRecorded && code === "provider_error")
    return { ...plain, kind: "warning", key: "unrecorded", offer: "example" };
  if (isAboutModel(error) && !isNamed(error)) return { ...plain, key: "no model" };
  if (isRecorded && code === "invalid_output") return { ...plain, key: "same answer" };
  const key = isAboutModel(error) ? "another model" : code;
  return { ...plain, key, said: fields.length > 0 ? "" : sentence(error.message) };
}

/** What to say while another attempt is made. @param {import("../client/protocol.js").Reset} reset @returns {Advice} */
export function adviceOnReset({ attempt, reason, errors: fields = [] }) {
  const isAsked = reason === "invalid_output";
  const [key, said] = isAsked ? ["asked again", `This is attempt ${attempt}.`] : ["anew", ""];
  return { kind: "calm", key, said, fields, code: reason, offer: null };
}

/** @param {GatewayError} error */
function isAboutModel({ code, param }) {
  return code === "bad_request" && param === "model";
}

/** Words about a model that was named begin with the field's name. @param {GatewayError} error */
function isNamed({ message }) {
  return message.startsWith("model:");
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
