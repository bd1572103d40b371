/**
 * JSON Patch (RFC 6902: add, replace, remove) and the `append` of PROTOCOL.md §4, on JSON Pointers (RFC 6901).
 *
 * 1. A value that was handed out never changes: what an operation touches is copied, the rest is shared.
 * 2. Within one patch a container is copied at most once.
 * 3. A patch that fails changes nothing.
 * 4. `__proto__` and `constructor` are ordinary keys: only own properties are seen, none is ever assigned blindly.
 */

/**
 * @typedef {import("./protocol.js").Json} Json
 * @typedef {import("./protocol.js").Operation} Operation
 * @typedef {Json[] | {[key: string]: Json}} Container
 */

/** An operation that does not fit the value it is applied to. */
export class PatchError extends Error {
  /** @override */
  name = "PatchError";
}

const BAD_ESCAPE = /~(?![01])/;

/**
 * The reference tokens of a JSON Pointer.
 *
 * @param {string} pointer
 * @returns {string[]}
 */
export function parsePointer(pointer) {
  const [before, ...tokens] = String(pointer).split("/");
  if (before !== "" || BAD_ESCAPE.test(pointer)) throw new PatchError(`not a JSON Pointer: ${pointer}`);
  return tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/**
 * The value after all operations; the given one is left as it was.
 *
 * @param {Json} value
 * @param {readonly Operation[]} operations
 * @returns {Json}
 */
export function apply(value, operations) {
  /** What holds the value makes the whole of it a member like any other. */
  const holder = { "": value };
  /** Containers that are our own to change. @type {Set<Json>} */
  const copies = new Set([holder]);
  for (const operation of operations) {
    const tokens = parsePointer(operation?.path);
    /** @type {Container} */
    let node = holder;
    let key = "";
    for (const token of tokens) {
      node = inside(node, key, operation.path, copies);
      key = token;
    }
    change(node, key, operation);
  }
  return member(holder, "", "");
}

/**
 * The container at a member, writable.
 *
 * @param {Container} node
 * @param {string} key
 * @param {string} path
 * @param {Set<Json>} copies
 * @returns {Container}
 */
function inside(node, key, path, copies) {
  const child = member(node, key, path);
  if (child === null || typeof child !== "object") throw new PatchError(`not a container: ${path}`);
  if (copies.has(child)) return child;
  const copy = Array.isArray(child) ? child.slice() : { ...child };
  copies.add(copy);
  put(node, key, copy);
  return copy;
}

/**
 * @param {Container} node
 * @param {string} key
 * @param {Operation} operation
 */
function change(node, key, operation) {
  const { op, path } = operation;
  if (op !== "remove" && operation.value === undefined) throw new PatchError(`no value: ${path}`);
  const list = Array.isArray(node) ? node : null;
  const isNew = op === "add" && (!list || key === "-" || key === String(list.length));
  const before = isNew ? null : member(node, key, path);
  switch (op) {
    case "add":
    case "replace":
      if (op === "add" && list) list.splice(isNew ? list.length : Number(key), 0, operation.value);
      else put(node, key, operation.value);
      break;
    case "append":
      if (typeof before !== "string" || typeof operation.value !== "string") {
        throw new PatchError(`not a text: ${path}`);
      }
      put(node, key, before + operation.value);
      break;
    case "remove":
      if (list) list.splice(Number(key), 1);
      else delete (/** @type {{[key: string]: Json}} */ (node)[key]);
      break;
    default:
      throw new PatchError(`not an operation: ${String(op)}`);
  }
}

/**
 * The member that must be there.
 *
 * @param {Container} node
 * @param {string} key
 * @param {string} path
 * @returns {Json}
 */
function member(node, key, path) {
  const isThere = Object.hasOwn(node, key) && !(key === "length" && Array.isArray(node));
  const found = isThere ? /** @type {{[key: string]: Json}} */ (node)[key] : undefined;
  if (found !== undefined) return found;
  throw new PatchError(`not there: ${path}`);
}

/**
 * @param {Container} node
 * @param {string} key
 * @param {Json} value
 */
function put(node, key, value) {
  Object.defineProperty(node, key, { value, writable: true, enumerable: true, configurable: true });
}
