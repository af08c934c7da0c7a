/** What the inbox says of a group of calls that are alike. Which are, and how many, the server says (`/api/v1/queue`). */

/** Whether an id of the list is that of a group. */
export const isGroup = (id) => String(id ?? "").startsWith("fold_");

/** The row of an entry of the queue: a request, or a group, which has an id of its own and the first of its calls. */
export function rowOf({ request, group }) {
  if (!group) return request;
  const { severity, risk, tool, server, created_at } = request;
  return { ...group, id: group.fold, group: true, severity, risk, tool, server, created_at };
}

/** "12 calls" */
export const callsWords = (count) => `${count} ${count === 1 ? "call" : "calls"}`;

/** What will be sent: "Approve 9, deny 3". */
export function countsWords(approve, deny) {
  const parts = [approve ? `approve ${approve}` : "", deny ? `deny ${deny}` : ""].filter(Boolean).join(", ");
  return parts.charAt(0).toUpperCase() + parts.slice(1);
}
