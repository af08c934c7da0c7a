/** Texts line by line: pure, no elements. What differs between two, and what kind of words a line of a policy has. */

const MOST_CELLS = 4_000_000;

/** The lines of a text; a newline at its end begins no line. */
export function linesOf(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  if (lines.length > 1 && lines.at(-1) === "") lines.pop();
  return lines;
}

/**
 * What differs, as rows { kind: "same" | "gone" | "new", line, before, after } with line numbers from 1 on each side.
 * The longest common run of lines is kept; where two texts are too different for that, the middle is replaced whole.
 */
export function compare(before, after) {
  const [a, b] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const rows = [];
  const same = (i, j) => rows.push({ kind: "same", line: a[i], before: i + 1, after: j + 1 });
  const gone = (i) => rows.push({ kind: "gone", line: a[i], before: i + 1, after: null });
  const fresh = (j) => rows.push({ kind: "new", line: b[j], before: null, after: j + 1 });
  for (let i = 0; i < start; i += 1) same(i, i);
  walk(a, b, { start, aEnd: a.length - end, bEnd: b.length - end }, { same, gone, fresh });
  for (let k = end; k > 0; k -= 1) same(a.length - k, b.length - k);
  return rows;
}

function walk(a, b, { start, aEnd, bEnd }, { same, gone, fresh }) {
  const [height, width] = [aEnd - start, bEnd - start];
  let [i, j] = [start, start];
  if (height * width <= MOST_CELLS) {
    const longest = lengths(a, b, start, height, width);
    const at = (x, y) => longest[(x - start) * (width + 1) + (y - start)];
    while (i < aEnd && j < bEnd) {
      if (a[i] === b[j]) same(i++, j++);
      else if (at(i + 1, j) >= at(i, j + 1)) gone(i++);
      else fresh(j++);
    }
  }
  while (i < aEnd) gone(i++);
  while (j < bEnd) fresh(j++);
}

/** How long the longest common run is from each pair of lines on. */
function lengths(a, b, start, height, width) {
  const table = new Uint32Array((height + 1) * (width + 1));
  for (let x = height - 1; x >= 0; x -= 1)
    for (let y = width - 1; y >= 0; y -= 1) {
      const here = x * (width + 1) + y;
      table[here] =
        a[start + x] === b[start + y]
          ? table[here + width + 2] + 1
          : Math.max(table[here + width + 1], table[here + 1]);
    }
  return table;
}

/** The rows worth showing: what differs with some lines around it, and { kind: "gap", count } for what is left out. */
export function withContext(rows, around = 3) {
  const shown = new Set();
  for (const [index, row] of rows.entries())
    if (row.kind !== "same")
      for (let near = index - around; near <= index + around; near += 1) shown.add(near);
  const found = [];
  for (const [index, row] of rows.entries()) {
    if (shown.has(index)) found.push(row);
    else if (found.at(-1)?.kind === "gap") found.at(-1).count += 1;
    else found.push({ kind: "gap", count: 1 });
  }
  return found;
}

const KEY = /^([\s\-[{,]*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"'[\]{},:][^#"'[\]{},:]*)(\s*:)(?=\s|$)/;

/** A line in parts { kind: "space" | "key" | "note" | "text", text }: enough to find one's way, no parser. */
export function parts(line) {
  const space = /^[ \t]*/.exec(line)[0];
  const rest = line.slice(space.length);
  const found = space ? [{ kind: "space", text: space.replaceAll("\t", "  ") }] : [];
  if (rest.startsWith("#")) return [...found, { kind: "note", text: rest }];
  const key = KEY.exec(rest);
  if (!key) return rest ? [...found, { kind: "text", text: rest }] : found;
  const [, lead, name, colon] = key;
  const after = rest.slice(key[0].length);
  if (lead) found.push({ kind: "text", text: lead });
  found.push({ kind: "key", text: name + colon });
  return after ? [...found, { kind: "text", text: after }] : found;
}
