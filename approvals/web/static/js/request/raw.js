/** The request as the API gives it, and the same thing as a command: what the page knows, scripts can know. */
import { copy, h } from "../dom.js";
import { icon } from "../icons.js";
import { visible } from "../visible.js";

function block(title, text, lines) {
  const button = h("button", { class: "button quiet", type: "button" }, icon("copy"), h("span", { text: "Copy" }));
  button.addEventListener("click", async () => {
    button.lastChild.textContent = (await copy(text)) ? "Copied" : "Could not copy";
  });
  return h(
    "details",
    { class: "raw" },
    h("summary", { text: title }),
    button,
    h(
      "pre",
      { class: "well", tabindex: "0", "aria-label": title },
      lines.map((line) => h("span", { class: "line" }, visible(line))),
    ),
  );
}

function curlOf(request) {
  const base = `${window.location.origin}/api/v1/requests/${request.id}`;
  const read = `curl -sS -H "Authorization: Bearer $PLACET_TOKEN" '${base}'`;
  if (request.state !== "pending") return read;
  const body = JSON.stringify({ decision: "approve", binding: request.binding });
  return [
    read,
    "",
    "# decide exactly this call; the binding makes sure of it",
    `curl -sS -X POST -H "Authorization: Bearer $PLACET_TOKEN" -H 'Content-Type: application/json' \\`,
    `  --data '${body}' \\`,
    `  '${base}/decision'`,
  ].join("\n");
}

/** Raw JSON and curl, folded. */
export function rawViews(request) {
  const json = JSON.stringify(request, null, 2);
  const curl = curlOf(request);
  return [block("Raw JSON", json, json.split("\n")), block("The same with curl", curl, curl.split("\n"))];
}
