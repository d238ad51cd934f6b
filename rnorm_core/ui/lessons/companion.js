// Keeps the predictions in this tab, for a session that the server has lost, and turns keys into clicks on "Back" and
// "Next".

const STORE = "robustnorm-lab predictions";
const WAYS = { ArrowRight: "next", PageDown: "next", ArrowLeft: "back", PageUp: "back" };
const TYPES = "textarea, select, [contenteditable=true], input:not([type=radio]):not([type=checkbox]):not([type=button])";
const MOVES = "[role=slider], [role=listbox], [role=menu], [role=tablist], [role=dialog], .player, .js-plotly-plot";
const ARROWS = "input, [role=radiogroup], [role=group]"; // here arrow keys have a meaning, Page Up and Down have none
let place = null, sent = null, listening = null;

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORE) ?? "{}");
    return kept && typeof kept === "object" ? kept : {};
  } catch { return {}; } // a browser may forbid storage, as in some frames
}

function write(kept) {
  try { sessionStorage.setItem(STORE, JSON.stringify(kept)); } catch { /* as above */ }
}

function onKey(event) {
  const way = WAYS[event.key], at = event.target;
  if (!way || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (at.closest?.(`${TYPES}, ${MOVES}`) || (event.key.startsWith("Arrow") && at.closest?.(ARROWS))) return;
  const button = document.querySelector(`.st-key-lesson_${way} button:not(:disabled)`);
  if (!button) return;
  event.preventDefault();
  button.click();
}

export default function ({ parentElement, data, setTriggerValue }) {
  const kept = read();
  for (const name of data.forgotten) delete kept[name];
  const missing = Object.keys(kept).some((name) => !(name in data.predictions));
  write({ ...kept, ...data.predictions });
  const news = JSON.stringify([data.session, kept]);
  if (missing && news !== sent) {
    sent = news;
    setTriggerValue("kept", kept);
  }
  let status = parentElement.querySelector("[role=status]");
  if (!status) {
    status = document.createElement("p");
    status.className = "unseen";
    status.setAttribute("role", "status");
    parentElement.append(status);
  }
  if (place !== data.place) {
    if (place !== null) {
      status.textContent = data.said;
      document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
    }
    place = data.place;
  }
  if (listening) document.removeEventListener("keydown", listening);
  document.addEventListener("keydown", (listening = onKey));
  return () => setTimeout(() => {
    if (parentElement.isConnected) return;
    document.removeEventListener("keydown", onKey);
    place = null;
  });
}
