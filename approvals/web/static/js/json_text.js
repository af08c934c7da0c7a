/** JSON as a person types it: the value, or what is wrong and on which line; and on which line each place stands. Pure. */

/** The value of a text: { value, lines } with a line (from 1) for every JSON Pointer, or { problem, line }. */
export function readJson(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: said(error.message), line: lineOf(text, error.message) };
  }
  return { value, lines: placesOf(text) };
}

const said = (message) =>
  message
    .replace(/ in JSON.*| at line \d+.*| at position \d+.*|^JSON\.parse: /gs, "")
    .replace(/\s*\(line \d+ column \d+\)/, "");

/** Engines say where in different words: a position, or a line; at the end of the text some say nothing. */
function lineOf(text, message) {
  const line = /line (\d+)/.exec(message);
  if (line) return Number(line[1]);
  const position = /position (\d+)/.exec(message);
  return text.slice(0, position ? Number(position[1]) : text.length).split("\n").length;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s"[\]{},:]+|\n/g;
const escapeKey = (key) => key.replaceAll("~", "~0").replaceAll("/", "~1");

/** The line of each place of a text that is JSON. */
function placesOf(text) {
  const places = new Map();
  const open = [];
  let line = 1;
  let key = null;
  const pointer = () => {
    const top = open.at(-1);
    return top ? `${top.pointer}/${top.list ? top.index : escapeKey(key)}` : "";
  };
  for (const [token] of text.matchAll(TOKEN)) {
    const top = open.at(-1);
    if (token === "\n") line += 1;
    else if (token === "," && top) {
      if (top.list) top.index += 1;
      else top.named = false;
    } else if (token === ":") top.named = true;
    else if (token === "}" || token === "]") open.pop();
    else if (top && !top.list && !top.named) {
      key = JSON.parse(token);
      places.set(pointer(), line);
    } else {
      if (!places.has(pointer())) places.set(pointer(), line);
      if (token === "{" || token === "[") open.push({ pointer: pointer(), list: token === "[", index: 0, named: false });
    }
  }
  return places;
}

/** The line of a place, or of the nearest one above it that is there. */
export function lineAt(lines, pointer) {
  for (let at = pointer; at; at = at.slice(0, at.lastIndexOf("/"))) if (lines.has(at)) return lines.get(at);
  return 1;
}
