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
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "PatchError";
  }
}

const INDEX = /^(?:0|[1-9][0-9]*)$/;
const BAD_ESCAPE = /~(?![01])/;

/**
 * The reference tokens of a JSON Pointer.
 *
 * @param {string} pointer
 * @returns {string[]}
 */
export function parsePointer(pointer) {
  if (pointer === "") return [];
  if (typeof pointer !== "string" || pointer[0] !== "/" || BAD_ESCAPE.test(pointer)) {
    throw new PatchError(`not a JSON Pointer: ${String(pointer)}`);
  }
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/**
 * The value after all operations; the given one is left as it was.
 *
 * @param {Json} value
 * @param {readonly Operation[]} operations
 * @returns {Json}
 */
export function apply(value, operations) {
  const draft = new Draft(value);
  for (const operation of operations) draft.apply(operation);
  return draft.root;
}

/** One patch at work: a root, and the containers in it that are copies of our own. */
class Draft {
  /** @type {Set<Container>} */
  #copies = new Set();

  /** @param {Json} root */
  constructor(root) {
    this.root = root;
  }

  /** @param {Operation} operation */
  apply(operation) {
    const tokens = parsePointer(operation.path);
    const last = tokens.pop();
    if (last === undefined) this.root = changedRoot(this.root, operation);
    else change(this.#parent(tokens, operation.path), last, operation);
  }

  /**
   * The container at `tokens`, writable.
   *
   * @param {string[]} tokens
   * @param {string} path
   */
  #parent(tokens, path) {
    let node = this.#writable(this.root, path);
    this.root = node;
    for (const token of tokens) {
      const child = this.#writable(member(node, token, path), path);
      put(node, token, child);
      node = child;
    }
    return node;
  }

  /**
   * @param {Json} node
   * @param {string} path
   * @returns {Container}
   */
  #writable(node, path) {
    if (node === null || typeof node !== "object") throw new PatchError(`nothing can be inside: ${path}`);
    if (this.#copies.has(node)) return node;
    const copy = Array.isArray(node) ? node.slice() : { ...node };
    this.#copies.add(copy);
    return copy;
  }
}

/**
 * @param {Json} root
 * @param {Operation} operation
 * @returns {Json}
 */
function changedRoot(root, operation) {
  switch (operation.op) {
    case "add":
    case "replace":
      return operation.value;
    case "append":
      return grown(root, operation);
    default:
      throw new PatchError(`not for a whole value: ${operation.op}`);
  }
}

/**
 * @param {Container} node
 * @param {string} key
 * @param {Operation} operation
 */
function change(node, key, operation) {
  switch (operation.op) {
    case "add":
      return Array.isArray(node) ? insert(node, key, operation) : put(node, key, operation.value);
    case "replace":
      member(node, key, operation.path);
      return put(node, key, operation.value);
    case "append":
      return put(node, key, grown(member(node, key, operation.path), operation));
    case "remove":
      member(node, key, operation.path);
      if (Array.isArray(node)) node.splice(Number(key), 1);
      else delete node[key];
      return undefined;
    default:
      throw new PatchError(`unknown operation: ${String(/** @type {any} */ (operation).op)}`);
  }
}

/**
 * @param {Json} text
 * @param {Extract<Operation, {op: "append"}>} operation
 */
function grown(text, operation) {
  if (typeof text === "string" && typeof operation.value === "string") return text + operation.value;
  throw new PatchError(`only strings grow: ${operation.path}`);
}

/**
 * @param {Json[]} list
 * @param {string} key
 * @param {Extract<Operation, {op: "add" | "replace"}>} operation
 */
function insert(list, key, operation) {
  const index = key === "-" ? list.length : Number(key);
  if ((key !== "-" && !INDEX.test(key)) || index > list.length) {
    throw new PatchError(`no such index: ${operation.path}`);
  }
  if (index === list.length) list.push(operation.value);
  else list.splice(index, 0, operation.value);
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
  const isThere = Array.isArray(node)
    ? INDEX.test(key) && Number(key) < node.length
    : Object.hasOwn(node, key);
  const found = isThere ? /** @type {{[key: string]: Json}} */ (node)[key] : undefined;
  if (found !== undefined) return found;
  throw new PatchError(`nothing at: ${path}`);
}

/**
 * @param {Container} node
 * @param {string} key
 * @param {Json} value
 */
function put(node, key, value) {
  if (Array.isArray(node)) node[Number(key)] = value;
  else if (key !== "__proto__") node[key] = value;
  else Object.defineProperty(node, key, { value, writable: true, enumerable: true, configurable: true });
}
