// Talking to the look-alike: the state of one person, their clicks, and the stream that says "look again".

const fragment = new URLSearchParams(location.hash.slice(1));
if (fragment.get("key")) sessionStorage.setItem("key", fragment.get("key"));
if (fragment.get("as")) sessionStorage.setItem("as", fragment.get("as"));
const key = sessionStorage.getItem("key") ?? "";

/** Which place the address asked for, if any: a channel id, or "home". */
export const wanted = fragment.get("at");

/** Who the person at this page is. */
export const me = () => sessionStorage.getItem("as");
export const become = (id) => sessionStorage.setItem("as", id);

async function answered(response) {
  const said = await response.json();
  if (!response.ok) throw new Error(said.problem ?? `the look-alike answered ${response.status}`);
  return said;
}

/** What this person sees now. */
export async function look() {
  const who = me() ? `?as=${encodeURIComponent(me())}` : "";
  return answered(await fetch(`/view/state${who}`, { headers: { "X-Page-Key": key } }));
}

/** Do something as this person. */
export async function act(what, body) {
  const response = await fetch(`/view/${what}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Page-Key": key },
    body: JSON.stringify({ as: me(), ...body }),
  });
  return answered(response);
}

/** Call `changed` after every change, and `broken(true|false)` when the stream ends or is back. */
export function follow(changed, broken) {
  const stream = new EventSource(`/view/events?key=${encodeURIComponent(key)}`);
  stream.onmessage = changed;
  stream.onopen = () => broken(false);
  stream.onerror = () => broken(true);
}
