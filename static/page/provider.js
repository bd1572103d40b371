/** What the page says of the provider: which one runs and why, what it is good for, and what a run waits for. */

/**
 * @typedef {import("../client/protocol.js").Provider} Provider
 *
 * @typedef {object} Hint what to know before a run
 * @property {"calm" | "warning"} kind
 * @property {string} text
 * @property {string} more what there is to read besides, at the provider's card
 */

/** Told as long as it is not simply there. */
const NEWS = ["installing", "loading", "failed"];

/** @type {{[state: string]: string}} */
const STATES = {
  idle: "It is not loaded yet: the first extraction starts it.",
  installing: "It is being installed.",
  loading: "It is being loaded.",
  ready: "It is ready.",
  failed: `It ended, or could not be started; the gateway's log says why. The next extraction starts it again.`,
};
/** A toy-sized model reads no more. */
const SMALL_CHARS = 6_000;
/** What a request has besides its text and schema, with room to spare. */
const REST_BYTES = 512;

/** @param {Provider} provider */
export function pillText({ name, model, state = "ready" }) {
  return [name, model, NEWS.includes(state) && state].filter(Boolean).join(" · ");
}

/**
 * Sentences about the one that runs, for whoever asks.
 *
 * @param {Provider} provider
 */
export function factsOn({ name, model, state = "ready", reason, small }) {
  const isRecorded = name === "recorded";
  return {
    title: [name, model].filter(Boolean).join(" · "),
    state: isRecorded ? "It plays a recorded answer; no model runs." : (STATES[state] ?? ""),
    why: reason ? `It was chosen because ${reason}.` : "",
    hasMore: isRecorded || small === true,
    hasNone: isRecorded,
  };
}

/** @param {Provider | undefined} provider @returns {Hint | null} */
export function hintOn(provider) {
  if (provider?.name === "recorded") {
    const text = "A recording plays here: no model runs, so only the recorded text has an answer.";
    return { kind: "calm", text, more: "Extract from any text" };
  }
  if (provider?.state === "failed") return { kind: "warning", text: failedWords(provider), more: "" };
  if (!provider?.small) return null;
  const model = provider.model ? ` (${provider.model})` : "";
  const text =
    `A toy-sized model${model} runs on this machine: good for trying things out, wrong about many things.`;
  return { kind: "calm", text, more: "Use a real model" };
}

/** @param {Provider} provider */
function failedWords({ model }) {
  return `The model${model ? ` (${model})` : ""} is not there. ${STATES.failed}`;
}

/**
 * Whether a request is more than can be read.
 *
 * @param {{chars: number, bytes: number}} size of the text; of text and schema on the wire
 * @param {import("../client/protocol.js").Welcome | null} welcome
 * @returns {"too much" | "much" | ""} too much for the gateway, or much for the model
 */
export function excessOf({ chars, bytes }, welcome) {
  if (bytes + REST_BYTES > (welcome?.limits?.message_bytes ?? Infinity)) return "too much";
  return welcome?.provider?.small && chars > SMALL_CHARS ? "much" : "";
}

/** Whether a run costs nobody anything, so that an example may play by itself. @param {Provider | undefined} provider */
export function isFree(provider) {
  const { name = "", state = "ready" } = provider ?? {};
  return ["recorded", "local"].includes(name) && !["installing", "failed"].includes(state);
}

/**
 * What a run that has no word yet waits for.
 *
 * @param {string} status of the watch
 * @param {Provider | undefined} provider
 * @param {number} [ahead] how many runs of this page go before it
 */
export function waitingFor(status, provider, ahead = 0) {
  if (provider?.state === "installing") return "Installing the model …";
  if (provider?.state === "loading") return "Loading the model …";
  if (status === "queued" && ahead > 0) return `Queued: ${ahead} of this page's runs ${ahead > 1 ? "go" : "goes"} first …`;
  if (status === "queued") return "Queued: waiting for a free place at the model …";
  if (status === "running") return "Waiting for the first word …";
  return "Asking the gateway …";
}

/** @type {{[status: string]: string}} */
const ENDS = {
  completed: "Complete, and valid by the schema",
  incomplete: "Cut off before the end",
  failed: "Failed",
  cancelled: "Stopped",
};

/**
 * How a run stands, in a line.
 *
 * @param {Pick<import("./lane.js").Lane, "state" | "hasBegun" | "isStopping"> & {ahead?: number}} lane
 * @param {boolean} isLost
 * @param {Provider | undefined} provider
 */
export function stateWords({ state: { status, ending, reset }, hasBegun, isStopping, ahead }, isLost, provider) {
  const attempts = ending?.attempts ?? 1;
  const ended = ENDS[status];
  if (ended) return attempts > 1 ? `${ended}, after ${attempts} attempts` : ended;
  if (isLost) return "Not connected …";
  if (isStopping) return "Stopping …";
  if (hasBegun) return "Writing …";
  return reset ? `Attempt ${reset.attempt}: waiting for the first word …` : waitingFor(status, provider, ahead);
}
