/** Our own icons, 16 px with a 1.5 px stroke, and the semaphore whose arm tells the severity. Each stands beside a word. */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  inbox: "M2 9h3.5l1 2h3l1-2H14M2 9l2-6h8l2 6v4H2z",
  history: "M2.5 8a5.5 5.5 0 1 0 1.6-3.9L2.5 5.7M2.5 2.5v3.2h3.2M8 5v3.2l2.2 1.4",
  agent: "M3 5.5h10v8H3zM8 5.5V2.5M6 9v1.5M10 9v1.5",
  server: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
  policy: "M3.5 2h9v12h-9zM6 5.5h4M6 8h4M6 10.5h2.5",
  edit: "M2.5 13.5l.8-3.2 7.5-7.5 2.4 2.4-7.5 7.5z",
  people:
    "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5v-1a3 3 0 0 1 3-3h3a3 3 0 0 1 3 3v1M10.5 3a2.3 2.3 0 0 1 0 4.4M12 9.7a3 3 0 0 1 2.5 2.8v1",
  insights: "M2.5 13.5h11M4 13.5v-4M7 13.5v-7M10 13.5v-5M13 13.5v-10",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5l3.5 3.5",
  filter: "M2 4h12M4.5 8h7M6.5 12h3",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  download: "M8 2.5v8M4.5 7.5L8 11l3.5-3.5M2.5 13.5h11",
  back: "M9.5 3L4.5 8l5 5",
  next: "M6.5 3l5 5-5 5",
  yes: "M3 8.5l3.5 3.5L13 4.5",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  trust: "M8 2l5 2v4c0 3-2.2 5-5 6-2.8-1-5-3-5-6V4zM5.5 8l2 2 3-3.5",
  stop: "M5.5 2.5h5l3 3v5l-3 3h-5l-3-3v-5zM5.5 8h5",
  no: "M4 4l8 8M12 4l-8 8",
  warning: "M8 2.5l6 11H2zM8 6.5v3.5M8 11.8v.2",
  clock: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 5v3.2l2.2 1.4",
  keys: "M1.5 4h13v8h-13zM4 7h.01M7 7h.01M10 7h.01M12.5 7h.01M5 9.5h6",
};

function svg(paths, className = "icon") {
  const root = document.createElementNS(SVG, "svg");
  root.setAttribute("class", className);
  root.setAttribute("viewBox", "0 0 16 16");
  root.setAttribute("aria-hidden", "true");
  root.setAttribute("focusable", "false");
  for (const [d, kind] of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    if (kind) path.setAttribute("class", kind);
    root.append(path);
  }
  return root;
}

/** One icon by name. */
export function icon(name) {
  return svg([[PATHS[name], ""]]);
}

const ARMS = { low: "M6 4.4l3.6 8", medium: "M5.5 4.5l6 6", high: "M5.5 4.5h9", critical: "M5.5 3.5h9M5.5 8.5h9" };
const POST = "M4 1.5v13M2 14.5h4";

/** The semaphore: arm down, at 45°, level, or two arms level. An unknown severity shows as high. */
export function semaphore(severity) {
  return svg(
    [
      [POST, "post"],
      [ARMS[severity] ?? ARMS.high, "arm"],
    ],
    "icon semaphore",
  );
}

/** The mark of the house: a signal that is level while something is held. */
export function mark(held) {
  return semaphore(held ? "high" : "medium");
}
