/** What operators and admins do to agents, each one dialog: add, pause, resume, rotate, revoke. A token is shown once. */
import { askAct, field, typedField } from "../act.js";
import { Problem, get, post } from "../api.js";
import { announce, h } from "../dom.js";
import { showSecret } from "../secret.js";
import { exact } from "../time.js";
import { bdi } from "../visible.js";

const plain = { class: "input", autocomplete: "off", spellcheck: "false", autocapitalize: "off" };
const path = (agent, verb) => `/api/v1/agents/${encodeURIComponent(agent.name)}/${verb}`;

/** Add an agent; gives its row once its token was shown, or null. */
export async function addAgent() {
  const name = field("Name", h("input", { ...plain, class: "input mono", maxlength: "64" }), { needed: true });
  const owner = field("The human behind it (address)", h("input", { ...plain, type: "email", maxlength: "254" }), { needed: true });
  const servers = await serversField();
  const issued = await askAct("Add an agent", {
    say: h("p", { text: "It may call the servers you choose, within their policies, and gets a token for 90 days." }),
    fields: [name, owner, servers],
    button: "Add it and show its token",
    send: () => post("/api/v1/agents", { name: name.value(), owner: owner.value(), servers: servers.value() }),
    focus: () => name.input,
  });
  return issued ? shown(issued, "is added") : null;
}

/** A new token in place of the one now. */
export async function rotateAgent(agent) {
  const issued = await askAct("A new token?", {
    say: h("p", {}, "Agent ", bdi(agent.name, "mono"), " gets a new token. The one it uses now works for a day longer; older ones end now."),
    button: "Make the new token",
    send: () => post(path(agent, "rotate")),
  });
  return issued ? shown(issued, "has a new token") : null;
}

/** Refuse its calls until somebody resumes it. */
export async function pauseAgent(agent) {
  const done = await askAct("Pause this agent?", {
    say: h(
      "p",
      {},
      "Calls of ",
      bdi(agent.name, "mono"),
      " are refused until somebody resumes it. What waits for people waits on, and can only be denied; what is approved runs once it is resumed. For something dangerous, freeze or revoke it.",
    ),
    button: "Pause it",
    send: () => post(path(agent, "pause")),
  });
  if (done) announce("Paused.");
  return done;
}

/** Take its calls again. */
export async function resumeAgent(agent) {
  const done = await askAct("Resume this agent?", {
    say: h("p", {}, "Calls of ", bdi(agent.name, "mono"), " are taken again at once."),
    button: "Resume it",
    send: () => post(path(agent, "resume")),
  });
  if (done) announce("Resumed.");
  return done;
}

/** End it for good. */
export async function revokeAgent(agent) {
  const typed = typedField("This cannot be undone.", agent.name);
  const done = await askAct("Revoke this agent for good?", {
    say: h(
      "p",
      {},
      "All tokens of ",
      bdi(agent.name, "mono"),
      " stop working on every replica. Its calls that wait or are approved end at once; what is running now keeps its result.",
    ),
    fields: [typed],
    button: "Revoke it for good",
    kind: "no",
    send: () => post(path(agent, "revoke")),
    focus: () => null,
  });
  if (done) announce(endedWords("Revoked", done.ended));
  return done?.agent ?? null;
}

/** End one of its tokens. */
export async function revokeToken(agent, token) {
  const done = await askAct("Revoke this token?", {
    say: h(
      "p",
      {},
      "Token ",
      bdi(`${token.prefix}…`, "mono"),
      " of ",
      bdi(agent.name, "mono"),
      " stops working on every replica. Every call of the agent that waits or is approved ends at once, because nobody can say with which token it came.",
    ),
    button: "Revoke the token",
    kind: "no",
    send: () => post(path(agent, "revoke"), { token: token.prefix }),
  });
  if (done) announce(endedWords("The token is revoked", done.ended));
  return done?.agent ?? null;
}

const endedWords = (what, count) => `${what}. ${count ? `${count} of its calls ended.` : "No call of it was waiting."}`;

async function shown(issued, did) {
  const { agent, token, url, expires_at: expires } = issued;
  const server = /\/mcp\/([^/]+)$/.exec(url)?.[1] ?? "placet";
  await showSecret(
    `${agent.name} ${did}`,
    `This token is shown only now. It is good until ${exact(expires)}.`,
    [
      ["Token", token],
      ["For Claude Code", `claude mcp add --transport http ${server} ${url} --header "Authorization: Bearer ${token}"`],
    ],
  );
  return agent;
}

/** Which servers: none ticked means all that there are, as on the command line. */
async function serversField() {
  const names = await get("/api/v1/servers")
    .then((answer) => (answer.servers ?? []).map((one) => one.name))
    .catch((error) => {
      if (error instanceof Problem) return [];
      throw error;
    });
  const boxes = names.map((name) => h("input", { type: "checkbox", value: name }));
  return {
    element: names.length
      ? h(
          "fieldset",
          {},
          h("legend", { class: "label", text: "Servers. None ticked: all that there are now" }),
          boxes.map((box, index) => h("label", { class: "choice" }, box, bdi(names[index], "mono"))),
        )
      : null,
    value: () => boxes.filter((box) => box.checked).map((box) => box.value),
  };
}
