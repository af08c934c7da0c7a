/** Small choices kept on this device only: theme, keys, where the focus goes. Nothing here is sent anywhere. */

const DEFAULTS = { theme: "auto", keys: "on", after: "next", rows: "roomy" };

/** What was chosen, or the default. */
export function preference(name) {
  try {
    return window.localStorage.getItem(`placet.${name}`) ?? DEFAULTS[name];
  } catch {
    return DEFAULTS[name];
  }
}

/** Keep a choice. Without storage it lasts as long as the page. */
export function prefer(name, value) {
  DEFAULTS[name] = value;
  try {
    window.localStorage.setItem(`placet.${name}`, value);
  } catch {
    /* storage may be switched off */
  }
}
