/** The JavaScript client of the extraction gateway: no dependency, no build step. */

export { digest } from "./bytes.js";
export { GatewayError } from "./errors.js";
export { Follow } from "./follow.js";
export { PatchError, apply } from "./patch.js";
export { Replica } from "./replica.js";
export { Session, connect } from "./session.js";
export { Watch } from "./watch.js";
