/** The evidence rail: time, votes and what is still needed, who is behind the call, hashes. Quiet, small, complete. */
import { h } from "../dom.js";
import { ago, countdown, exact, span } from "../time.js";
import { bdi } from "../visible.js";
import { voterWords } from "../words.js";
import { chain } from "./chain.js";

function entry(name, ...value) {
  return [h("dt", { class: "label", text: name }), h("dd", {}, value)];
}

/** Everything beside the arguments that helps to judge. */
export function evidence(request) {
  const client = request.client ?? {};
  return [
    request.redacted
      ? h("p", { class: "muted", text: "Secrets in this call are masked: your role reads, it does not decide." })
      : null,
    h(
      "dl",
      { class: "facts" },
      request.state === "pending"
        ? entry(
            "Time left",
            countdown(request.expires_at, "held"),
            h("span", { class: "sub", text: `until ${exact(request.expires_at)}` }),
          )
        : null,
      entry("Asked", ago(request.created_at), h("span", { class: "sub", text: exact(request.created_at) })),
      request.decided_at
        ? entry("Decided", ago(request.decided_at), h("span", { class: "sub", text: exact(request.decided_at) }))
        : null,
      entry("Agent", bdi(request.agent), h("span", { class: "sub", text: waitingWords(request) })),
      entry("Human behind it", request.owner ? bdi(request.owner) : "nobody is named"),
      entry(
        "Client",
        client.name ? [bdi(client.name), " ", bdi(client.version ?? "")] : "did not say",
        h("span", { class: "sub", text: "as it named itself, not proven" }),
      ),
      entry("Server and tool", bdi(request.server), h("span", { class: "sub mono" }, bdi(request.tool))),
      deliveries(request),
      entry(
        "Request",
        bdi(request.id, "mono small"),
        h("span", { class: "sub", text: `revision ${request.revision}` }),
      ),
      entry(
        "Arguments SHA-256",
        h("span", {
          class: "mono small",
          title: "The hash of the exact bytes that will run",
          text: request.arguments_sha256 ?? "not shown to you",
        }),
      ),
      entry(
        "Binding",
        h("span", {
          class: "mono small",
          title: "What a decision names: this request, agent, tool, arguments and policy",
          text: request.binding ?? "not shown to you",
        }),
      ),
      request.redacted || !request.decided_at ? null : receipt(request),
    ),
  ];
}

function receipt(request) {
  const href = `/api/v1/requests/${request.id}/receipt`;
  return entry(
    "Receipt",
    h("a", { href, download: `${request.id}.receipt.json`, text: "Download" }),
    h("span", { class: "sub", text: "signed; anybody can check it with the public key" }),
  );
}

function waitingWords(request) {
  if (!["pending", "approved", "executing"].includes(request.state)) return "";
  return request.waiting ? "is waiting for the answer" : "is not waiting now";
}

function deliveries(request) {
  const list = request.deliveries ?? [];
  if (!list.length) return null;
  return entry(
    "Shown to",
    list.map((delivery) =>
      h(
        "span",
        { class: "line" },
        bdi(`${delivery.channel} ${delivery.target ?? ""}`.trim()),
        `: ${delivery.state}`,
        delivery.error ? h("span", { class: "sub" }, bdi(delivery.error)) : null,
      ),
    ),
  );
}

/** Why the people there are now could not approve it. */
function cannot(request) {
  if (!request.missing?.length) return null;
  return h("p", { class: "problem" }, bdi(`As things are this cannot be approved: ${request.missing.join("; ")}.`));
}

/** What is still needed and who has voted: on top of the rail, with the further actions below it. */
export function needs(request) {
  const factors = (request.needs ?? []).map((need) =>
    h(
      "li",
      { class: "need" },
      h(
        "span",
        { class: "need-boxes", "aria-hidden": "true" },
        Array.from({ length: Math.min(need.count, 8) }, (_, index) =>
          h("i", { class: index < need.have ? "full" : "" }),
        ),
      ),
      h("span", {}, `${need.have} of ${need.count} from `, bdi(need.group ?? (need.members ?? []).join(", "))),
    ),
  );
  const votes = (request.votes ?? []).map((vote) =>
    h(
      "li",
      { class: "vote" },
      h("span", {
        class: vote.decision === "deny" ? "bad" : "good",
        text: vote.decision === "deny" ? "Denied" : "Approved",
      }),
      " by ",
      bdi(voterWords(vote)),
      h("span", { class: "sub" }, ago(vote.at), ` via ${vote.via}`),
      vote.raise_seconds
        ? h("span", { class: "sub", text: `and to raise the limit for ${span(vote.raise_seconds * 1000)}` })
        : null,
      vote.grant ? h("span", { class: "sub", text: `and to trust ${vote.grant.uses} more calls of its shape${vote.grant.scope === "session" ? " in its session" : ""}` }) : null,
      vote.reason ? h("span", { class: "sub" }, "“", bdi(vote.reason), "”") : null,
    ),
  );
  return h(
    "section",
    { class: "needs", "aria-label": "Votes" },
    h("h3", { class: "label", text: "Needs" }),
    h("ul", {}, factors.length ? factors : h("li", { text: "nobody" })),
    cannot(request),
    chain(request),
    h("h3", { class: "label", text: "Votes" }),
    h("ul", {}, votes.length ? votes : h("li", { class: "muted", text: "none yet" })),
  );
}
