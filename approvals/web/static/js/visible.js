/**
 * Makes the invisible visible (slack.md 5). Bidirectional controls, zero-width and other format characters, tags,
 * variation selectors, controls, private and unassigned code points, blank letters and odd spaces are written out as
 * their code point in inverse video; a letter of another script inside a Latin word is underlined with its code.
 */
import { h } from "./dom.js";

const HIDDEN =
  /[\p{Cf}\p{Cc}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000\u034F\u115F\u1160\u17B4\u17B5\u2800\u3164\uFFA0\uFE00-\uFE0F\u180B-\u180F\u{E0100}-\u{E01EF}]/u;
const LATIN = /\p{Script=Latin}/u;
const STRANGE = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u;
const ORDINARY = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };

const NAMES = {
  0x0: "NULL",
  0x1b: "ESCAPE",
  0x7f: "DELETE",
  0xa0: "NO-BREAK SPACE",
  0xad: "SOFT HYPHEN",
  0x61c: "ARABIC LETTER MARK",
  0x200b: "ZERO WIDTH SPACE",
  0x200c: "ZERO WIDTH NON-JOINER",
  0x200d: "ZERO WIDTH JOINER",
  0x200e: "LEFT-TO-RIGHT MARK",
  0x200f: "RIGHT-TO-LEFT MARK",
  0x2028: "LINE SEPARATOR",
  0x2029: "PARAGRAPH SEPARATOR",
  0x202a: "LEFT-TO-RIGHT EMBEDDING",
  0x202b: "RIGHT-TO-LEFT EMBEDDING",
  0x202c: "POP DIRECTIONAL FORMATTING",
  0x202d: "LEFT-TO-RIGHT OVERRIDE",
  0x202e: "RIGHT-TO-LEFT OVERRIDE",
  0x2060: "WORD JOINER",
  0x2066: "LEFT-TO-RIGHT ISOLATE",
  0x2067: "RIGHT-TO-LEFT ISOLATE",
  0x2068: "FIRST STRONG ISOLATE",
  0x2069: "POP DIRECTIONAL ISOLATE",
  0x3164: "HANGUL FILLER",
  0xfeff: "ZERO WIDTH NO-BREAK SPACE",
};

const codeOf = (character) => `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

function nameOf(character) {
  const point = character.codePointAt(0);
  if (NAMES[point]) return NAMES[point];
  if (point < 0x20 || (point >= 0x80 && point < 0xa0)) return "CONTROL CHARACTER";
  if (point >= 0xe0000 && point <= 0xe007f) return "TAG CHARACTER";
  if ((point >= 0xfe00 && point <= 0xfe0f) || (point >= 0xe0100 && point <= 0xe01ef)) return "VARIATION SELECTOR";
  return "HIDDEN CHARACTER";
}

/** The text as nodes, nothing in it left unseen. `breaks` starts a new line after a written-out line feed. */
export function visible(value, { breaks = false } = {}) {
  const text = String(value);
  const strange = strangePlaces(text);
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(plain));
    plain = "";
  };
  let place = 0;
  for (const character of text) {
    const marked = markFor(character, strange.has(place));
    if (marked) {
      flush();
      nodes.push(marked);
      if (breaks && character === "\n") plain = "\n";
    } else {
      plain += character;
    }
    place += character.length;
  }
  flush();
  return nodes;
}

function markFor(character, strange) {
  if (ORDINARY[character]) return h("span", { class: "ctl", text: ORDINARY[character] });
  if (HIDDEN.test(character)) {
    const name = nameOf(character);
    return h(
      "span",
      { class: "hid", title: name },
      codeOf(character),
      h("span", { class: "hid-name", text: ` ${name}` }),
    );
  }
  if (strange) return h("span", { class: "odd", title: `${codeOf(character)}: a letter of another script` }, character);
  return null;
}

/** One pass over the words: a pattern with two look-aheads would take the square of a long word's length. */
function strangePlaces(text) {
  const places = new Set();
  if (!STRANGE.test(text)) return places;
  for (const word of text.matchAll(/\S+/gu)) {
    if (!LATIN.test(word[0]) || !STRANGE.test(word[0])) continue;
    let place = word.index;
    for (const character of word[0]) {
      if (STRANGE.test(character)) places.add(place);
      place += character.length;
    }
  }
  return places;
}

/** One isolated inline run, so that right-to-left text cannot reorder what stands around it. */
export function bdi(value, className = "", options = {}) {
  return h("bdi", { class: className, dir: "auto" }, visible(value, options));
}

/** How many hidden characters, and letters of a foreign script, a text has. */
export function oddities(value) {
  const text = String(value);
  let hidden = 0;
  for (const character of text) if (!ORDINARY[character] && HIDDEN.test(character)) hidden += 1;
  return { hidden, strange: strangePlaces(text).size };
}

/** The text cut to `most` characters, saying how many were left out. Never used where a decision is made. */
export function brief(value, most) {
  const characters = [...String(value)];
  if (characters.length <= most) return String(value);
  return `${characters.slice(0, most).join("")}… ${(characters.length - most).toLocaleString()} more`;
}
