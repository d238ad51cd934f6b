// Asks every two to three seconds what is open, and sends an answer until the server has it.
(() => {
  const form = document.querySelector("form[data-code]");
  if (!form) return;
  const main = form.querySelector("main"), status = form.querySelector("[role=status]"), { code } = form.dataset;
  const name = `class vote ${code}`;

  // The phone is this token, also after a reload. In a frame of another site a browser may refuse its storage; the name
  // of a window stays with the window.
  let token = form.elements.token.value;
  try {
    token = localStorage.getItem(name) ?? token;
    localStorage.setItem(name, token);
  } catch {
    if (window.name.startsWith(`${name} `)) token = window.name.slice(name.length + 1);
    window.name = `${name} ${token}`;
  }
  form.elements.token.value = token;

  let waiting = null; // the answer that the server does not have yet
  let shown = main.innerHTML, tag = "", asking = false, timer = 0;

  async function ask() {
    clearTimeout(timer);
    if (asking) return;
    asking = true;
    const sent = waiting;
    try {
      const reply = await fetch(`${code}/${sent ? "answer" : "now"}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token, ...(sent ?? { tag }) }),
        signal: AbortSignal.timeout?.(8000),
      });
      const told = await reply.json();
      if (reply.status < 500 && waiting === sent) waiting = null; // also an answer that was refused
      if (reply.ok && !told.same) show(told);
      status.textContent = reply.ok ? "" : told.error;
    } catch {
      status.textContent = "No connection. Trying again.";
    }
    asking = false;
    if (waiting && waiting !== sent) return ask();
    if (waiting || !document.hidden) timer = setTimeout(ask, 2000 + 1000 * Math.random());
  }

  function show({ html, tag: current }) {
    if (waiting) return; // while a finger's answer is on its way, it stays marked
    tag = current ?? "";
    if (html === shown) return;
    const focus = document.activeElement?.value;
    main.innerHTML = shown = html;
    main.querySelector(`button[value="${focus}"]`)?.focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = event.submitter;
    if (chosen?.name !== "choice") return;
    waiting = { round: Number(form.elements.round.value), choice: Number(chosen.value) };
    for (const button of main.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button === chosen));
      button.classList.toggle("sending", button === chosen);
    }
    shown = tag = ""; // the next state from the server is drawn in any case
    ask();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  ask();
})();
