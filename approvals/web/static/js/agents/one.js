/** One agent: who is behind it, its tokens, and what can be done to it. */
import { absent, factsAcross, oneOf } from "../directory.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { isSteward } from "../roles.js";
import { setTitle } from "../shell.js";
import { askFreeze } from "../stops/dialogs.js";
import { table } from "../table.js";
import { ago, exact, lastUsed, now } from "../time.js";
import { bdi } from "../visible.js";
import { pauseAgent, resumeAgent, revokeAgent, revokeToken, rotateAgent } from "./acts.js";

/** How an agent stands, in a word. */
export const standing = (agent) => {
  if (agent.revoked_at) return "Revoked";
  if (agent.paused_at) return "Paused";
  return agent.anonymous ? "Active, no token needed" : "Active";
};

/** Draw the page. */
export async function agentPage(main, name, { me }) {
  setTitle(name);
  const body = h("div", { class: "page" }, h("p", { class: "muted", text: "Loading…" }));
  show(main, body);
  const load = async () => {
    try {
      const agent = await oneOf("/api/v1/agents", "agents", "name", name);
      if (agent) draw(agent);
      else show(body, back(), h("h1", { text: "There is no such agent" }), h("p", {}, "Nobody knows an agent ", bdi(name, "mono"), "."));
    } catch (error) {
      show(body, back(), absent(error, "Agents"));
    }
  };
  const draw = (agent) => {
    const did = (after) => after && draw(after);
    show(body, head(agent, me, did), facts(agent), tokens(agent, me, did));
  };
  await load();
}

const back = () => h("a", { class: "button quiet", href: "/agents" }, icon("back"), "Agents");

function head(agent, me, did) {
  const button = (words, run, kind = "") => h("button", { class: `button ${kind}`, type: "button", text: words, on: { click: run } });
  const paused = agent.paused_at
    ? button("Resume…", async () => did(await resumeAgent(agent)))
    : button("Pause…", async () => did(await pauseAgent(agent)));
  const acts = h(
    "div",
    { class: "page-acts" },
    paused,
    agent.anonymous ? null : button("New token…", async () => did(await rotateAgent(agent))),
    button("Freeze…", () => askFreeze({ agent: agent.name })),
    button("Revoke…", async () => did(await revokeAgent(agent)), "no"),
  );
  return h(
    "header",
    { class: "page-head" },
    h("div", {}, back(), h("h1", {}, "Agent ", bdi(agent.name, "mono")), h("p", { text: standingWords(agent) })),
    isSteward(me) && !agent.revoked_at ? acts : null,
  );
}

function standingWords(agent) {
  if (agent.revoked_at) return `Revoked for good, ${exact(agent.revoked_at)}.`;
  if (agent.paused_at) return `Paused since ${exact(agent.paused_at)}: its calls are refused until somebody resumes it.`;
  return agent.anonymous ? "Active. It needs no token: whoever reaches Placet without one is this agent." : "Active.";
}

function facts(agent) {
  return factsAcross([
    ["Owner", agent.owner ? bdi(agent.owner) : "nobody"],
    ["Servers", bdi(agent.servers.join(", ") || "none")],
    ["Last call", lastUsed(agent.last_used_at)],
    ["Known from", agent.source === "config" ? "the configuration file" : "added while Placet ran"],
  ]);
}

function tokens(agent, me, did) {
  const rows = agent.tokens;
  if (!rows.length) {
    const why = agent.anonymous ? "It needs none." : "It has none of Placet's own; it comes with an access token, or has not been given one.";
    return h("section", { class: "stops-part", "aria-label": "Tokens" }, h("h2", { text: "Tokens" }), h("p", { class: "muted", text: why }));
  }
  const may = isSteward(me) && !agent.revoked_at;
  const revoke = (token) =>
    may && good(token)
      ? h("button", {
          class: "button no",
          type: "button",
          text: "Revoke…",
          "aria-label": `Revoke the token ${token.prefix}`,
          on: { click: async () => did(await revokeToken(agent, token)) },
        })
      : "–";
  const columns = [
    { name: "Begins with", cell: (token) => bdi(`${token.prefix}…`, "mono") },
    { name: "Is", cell: tokenWords },
    { name: "Made", cell: (token) => ago(token.created_at) },
    { name: "Last used", cell: (token) => lastUsed(token.last_used_at) },
    ...(may ? [{ name: "Revoke", cell: revoke }] : []),
  ];
  return h("section", { class: "stops-part", "aria-label": "Tokens" }, h("h2", { text: "Tokens" }), table(`Tokens of ${agent.name}`, columns, rows));
}

/** How many of its tokens are good, and when the last of them ends. */
export function tokensInShort(agent) {
  const usable = agent.tokens.filter(good);
  if (!usable.length) return agent.anonymous ? "none needed" : "none";
  const ends = usable.map((token) => token.expires_at);
  const last = ends.includes(null) ? null : ends.sort().at(-1);
  return h("span", {}, `${usable.length} good`, last ? [", ends ", ago(last)] : null);
}

const good = (token) => !token.revoked_at && (!token.expires_at || Date.parse(token.expires_at) > now());

function tokenWords(token) {
  if (token.revoked_at) return h("span", {}, "Revoked ", ago(token.revoked_at));
  if (!token.expires_at) return "Good";
  return h("span", {}, good(token) ? "Good, ends " : "Ended ", ago(token.expires_at));
}
