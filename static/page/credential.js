/**
 * The page's credential: kept for this tab only, taken once from the fragment of the address, and asked of a person
 * where the gateway refuses it (PROTOCOL.md §2, §8). What the page looks like meanwhile is not known here.
 */

import { connect } from "../client/index.js";
import { kept } from "./kept.js";

const KEY = "gateway.token";
/** Under which a tab knows that a ticket opened it, which opens nothing twice. */
const TICKET_KEY = "gateway.ticket";
/** The close code of a credential that does not hold. */
export const REFUSED = 4401;

/**
 * @typedef {import("../client/connection.js").ConnectionState} ConnectionState
 * @typedef {import("../client/connection.js").ConnectionOptions} ConnectionOptions
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Store
 * @typedef {"accepted" | "refused" | "silent"} Verdict silent: nobody could be asked
 */

export class Credential {
  /** What the newest refusal was of: a token, a ticket that was used or is too old, or nothing at all. */
  wrong = /** @type {"refused" | "used" | ""} */ ("");
  /** @type {string | undefined} */
  #held;
  /** @type {Question | null} */
  #question = null;
  #store;

  /** @param {() => Store} store a browser may refuse to give it */
  constructor(store) {
    this.#store = store;
    this.#held = kept(this.#store, (store) => store.getItem(KEY)) ?? undefined;
  }

  get isHeld() {
    return this.#held !== undefined;
  }

  /** Whether the gateway lets nobody in without a credential, as far as this tab knows. */
  get isNeeded() {
    return this.isHeld || this.#isByTicket;
  }

  get #isByTicket() {
    return kept(this.#store, (store) => store.getItem(TICKET_KEY)) !== null;
  }

  /** What a connection is opened with; after a refusal it waits for an answer. */
  token = () => this.#question?.promise ?? this.#held;

  /** Keep it until this tab is closed; who waits for one gets it. @param {string} token */
  keep(token) {
    this.#held = token;
    kept(this.#store, (store) => store.setItem(KEY, token));
    this.#question?.answer(token);
    this.#question = null;
  }

  /** A ticket opens this tab, once. */
  useTicket() {
    kept(this.#store, (store) => store.setItem(TICKET_KEY, "used"));
  }

  /** It does not hold: forget it, and let the next connection wait for another one. */
  refuse() {
    this.wrong = this.isHeld ? "refused" : this.#isByTicket ? "used" : "";
    this.#forgetToken();
    this.#question ??= question();
  }

  forget() {
    this.#forgetToken();
    kept(this.#store, (store) => store.removeItem(TICKET_KEY));
  }

  #forgetToken() {
    this.#held = undefined;
    kept(this.#store, (store) => store.removeItem(KEY));
  }
}

/** @typedef {{promise: Promise<string>, answer: (token: string) => void}} Question */

/** @returns {Question} */
function question() {
  /** @type {(token: string) => void} */
  let answer = () => {};
  const promise = new Promise((/** @type {(token: string) => void} */ resolve) => {
    answer = resolve;
  });
  return { promise, answer };
}

/** Whether a connection waits for a credential. @param {Pick<ConnectionState, "status" | "code">} state */
export function isRefused({ status, code }) {
  return code === REFUSED && status !== "closed";
}

/**
 * Try a credential on a connection of its own: the page's may ask for another one only once in a row.
 *
 * @param {string | URL} url
 * @param {string} token
 * @param {ConnectionOptions} [options]
 * @returns {Promise<Verdict>}
 */
export function tryToken(url, token, options = {}) {
  const session = connect(url, { ...options, token });
  return new Promise((resolve) => {
    const stop = session.subscribe(({ status, code }) => {
      if (status === "connecting") return;
      stop();
      session.close();
      resolve(status === "open" ? "accepted" : code === REFUSED ? "refused" : "silent");
    });
  });
}

/**
 * Take `#token=…` out of the address, so that neither the history nor a copied link has it.
 *
 * @param {Pick<Location, "hash" | "pathname" | "search">} location
 * @param {Pick<History, "replaceState" | "state">} history
 * @param {"token" | "ticket"} [kind]
 * @returns {string | null}
 */
export function tokenFromAddress({ hash, pathname, search }, history, kind = "token") {
  const parts = hash.slice(1).split("&");
  const others = parts.filter((part) => !part.startsWith(`${kind}=`));
  if (others.length === parts.length) return null;
  const rest = others.length > 0 ? `#${others.join("&")}` : "";
  history.replaceState(history.state, "", `${pathname}${search}${rest}`);
  const given = parts.find((part) => part.startsWith(`${kind}=`))?.slice(kind.length + 1) ?? "";
  return decoded(given) || null;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
