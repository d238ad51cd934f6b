// Keeps the predictions in this tab, for a session that the server has lost: a phone that was locked, a reload.

const STORE = "robustnorm-lab predictions";
let sent = "{}"; // what the page has been told

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORE) ?? "{}");
    return kept && typeof kept === "object" ? kept : {};
  } catch { return {}; } // a browser may forbid storage, as in some frames
}

export default function ({ data, setStateValue }) {
  const kept = read();
  for (const name of data.forgotten) delete kept[name];
  Object.assign(kept, data.predictions);
  const news = JSON.stringify(kept);
  try { sessionStorage.setItem(STORE, news); } catch { /* as above */ }
  // A state and not an event: the browser sends it with every later message, so that a new session knows it at once.
  if (news !== sent) setStateValue("kept", kept);
  sent = news;
}
