// A plotly figure whose title is ordinary text above it, in the colours of the page, which changes in place.

const ROOMY = 620; // pixels of width from which a legend may stand beside the lines
const LINE = 20, LETTER = 6.6, MARK = 52; // pixels: a legend entry's height, a letter's width, a marker and gaps
const charts = new WeakMap();
let library = null;

// plotly.js is large, so it waits for the pictures that are on the page without it.
function plotly(url) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  library ??= pictures().then(() => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { library = null; reject(new Error(`${url} cannot be loaded`)); };
    document.head.append(script);
  }));
  return library;
}

const frame = () => new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve)); setTimeout(resolve, 200); });

async function pictures() {
  await frame();
  const images = [...document.querySelectorAll("[data-testid=stMain] img")];
  await Promise.allSettled(images.map((image) => image.decode()));
  await frame();
}

const wrapped = /<br>/g;
const longest = (name) => Math.max(...name.split("<br>").map((line) => line.length));

class Chart {
  constructor(root) {
    this.caption = document.createElement("figcaption");
    this.title = document.createElement("b");
    this.subtitle = document.createElement("span");
    this.caption.append(this.title, this.subtitle);
    this.plot = document.createElement("div");
    this.plot.setAttribute("role", "img");
    this.root = document.createElement("figure");
    this.root.className = "chart";
    this.sketch = document.createElement("canvas");
    this.sketch.setAttribute("aria-hidden", "true");
    this.root.append(this.caption, this.sketch, this.plot);
    root.append(this.root); // beside the style sheet
    this.size = new ResizeObserver(() => this.width !== this.root.clientWidth && this.draw());
    this.size.observe(this.root);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => setTimeout(() => this.draw(), 100);
    this.scheme.addEventListener("change", this.recolour);
  }

  show({ spec, alt, library: url, clickable }) {
    this.spec = spec;
    const [title, subtitle] = (spec.layout.title?.text ?? "").split("<br><span");
    this.title.textContent = title;
    this.subtitle.textContent = (subtitle ?? "").replace(/^[^>]*>|<\/span>$/g, "");
    this.plot.setAttribute("aria-label", alt);
    this.root.classList.toggle("chart-clickable", Boolean(clickable));
    this.draw();
    plotly(url).then((plotly) => { this.plotly = plotly; this.draw(); }, (error) => { this.subtitle.textContent = String(error); });
  }

  draw() {
    const width = this.root.clientWidth;
    if (!width || !this.spec) return;
    this.width = width;
    const { data, layout } = structuredClone(this.spec);
    delete layout.title;
    this.arrange(data, layout, width);
    if (!this.plotly) {
      this.plot.style.minHeight = `${layout.height}px`; // nothing moves when the chart comes
      const { color, fontFamily: family } = getComputedStyle(this.root);
      return sketch(this.sketch, { data, layout }, width, { color, family });
    }
    layout.template = { layout: this.colours() };
    layout.width = width;
    this.plotly.react(this.plot, data, layout, { displayModeBar: false, responsive: false }).then(() => {
      this.plot.style.minHeight = "";
      this.sketch.remove();
      if (this.listening) return;
      this.listening = true;
      this.plot.on("plotly_click", ({ points }) => {
        const about = points[0].customdata;
        if (about) this.send?.(Array.isArray(about) ? about[0] : about);
      });
    });
  }

  // The legend: beside the lines where there is room, else below them, in as few lines as its entries need.
  arrange(data, layout, width) {
    const entries = data.filter((trace) => trace.showlegend !== false && trace.name);
    const shown = layout.showlegend ?? (entries.length > 1 || data.some((trace) => trace.showlegend === true));
    if (!shown || !entries.length) return;
    const need = Math.max(...entries.map((trace) => longest(trace.name))) * LETTER + MARK;
    if (width >= ROOMY && need < 0.36 * width) {
      layout.legend = { ...layout.legend, orientation: "v", x: 1.02, xanchor: "left", y: 1, yanchor: "top" };
      layout.height = Math.max(layout.height, entries.length * LINE * 1.3 + 90);
      return;
    }
    const roomy = width >= ROOMY;
    let lines = 0, used = Infinity;
    const widest = Math.min(width, Math.max(...entries.map((trace) => {
      if (roomy) trace.name = trace.name.replace(wrapped, " ");
      return longest(trace.name) * LETTER + MARK;
    })));
    for (const trace of entries) {
      used += widest; // plotly gives every entry of a line the same width
      if (used > width) { used = widest; lines += trace.name.split("<br>").length; }
    }
    layout.legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left", xref: "container", y: 0, yanchor: "bottom", yref: "container" };
    layout.height += lines * LINE + 8;
    layout.margin = { ...layout.margin, b: (layout.margin?.b ?? 8) + lines * LINE + 8 };
  }

  colours() {
    const style = getComputedStyle(this.root), text = style.color;
    const page = style.getPropertyValue("--st-background-color") || "white";
    const grid = "rgba(128, 128, 128, 0.22)", axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true, title: { standoff: 8 } };
    return {
      font: { family: style.fontFamily, size: 13, color: text }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      xaxis: axis, yaxis: axis, legend: { title: { text: "" }, bgcolor: "rgba(0,0,0,0)", font: { size: 12 } },
      hoverlabel: { bgcolor: page, bordercolor: grid, font: { color: text, family: style.fontFamily }, align: "left" },
      scene: Object.fromEntries(["xaxis", "yaxis", "zaxis"].map((name) => [name, { gridcolor: grid, color: text, backgroundcolor: "rgba(0,0,0,0)" }])),
      colorway: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F", "#E69F00", "#56B4E9"],
    };
  }

  forget() {
    this.size.disconnect();
    this.scheme.removeEventListener("change", this.recolour);
    this.plotly?.purge(this.plot);
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  let chart = charts.get(parentElement);
  if (!chart || !parentElement.contains(chart.root)) charts.set(parentElement, (chart = new Chart(parentElement)));
  chart.send = data.clickable ? (point) => setTriggerValue("point", point) : null;
  chart.show(data);
  return () => setTimeout(() => { if (!chart.root.isConnected) chart.forget(); });
}
