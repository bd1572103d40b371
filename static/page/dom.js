/** Elements, made without ever reading a value as HTML. */

/**
 * A new element with a class and children; a string becomes text.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/**
 * The element of this id, of this class; the page is broken without it.
 *
 * @template {HTMLElement} Type
 * @param {string} id
 * @param {new () => Type} [type]
 * @returns {Type}
 */
export function byId(id, type = /** @type {any} */ (HTMLElement)) {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`the page has no ${type.name} #${id}`);
}

/**
 * Set text only where it differs: untouched nodes cost no layout.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Put a text in the place of another one as if it were typed, so that the browser's own undo takes it back. Nothing is
 * to be taken back of a field that was empty, and under fingers a focus would open the keyboard.
 *
 * @param {HTMLTextAreaElement} field
 * @param {string} text
 */
export function write(field, text) {
  if (text && field.value && !matchMedia("(pointer: coarse)").matches) {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    field.focus({ preventScroll: true });
    field.select();
    if (document.activeElement === field) document.execCommand("insertText", false, text);
    if (before === document.body) field.blur();
    else before?.focus({ preventScroll: true });
  }
  if (field.value !== text) field.value = text;
}

/** Show the one child that is for `now`; whether there is one. @param {string} id @param {string} now */
export function showOnly(id, now) {
  const children = /** @type {HTMLElement[]} */ ([...byId(id).children]);
  for (const child of children) child.hidden = child.dataset.when !== now;
  return children.some((child) => !child.hidden);
}

/**
 * Make `children` the children of `parent`, moving only what is out of place.
 *
 * @param {Element} parent
 * @param {Iterable<Element>} children
 */
export function place(parent, children) {
  const wanted = new Set(children);
  let next = parent.firstElementChild;
  const leaveOut = () => {
    while (next && !wanted.has(next)) {
      const after = next.nextElementSibling;
      next.remove();
      next = after;
    }
  };
  for (const child of wanted) {
    leaveOut(); // first: what is left in front would make all behind it move
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
  leaveOut();
}

/** Let a box that scrolls be scrolled by key. @param {HTMLElement} box @param {HTMLElement} inside what may be wider */
export function reachable(box, inside) {
  const sizes = new ResizeObserver(() => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
  for (const each of [box, inside]) sizes.observe(each);
}
