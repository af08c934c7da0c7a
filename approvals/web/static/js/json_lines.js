/** JSON as lines and lists: pure, no elements. A line is one key or item with its JSON Pointer, depth and kind. */

const escapeKey = (key) => key.replaceAll("~", "~0").replaceAll("/", "~1");

function kindOf(value) {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

/** Every key and item, depth first. A bare value at the top is one line; the top object itself has none. */
export function linesOf(value) {
  const lines = [];
  const kind = kindOf(value);
  if (kind !== "object" && kind !== "array")
    return [{ pointer: "", key: null, index: false, depth: 0, kind, value: value ?? null, size: 0 }];
  const stack = [childrenOf(value, "", 0)];
  while (stack.length) {
    const level = stack.at(-1);
    const line = level.shift();
    if (!line) {
      stack.pop();
      continue;
    }
    lines.push(line);
    if (line.size) stack.push(childrenOf(line.value, line.pointer, line.depth + 1));
  }
  if (!lines.length) lines.push({ pointer: "", key: null, index: false, depth: 0, kind, value, size: 0 });
  return lines;
}

function childrenOf(value, pointer, depth) {
  const index = Array.isArray(value);
  return Object.entries(value).map(([key, child]) => {
    const kind = kindOf(child);
    const size = kind === "object" || kind === "array" ? Object.keys(child).length : 0;
    return { pointer: `${pointer}/${escapeKey(key)}`, key, index, depth, kind, value: child, size };
  });
}

/** The same value with the keys of its objects in the order in which they stand in another value; new keys come last. */
export function inOrderOf(model, value) {
  if (Array.isArray(value)) return value.map((item, at) => inOrderOf(Array.isArray(model) ? model[at] : null, item));
  if (kindOf(value) !== "object") return value;
  const known = kindOf(model) === "object" ? model : {};
  const names = [...Object.keys(known).filter((name) => Object.hasOwn(value, name)), ...Object.keys(value).filter((name) => !Object.hasOwn(known, name))];
  return Object.fromEntries(names.map((name) => [name, inOrderOf(Object.hasOwn(known, name) ? known[name] : null, value[name])]));
}

/** The lists worth a table: two or more objects with few keys. */
export function listsOf(value) {
  const found = [];
  const consider = (list, pointer) => {
    if (!Array.isArray(list) || list.length < 2 || !list.every((item) => kindOf(item) === "object")) return;
    const columns = [...new Set(list.flatMap((item) => Object.keys(item)))];
    if (columns.length && columns.length <= 24) found.push({ pointer, columns, rows: list });
  };
  consider(value, "");
  for (const line of linesOf(value)) consider(line.value, line.pointer);
  return found.slice(0, 8);
}
