/**
 * The only maker of elements. Text becomes text nodes; there is no way to hand markup in.
 * Links are refused unless they stay on this site, so nothing an agent wrote can become an address.
 */

/** Build an element. `props`: class, text, data (dataset), on (listeners), style (custom properties), any attribute. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(element, name, value);
  fill(element, children);
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") element.className = value;
  else if (name === "text") element.textContent = value;
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "on")
    for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  else if (name === "href") element.setAttribute("href", ownLink(value));
  else if (/^(style|srcdoc|src|on)/.test(name)) throw new TypeError(`${name} is not set from here`);
  else element.setAttribute(name, value === true ? "" : String(value));
}

function ownLink(value) {
  const link = String(value);
  if (/^(\/(?!\/)|#|\?)/.test(link)) return link;
  throw new TypeError("links stay on this site");
}

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Replace everything inside `element`. */
export function show(element, ...children) {
  element.replaceChildren();
  fill(element, children);
  return element;
}

let spoken = "";
let speaking = 0;

/** Say something to screen readers; the newest of a burst wins, at most one a second. */
export function announce(text) {
  spoken = text;
  if (speaking) return;
  speaking = window.setTimeout(() => {
    speaking = 0;
    const region = document.getElementById("announce");
    if (region) region.textContent = spoken;
  }, 1000);
}

/** Put text on the clipboard; false where the browser does not let us. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Hand the reader a file made here. */
export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Run `work` once things have been quiet for `wait` ms, but never later than `latest` ms after the first ask. */
export function settleDown(work, wait, latest) {
  let timer = 0;
  let first = 0;
  return () => {
    const now = performance.now();
    first ||= now;
    window.clearTimeout(timer);
    timer = window.setTimeout(
      () => {
        first = 0;
        work();
      },
      Math.max(0, Math.min(wait, first + latest - now)),
    );
  };
}
