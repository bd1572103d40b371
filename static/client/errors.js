/** Every way a watch or a connection can fail, with the code of the wire (PROTOCOL.md §8, §9). */

/** @typedef {import("./protocol.js").Json} Json */

/**
 * @typedef {object} Details
 * @property {boolean} [retryable]
 * @property {string} [param]
 * @property {number} [retry_after_ms]
 * @property {string} [phase]
 * @property {import("./protocol.js").FieldError[]} [errors]
 * @property {Json} [value] what had been reached
 *
 * @typedef {Details & {code: string, message: string}} Failed
 */

/**
 * One failure. Besides the wire's codes there are four of our own: `incomplete` and `cancelled` (an ending without
 * a whole value), `closed` (this side stopped looking) and `disconnected` (the server does not want us back).
 */
export class GatewayError extends Error {
  /** @override */
  name = "GatewayError";

  /**
   * @param {string} code
   * @param {string} message
   * @param {Details} [details]
   */
  constructor(code, message, details = {}) {
    super(message);
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.param = details.param;
    this.retry_after_ms = details.retry_after_ms;
    this.phase = details.phase;
    this.errors = details.errors ?? [];
    this.value = details.value;
  }
}

/**
 * The error of a failure on the wire.
 *
 * @param {Failed} failure
 * @param {Json} [value]
 */
export function errorOf({ code, message, ...details }, value) {
  return new GatewayError(code, message, { ...details, value });
}
