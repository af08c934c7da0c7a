/** Requests as CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe in front. */

const FIELDS = [
  "id",
  "state",
  "cause",
  "server",
  "tool",
  "agent",
  "owner",
  "risk",
  "severity",
  "rule",
  "created_at",
  "expires_at",
  "decided_at",
  "reviewers",
  "reasons",
  "arguments_sha256",
  "arguments",
];

function valueOf(request, field) {
  if (field === "reviewers")
    return (request.votes ?? []).map((vote) => `${vote.decision} ${vote.reviewer} via ${vote.via}`).join("; ");
  if (field === "reasons")
    return (request.votes ?? [])
      .map((vote) => vote.reason)
      .filter(Boolean)
      .join("; ");
  if (field === "arguments") return JSON.stringify(request.arguments ?? {});
  return request[field] ?? "";
}

function cell(value) {
  const text = String(value);
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The table as text, with a header line. */
export function rowsAsCsv(requests) {
  const lines = requests.map((request) => FIELDS.map((field) => cell(valueOf(request, field))).join(","));
  return `${[FIELDS.join(","), ...lines].join("\r\n")}\r\n`;
}
