// Runs when a page begins: shows the part that a door leads to, and on a phone closes the list of pages.

let last = ""; // the number of the arrival that was handled; the same data may come again

export default function ({ data }) {
  if (data.number === last) return;
  last = data.number;
  const main = document.querySelector("[data-testid=stMain]"), from = Date.now();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const list = innerWidth < 768 && document.querySelector("[data-testid=stSidebar][data-collapsed=false]");
  if (list) document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
  if (!data.passed) return;
  const show = () => {
    const part = data.part && document.querySelector(`.st-key-${data.part}`);
    const running = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState !== "notRunning";
    if (data.part && (running || !part) && Date.now() - from < 15000) return setTimeout(show, 100);
    if (!part) return main.scrollTo(0, 0);
    part.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    part.classList.remove("door-mark");
    requestAnimationFrame(() => mark(Date.now() + 3000));
  };
  // Streamlit may draw the part again, which takes the mark away.
  const mark = (until) => {
    document.querySelector(`.st-key-${data.part}`)?.classList.add("door-mark");
    if (Date.now() < until) setTimeout(() => mark(until), 100);
  };
  setTimeout(show, 50);
}
