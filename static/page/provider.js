/** What the page says of the provider: which one runs and why, what it is good for, and what a run waits for. */

/**
 * @typedef {import("../client/protocol.js").Provider} Provider
 *
 * @typedef {object} Hint what to know before a run
 * @property {"calm" | "warning"} kind
 * @property {string} text
 * @property {string} more what there is to read besides, at the provider's card
 */

/** Word by word as long as it is not simply there. @type {{[state: string]: string}} */
const STATE_WORDS = { installing: "installing", loading: "loading", failed: "failed" };

/** @type {{[state: string]: string}} */
const STATES = {
  idle: "It is not loaded yet: the first extraction starts it.",
  installing: "It is being installed.",
  loading: "It is being loaded.",
  ready: "It is ready.",
  failed: "It could not be started; the gateway's log says why. The next extraction tries again.",
};
const SET_A_KEY =
  "Stop the gateway, set OPENAI_API_KEY, and start it again. For another OpenAI-compatible server, set " +
  "OPENAI_BASE_URL as well.";

/** @param {Provider} provider */
export function pillText({ name, model, state = "ready" }) {
  return [name, model, STATE_WORDS[state]].filter(Boolean).join(" · ");
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
    more: isRecorded || small ? SET_A_KEY : "",
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
    `A toy-sized model${model} runs on this machine: good for trying things out, wrong about many things. ` +
    "Set OPENAI_API_KEY for a real one.";
  return { kind: "calm", text, more: "" };
}

/** @param {Provider} provider */
function failedWords({ model }) {
  return `The model${model ? ` (${model})` : ""} could not be started; the gateway's log says why. Start tries again.`;
}

/**
 * What a run that has no word yet waits for.
 *
 * @param {string} status of the watch
 * @param {Provider | undefined} provider
 */
export function waitingFor(status, provider) {
  if (provider?.state === "installing") return "Installing the model …";
  if (provider?.state === "loading") return "Loading the model …";
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
 * @param {{status: string, rev: number | null, isLost: boolean, isStopping: boolean}} run
 * @param {Provider | undefined} provider
 */
export function stateWords({ status, rev, isLost, isStopping }, provider) {
  const ended = ENDS[status];
  if (ended) return ended;
  if (isLost) return "Not connected; it goes on meanwhile …";
  if (isStopping) return "Stopping …";
  return rev ? "Writing …" : waitingFor(status, provider);
}
