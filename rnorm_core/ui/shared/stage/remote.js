// What a presenter's keys do: a clicker's Page Up and Page Down, F for the full screen, Escape to leave.

const SQUARE = '<svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"/></svg>';

const writes = (target) => target.matches?.("textarea, [contenteditable=true], input:not([type=range], [type=checkbox], [type=radio])");
const open = () => document.querySelector("[data-baseweb=popover], [role=listbox]"); // Escape closes it first

function fullScreen() {
  return document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen?.();
}

function button(name, text, label, act) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", name, textContent: text, title: label, onclick: act });
  made.setAttribute("aria-label", label);
  return made;
}

let stop = () => {}; // of the last place, which may not have ended: two of them would fit one figure in turn, for ever

export default function ({ parentElement, data, setTriggerValue }) {
  stop();
  const go = (where) => setTriggerValue("go", where);
  const keys = { PageDown: "forward", PageUp: "back", f: "full", F: "full", Escape: "leave" };
  // A choice by its letter or by its place. A sixth one takes F from the full screen.
  for (const way in data.ways) if (/^[A-F]$/.test(way)) keys[way] = keys[way.toLowerCase()] = keys["ABCDEF".indexOf(way) + 1] = way;
  function act(name) {
    if (name === "full") return fullScreen();
    if (name === "leave" ? !open() : name in data.ways) go(name);
  }
  function press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in keys)) return;
    if (writes(event.target) && event.key.length === 1) return;
    // A slider would move at Page Down.
    if (event.key.startsWith("Page")) { event.preventDefault(); event.stopPropagation(); }
    act(keys[event.key]);
  }
  document.addEventListener("keydown", press, true);

  let bar = parentElement.querySelector(".remote");
  if (!bar) {
    bar = document.createElement("nav");
    bar.className = "remote";
    bar.setAttribute("aria-label", "Presenter");
    parentElement.append(bar);
  }
  const place = document.createElement("span");
  place.textContent = data.place;
  const back = button("back", "‹", `Back: ${data.ways.back} (Page Up)`, () => act("back"));
  const forward = button("forward", "›", `Forward: ${data.ways.forward} (Page Down)`, () => act("forward"));
  back.disabled = !data.ways.back;
  forward.disabled = !data.ways.forward;
  const full = button("full", "", "Full screen (F)", fullScreen);
  full.innerHTML = SQUARE;
  bar.replaceChildren(back, place, forward, full, button("leave", "✕ Leave", "Leave the presenter's view (Escape)", () => go("leave")));
  const fitting = setInterval(() => fit(data.place), 120);
  return (stop = () => {
    clearInterval(fitting);
    document.removeEventListener("keydown", press, true);
  });
}
