/** The newest frames of a run, as far as they are kept to look at. */

/** So many are kept. */
const KEPT_FRAMES = 200;
/** Longer frames are described rather than kept. */
const LONG_FRAME_BYTES = 8_000;
const SHOWN_CHARS = 400;

/**
 * @typedef {import("../client/protocol.js").WatchFrame} WatchFrame
 * @typedef {{count: number, type: string, rev: number | null, bytes: number, text: string}} ShownFrame
 */

export class Frames {
  /** The newest last. @type {ShownFrame[]} */
  kept = [];
  count = 0;

  /**
   * @param {WatchFrame} frame
   * @param {number} bytes
   */
  keep(frame, bytes) {
    const rev = "rev" in frame ? frame.rev : null;
    this.kept.push({ count: ++this.count, type: frame.type, rev, bytes, text: textOf(frame, bytes) });
    if (this.kept.length > KEPT_FRAMES) this.kept.shift();
  }
}

/**
 * @param {WatchFrame} frame
 * @param {number} bytes
 */
function textOf(frame, bytes) {
  const { type: _, id: __, ...rest } = frame;
  if (bytes > LONG_FRAME_BYTES) return `${Object.keys(rest).join(", ")} …`;
  const text = JSON.stringify(rest);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)} …` : text;
}
