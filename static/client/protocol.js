/**
 * The messages of `extraction.v1` as types, one per heading of PROTOCOL.md (§3, §4).
 * Fields keep the names they have on the wire.
 */

export {};

/**
 * @typedef {null | boolean | number | string | JsonList | JsonObject} Json
 * @typedef {Json[]} JsonList
 * @typedef {{[key: string]: Json}} JsonObject
 * @typedef {"snapshot" | "patch" | "append"} StateEncoding
 * @typedef {StateEncoding | "items" | "text"} Encoding
 * @typedef {"queued" | "running" | "completed" | "incomplete" | "failed" | "cancelled"} ExtractionState
 * @typedef {{epoch: string, rev: number}} Position
 * @typedef {{path: string, message: string}} FieldError
 *
 * @typedef {{op: "add" | "replace", path: string, value: Json}
 *   | {op: "remove", path: string}
 *   | {op: "append", path: string, value: string}} Operation
 *
 * @typedef {{name: string, description?: string, schema?: Json, example?: {input: string}}} Extractor
 *
 * @typedef {object} Provider where the text comes from
 * @property {string} name
 * @property {string | null} [model] null: the provider's default
 * @property {"idle" | "installing" | "loading" | "ready" | "failed"} [state]
 * @property {string} [reason] why this one, the fragment of a sentence
 * @property {boolean} [small] a toy-sized model
 */

/**
 * What a client sends.
 *
 * @typedef {{type: "hello", token?: string, ticket?: string, client?: string}} Hello
 *
 * @typedef {object} WatchOptions
 * @property {Encoding} [encoding] default patch
 * @property {number} [interval_ms] 0…1000, default 40
 * @property {boolean} [progress]
 * @property {boolean} [reasoning]
 * @property {boolean} [skeleton] default true
 * @property {string[]} [paths] pointer patterns, `*` for any member or item: values and result are what they select
 *
 * @typedef {object} ExtractionRequest
 * @property {string} [extractor] a registered name
 * @property {Json} [schema] or an inline JSON Schema, where the server allows it
 * @property {boolean} [many]
 * @property {string} [input] the text, or:
 * @property {Json[]} [messages] chat messages
 * @property {string} [model]
 * @property {string} [mode]
 * @property {{[name: string]: Json}} [params]
 * @property {number} [retries]
 * @property {number} [budget_tokens]
 * @property {string} [key] idempotency key; a random one is sent where none is given
 * @property {"reject" | "queue" | "replace"} [busy]
 * @property {number | null} [cancel_after_ms]
 * @property {string} [channel]
 *
 * @typedef {{extraction: string, from?: Position | "start" | "now"}} WatchRequest
 * @typedef {{type: "extract", id: string} & ExtractionRequest & WatchOptions} Extract
 * @typedef {{type: "watch", id: string} & WatchRequest & WatchOptions} WatchMessage
 * @typedef {{type: "unwatch", id: string}} Unwatch
 * @typedef {{type: "adjust", id: string, interval_ms?: number}} Adjust
 * @typedef {{type: "cancel", id?: string, extraction?: string}} Cancel
 * @typedef {{type: "follow", id: string, channel: string}} FollowMessage
 * @typedef {{type: "unfollow", id: string}} Unfollow
 * @typedef {{type: "ping", nonce?: string}} Ping
 * @typedef {{type: "pong", nonce?: string}} Pong
 * @typedef {Hello | Extract | WatchMessage | Unwatch | Adjust | Cancel | FollowMessage | Unfollow | Ping
 *   | Pong} ClientMessage
 */

/**
 * What a server sends.
 *
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {string} session
 * @property {string} protocol
 * @property {string} server
 * @property {number} heartbeat_ms
 * @property {{[name: string]: number}} limits
 * @property {Extractor[]} extractors
 * @property {string[]} encodings
 * @property {boolean} inline_schemas
 * @property {Provider} [provider]
 *
 * @typedef {{type: "started", id: string, extraction: string, epoch: string, state: ExtractionState,
 *   deduplicated: boolean}} Started
 * @typedef {{type: "watching", id: string, extraction: string, epoch: string, rev: number,
 *   state: ExtractionState, recovered: "tail" | "state" | "reset" | null}} Watching
 * @typedef {object} Progress how far the model is
 * @property {string | null} active the innermost place that is being written
 * @property {string[]} completed of a patch every place that became complete, of a snapshot those inside no other one
 * @property {string[]} [absent]
 * @property {string[]} [reopened]
 * @property {{[pointer: string]: string}} [states]
 * @typedef {{type: "snapshot", id: string, epoch: string, rev: number, value: Json} & Step} Snapshot
 * @typedef {{type: "patch", id: string, from: number, rev: number, ops: Operation[]} & Step} Patch
 * @typedef {{final?: boolean, progress?: Progress}} Step
 * @typedef {object} Item a finished item of an outermost list
 * @property {string} key its identity within the attempt
 * @property {string} path of its list
 * @property {number} index
 * @property {Json} value validated where it is valid, else as it was written
 * @property {boolean} valid
 * @property {FieldError[]} [errors] paths relative to the item
 * @typedef {{type: "item", id: string, rev: number} & Item} ItemFrame
 * @typedef {{type: "text" | "reasoning", id: string, epoch: string, at: number, text: string}} TextFrame
 * @typedef {{type: "reset", id: string, epoch: string, attempt: number, reason: string,
 *   errors?: FieldError[]}} Reset
 *
 * @typedef {{input_tokens: number, output_tokens: number, total_tokens: number, estimated: boolean,
 *   saved_tokens?: number | null}} Usage
 * @typedef {{queued_ms: number, first_delta_ms: number | null, total_ms: number}} Timing
 * @typedef {object} Ending
 * @property {string} id
 * @property {string} epoch
 * @property {number} rev
 * @property {number} [attempts]
 * @property {Usage} [usage]
 * @property {Timing} [timing]
 * @property {string} [digest] none where a watch has `paths`
 * @property {{kind: string, offset: number}[]} [repairs]
 * @property {{path: string, errors: FieldError[]}[]} [dropped] items that were left out
 *
 * @typedef {{code: string, message: string, retryable: boolean, phase?: string,
 *   errors?: FieldError[], param?: string}} Failure
 * @typedef {{path: string, name: string, passed: boolean, message?: string}} CheckReport
 * @typedef {{type: "completed", checks?: CheckReport[]} & Ending} Completed
 * @typedef {{type: "incomplete", reason: string, open: string[]} & Ending} Incomplete
 * @typedef {{type: "failed", error: Failure} & Ending} Failed
 * @typedef {{type: "cancelled"} & Ending} Cancelled
 * @typedef {Completed | Incomplete | Failed | Cancelled} Terminal
 *
 * @typedef {object} Announcement what happened to an extraction of a channel
 * @property {string} extraction
 * @property {string} extractor
 * @property {string} channel
 * @property {ExtractionState} state
 * @property {string} at RFC 3339, in UTC
 * @typedef {{type: "announcement", id: string} & Announcement} AnnouncementFrame
 *
 * @typedef {{type: "error", id?: string, extraction?: string, code: string, message: string, param?: string,
 *   retryable: boolean, retry_after_ms?: number}} ErrorMessage
 * @typedef {{type: "provider"} & Provider} ProviderMessage
 * @typedef {{type: "goaway", reason: string, retry_after_ms: number, deadline_ms: number}} Goaway
 *
 * @typedef {Started | Watching | Snapshot | Patch | ItemFrame | TextFrame | Reset | Terminal} WatchFrame what belongs to
 *   one watch
 * @typedef {Welcome | WatchFrame | AnnouncementFrame | ErrorMessage | ProviderMessage | Goaway | Ping
 *   | Pong} ServerMessage
 */
