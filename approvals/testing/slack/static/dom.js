// Making nodes. Everything that came from an app or a person enters the page as a text node.

/** Make an element: h("button", {class: "quiet", onclick: f}, "text", node, null). */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") node[name] = value;
    else node.setAttribute(name === "cls" ? "class" : name, value === true ? "" : String(value));
  }
  append(node, children);
  return node;
}

/** Append nodes, strings and arrays of them; nothing for null. */
export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** Show exactly these nodes, moving as few as possible, so that focus and typing survive. */
export function settle(parent, nodes) {
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

/** A square with initials. */
export function avatar(name, isApp) {
  const words = name.trim().split(/\s+/);
  const letters = (words.length > 1 ? words[0][0] + words.at(-1)[0] : name.slice(0, 2)).toUpperCase();
  const tint = [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 5;
  return h("span", { class: `avatar ${isApp ? "app" : `tint${tint}`}`, "aria-hidden": "true" }, letters);
}
