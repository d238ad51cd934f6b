// Keys press "Back" and "Next". A new step begins at its top and is read out.

const WAYS = { ArrowRight: "next", PageDown: "next", ArrowLeft: "back", PageUp: "back" };
const TYPES = "textarea, select, [contenteditable=true], input:not([type=radio]):not([type=checkbox]):not([type=button])";
const MOVES = "[role=slider], [role=listbox], [role=menu], [role=tablist], [role=dialog], .player, .js-plotly-plot";
const ARROWS = "input, [role=radiogroup], [role=group]"; // here arrow keys have a meaning, Page Up and Down have none
let place = null, listening = null;

function onKey(event) {
  const way = WAYS[event.key], at = event.target;
  if (!way || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (at.closest?.(`${TYPES}, ${MOVES}`) || (event.key.startsWith("Arrow") && at.closest?.(ARROWS))) return;
  const button = document.querySelector(`.st-key-lesson_${way} button:not(:disabled)`);
  if (!button) return;
  event.preventDefault();
  button.click();
}

export default function ({ parentElement, data }) {
  let status = parentElement.querySelector("[role=status]");
  if (!status) {
    status = document.createElement("p");
    status.className = "unseen";
    status.setAttribute("role", "status");
    parentElement.append(status);
  }
  if (place !== null && place !== data.place) {
    status.textContent = data.said;
    document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
  }
  place = data.place;
  if (listening) document.removeEventListener("keydown", listening);
  document.addEventListener("keydown", (listening = onKey));
  return () => setTimeout(() => {
    if (parentElement.isConnected) return;
    document.removeEventListener("keydown", onKey);
    place = null;
  });
}
