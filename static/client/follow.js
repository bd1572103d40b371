/** The extractions of a channel, as the server announces them (PROTOCOL.md §3, `follow`). */

import { GatewayError } from "./errors.js";
import { Store } from "./store.js";

/** So many extractions are kept, the newest. */
const MOST = 1000;

/**
 * @typedef {import("./protocol.js").Announcement} Announcement
 *
 * @typedef {object} FollowState
 * @property {readonly Announcement[]} extractions the newest of each, the newest last
 * @property {GatewayError | null} error why there will be no more
 * @property {undefined} [ending]
 */

export class Follow {
  #channel;
  #line;
  /** What ran before the line was lost. @type {Set<Announcement>} */
  #unheard = new Set();
  /** @type {Store<FollowState>} */
  #store = new Store(/** @type {FollowState} */ ({ extractions: [], error: null }));
  /** The newest state; the same object until something changes. */
  getSnapshot = this.#store.getSnapshot;
  /** Hear of every change of state; what it returns stops that. */
  subscribe = this.#store.subscribe;

  /**
   * @param {string} id
   * @param {{channel: string}} request
   * @param {import("./watch.js").Line} line
   */
  constructor(id, { channel }, line) {
    this.id = id;
    this.#channel = channel;
    this.#line = line;
  }

  /** The announcements in turn; a slow loop sees the newest of each extraction. */
  [Symbol.asyncIterator]() {
    const seen = new WeakSet();
    return this.#store.each(({ extractions }) => extractions.filter((each) => !seen.has(each) && seen.add(each)));
  }

  /** Hear no more of it. */
  close() {
    if (this.getSnapshot().error) return;
    this.#line.send({ type: "unfollow", id: this.id });
    this.fail(new GatewayError("closed", "the follow was closed"));
  }

  /**
   * Ask the server, which announces what runs or is retained, and then answers a ping; what ran before and was not
   * announced again is neither, and nobody knows of it.
   */
  ask() {
    this.#unheard = new Set(this.getSnapshot().extractions.filter(isRunning));
    this.#line.send({ type: "follow", id: this.id, channel: this.#channel });
    if (this.#unheard.size > 0) this.#line.send({ type: "ping", nonce: this.id });
  }

  /** @param {import("./protocol.js").AnnouncementFrame | import("./protocol.js").Pong} message */
  receive(message) {
    if (message.type === "pong") return this.#keep((each) => !this.#unheard.has(each));
    if (message.type !== "announcement") return;
    const { type: _, id: __, ...announcement } = message;
    this.#keep(({ extraction }) => extraction !== announcement.extraction, Object.freeze(announcement));
  }

  /** @param {GatewayError} error */
  fail(error) {
    this.#store.become({ error });
  }

  /** @param {(announcement: Announcement) => boolean} isKept @param {Announcement[]} added */
  #keep(isKept, ...added) {
    const extractions = [...this.getSnapshot().extractions.filter(isKept), ...added].slice(-MOST);
    this.#store.become({ extractions: Object.freeze(extractions) });
  }
}

/** @param {Announcement} announcement */
function isRunning({ state }) {
  return state === "queued" || state === "running";
}
