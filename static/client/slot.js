/**
 * A place that shows one extraction after the other, as a component of any framework has it: idle at first, then what
 * the newest watch has.
 *
 * 1. The state is replaced, never changed, and told synchronously; it is read without any side effect.
 * 2. What was shown of an extraction stays until there is more of it, also where its watch is closed and opened again.
 * 3. Nothing more is heard of an extraction whose place another one took.
 */

import { UNKNOWN, gather } from "./progress.js";
import { Replica } from "./replica.js";
import { Store } from "./store.js";

/**
 * @typedef {import("./protocol.js").Json} Json
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./watch.js").Watch} Watch
 * @typedef {import("./watch.js").ExtractOptions} ExtractOptions
 * @typedef {import("./replica.js").ReplicaState} ReplicaState
 *
 * @typedef {Omit<ReplicaState, "status" | "progress"> & import("./progress.js").Gathered
 *   & {status: "idle" | ReplicaState["status"], watch: Watch | null}} SlotState error: null where it was cancelled, which
 *   somebody wanted
 * @typedef {Pick<SlotState, "status" | "error" | "ending"> & {data: any}} End
 *
 * @typedef {object} Listeners
 * @property {(data: any) => void} [onUpdate] is told of each value that the model has written
 * @property {(end: End) => void} [onEnd] is told once how an extraction ended
 *
 * @typedef {Listeners & {session: Session | null, request: ExtractOptions}} Latest
 */

/** @type {SlotState} */
const IDLE = Object.freeze({ ...new Replica().state, ...UNKNOWN, status: "idle", watch: null });
/** @type {SlotState} */
const WAITING = Object.freeze({ ...IDLE, status: "waiting" });
const RUNNING = ["waiting", "queued", "running"];

export class Slot {
  #latest;
  #extraction;
  #store;
  #isOpen;
  /** What runs was asked for so; null: it is being stopped. @type {ExtractOptions | null} */
  #asked = null;
  #stopHearing = () => {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #closing;

  /**
   * @param {{readonly current: Latest}} latest what is asked for and who hears of it, as it is by then
   * @param {string | null} [extraction] one that exists, to watch it as long as the slot is held
   */
  constructor(latest, extraction = null) {
    const blank = extraction === null ? IDLE : WAITING;
    this.#latest = latest;
    this.#extraction = extraction;
    this.#isOpen = extraction === null;
    this.#store = new Store(blank);
    /** The newest state; the same object until something changes. */
    this.getSnapshot = this.#store.getSnapshot;
    /** The state on a server. */
    this.getServerSnapshot = () => blank;
    /** Hear of every change of state; what it returns stops that. */
    this.subscribe = this.#store.subscribe;
  }

  /**
   * Start an extraction in the place of the one that runs here, which is cancelled. What is asked for already goes on.
   *
   * @param {string | ExtractOptions} [more] over the request; a string is the text
   */
  start = (more = {}) => {
    const { session, request } = this.#latest.current;
    if (!session) throw new TypeError("there is no session to start an extraction on yet");
    const asked = { ...request, ...(typeof more === "string" ? { input: more } : more) };
    const { status, watch } = this.getSnapshot();
    if (watch && this.#asked && RUNNING.includes(status) && isSame(asked, this.#asked)) return watch;
    this.#stopHearing();
    watch?.cancel();
    this.#asked = asked;
    this.#store.become(WAITING);
    return this.#show(session.extract(asked));
  };

  /** End the extraction, for everybody who watches it. */
  stop = () => {
    this.#asked = null;
    this.getSnapshot().watch?.cancel();
  };

  /**
   * Be open from now on; what it returns closes the watch, unless the slot is held again at once, as StrictMode does.
   * The extraction goes on.
   */
  hold = () => {
    clearTimeout(this.#closing);
    if (!this.#isOpen) this.#open();
    return () => {
      this.#closing = setTimeout(() => this.#close());
    };
  };

  #open() {
    this.#isOpen = true;
    const { session, request } = this.#latest.current;
    const { status, watch } = this.getSnapshot();
    const extraction = watch?.extraction ?? this.#extraction;
    if (!session || !RUNNING.includes(status)) return;
    if (extraction) this.#show(session.watch(/** @type {any} */ ({ ...(this.#asked ?? request), extraction })));
    else this.#store.become(IDLE);
  }

  #close() {
    this.#isOpen = false;
    this.#stopHearing();
    this.getSnapshot().watch?.close();
  }

  /** @param {Watch} watch */
  #show(watch) {
    const state = watch.getSnapshot();
    this.#store.become({ watch });
    this.#stopHearing = watch.subscribe((next, last) => this.#hear(next, last));
    if (state.error) this.#hear(state, state);
    return watch;
  }

  /** @param {ReplicaState} next @param {ReplicaState} last */
  #hear(next, last) {
    const shown = this.getSnapshot();
    const { value, rev } = isNothing(next) && hasBegun(shown) ? shown : next;
    const error = next.status === "cancelled" ? null : next.error;
    this.#store.become({ ...next, ...gather(shown, next, last), value, rev, error });
    const { onUpdate, onEnd } = this.#latest.current;
    if (value !== shown.value && hasBegun(next)) onUpdate?.(value);
    const { status, ending } = next;
    if (!RUNNING.includes(status)) onEnd?.({ data: value, status, error, ending });
  }
}

/** Whether the model has written something: no value is nothing, nor is the skeleton. @param {SlotState | ReplicaState} state */
export function hasBegun({ rev, value }) {
  return rev !== 0 && value !== null && (rev !== null || Object(value).length !== 0);
}

/** Whether nothing has come yet, not even a skeleton. @param {ReplicaState} state */
function isNothing(state) {
  return state.rev === null && !hasBegun(state);
}

/** @param {ExtractOptions} asked @param {ExtractOptions} before */
function isSame({ schema, ...asked }, { schema: before, ...rest }) {
  return schema === before && JSON.stringify(asked) === JSON.stringify(rest);
}
