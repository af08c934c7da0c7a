/** The words for freezes and break-glass. */
import { bdi } from "../visible.js";

/** What a freeze stops, at the beginning of a sentence. */
export function what(one) {
  if (one.agent) return ["Agent ", bdi(one.agent, "mono")];
  if (one.server) return ["Server ", bdi(one.server, "mono")];
  return "Every agent";
}

/** The same as plain text. */
export function whatText(one) {
  if (one.agent) return `Agent ${one.agent}`;
  return one.server ? `Server ${one.server}` : "Every agent";
}

/** What break-glass is open for, within a sentence. */
export const where = (one) => (one.server ? ["for server ", bdi(one.server, "mono")] : "for every server");

/** Who, with the address where the name is another. */
export function who(id, name) {
  const called = name && name !== id ? `${name} (${id})` : id;
  if (id === "placet") return "Placet";
  return id.startsWith("cli:") ? [bdi(id.slice(4)), " on the command line"] : bdi(called);
}

/** How long a freeze may be. */
export const FREEZE_TIMES = [
  ["30m", "30 minutes"],
  ["1h", "1 hour"],
  ["4h", "4 hours"],
  ["24h", "24 hours"],
  ["7d", "7 days, the longest"],
];

/** How long break-glass may be open. */
export const GLASS_TIMES = [
  ["15m", "15 minutes"],
  ["30m", "30 minutes"],
  ["1h", "1 hour"],
  ["2h", "2 hours"],
  ["4h", "4 hours"],
  ["8h", "8 hours, the longest"],
];
