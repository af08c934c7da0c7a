/** Which rows of the inbox are one group, and the words of a group. What is alike the server says (`fold`). */

/** Whether an id of the list is that of a group. */
export const isGroup = (id) => String(id ?? "").startsWith("fold_");

/** The rows of the list, with those that are alike as one group where its first row would be. `from`: so many make one. */
export function folded(requests, from) {
  const alike = new Map();
  for (const request of requests) {
    if (!request.fold || !from) continue;
    if (!alike.has(request.fold)) alike.set(request.fold, []);
    alike.get(request.fold).push(request);
  }
  const rows = [];
  for (const request of requests) {
    const members = alike.get(request.fold) ?? [];
    if (!from || members.length < from) rows.push(request);
    else if (members[0] === request) rows.push(groupOf(request.fold, members));
  }
  return rows;
}

function groupOf(id, members) {
  const [first] = members;
  const ends = members.reduce((soonest, one) => (one.expires_at < soonest.expires_at ? one : soonest), first);
  return {
    id,
    members,
    state: "pending",
    severity: first.severity,
    risk: first.risk,
    tool: first.tool,
    server: first.server,
    created_at: ends.created_at,
    expires_at: ends.expires_at,
    agents: [...new Set(members.map((one) => one.agent))],
    mine: members.filter((one) => one.may_decide).length,
  };
}

/** "12 calls" */
export const callsWords = (count) => `${count} ${count === 1 ? "call" : "calls"}`;

/** What will be sent: "Approve 9, deny 3". */
export function countsWords(approve, deny) {
  const parts = [approve ? `approve ${approve}` : "", deny ? `deny ${deny}` : ""].filter(Boolean).join(", ");
  return parts.charAt(0).toUpperCase() + parts.slice(1);
}
