// The player: sliders, pictures, bars and maps of one landscape. No step of it asks the server; only the chosen place is
// sent back, when the finger lifts.

const FRACTIONS = { 0.25: "¼", 0.5: "½", 0.75: "¾" };
const short = (size) => FRACTIONS[size] ?? String(size);
// As `figures.style.percent`: one decimal, halves up; what is only nearly all or nothing says so.
function percent(p) {
  const tenths = Math.floor(1000 * p + 0.5 + 1e-9), whole = tenths === 0 || tenths === 1000;
  const nearly = p > 0 && p < 1 ? (tenths ? "99.9" : "<0.1") : tenths / 10;
  return (whole ? nearly : (tenths / 10).toFixed(1)) + "\u00a0%";
}
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const MOST_BARS = 10, FEW_BARS = 8;
const players = new WeakMap();

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    name === "text" ? (element.textContent = value) : element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const figure = (canvas, caption) => make("figure", {}, canvas, make("figcaption", { text: caption }));

class Player {
  constructor(parent) {
    this.root = make("div", { "data-player": "", class: "player", role: "group", "aria-label": "Attack player" });
    parent.append(this.root); // beside the style sheet that Streamlit puts there
    this.asked = null; // the size that the address has
    this.askedStep = null; // the step that it has; null: the last one
    this.root.addEventListener("keydown", (event) => this.onKey(event));
  }

  async load(bytes) {
    const [header, begin] = headerOf(bytes), same = this.header?.id === header.id;
    const news = JSON.stringify([header.id, header.chosen, header.sizes, header.steps, header.locked, header.controls]);
    if (news === this.news) return;
    this.news = news;
    const landscape = await decode(bytes, header, begin);
    if (news !== this.news) return; // newer bytes came meanwhile
    const size = this.landscape?.sizes[this.e];
    this.header = header;
    this.landscape = landscape;
    landscape.networks.forEach((network, i) => (network.colour = header.colours[i]));
    this.kinds = landscape.networks.map((network) => this.kindsOf(network));
    const wanted = same && header.chosen === this.asked ? size : header.chosen;
    this.asked = header.chosen;
    this.e = Math.max(landscape.sizes.indexOf(wanted), 0);
    if (!same) {
      clearInterval(this.timer);
      this.timer = null;
      const step = landscape.steps.indexOf(header.step);
      this.s = step < 0 ? landscape.S - 1 : step;
      this.askedStep = step < 0 ? null : header.step;
    }
    this.s = Math.min(this.s, landscape.S - 1);
    this.build();
    this.draw();
    this.root.dataset.ready = header.finished ? "all" : "chosen";
  }

  kindsOf(network) {
    const { E, S } = this.landscape, cells = new Uint8Array(E * S);
    for (let e = 0; e < E; e++) for (let s = 0; s < S; s++) cells[e * S + s] = kind(network, answer(network, e, s).winner);
    return cells;
  }

  // --- the elements, made anew for each landscape; the focus stays where it was

  build() {
    const { landscape, root } = this, { sizes, steps, classes, networks, S } = landscape;
    const focused = root.contains(document.activeElement) ? document.activeElement.getAttribute("name") : null;
    const open = this.numbers?.open;
    this.clean = make("canvas", { role: "img", "aria-label": `The clean image: ${classes[networks[0].truth]}` });
    const stepName = steps.at(-1) === 1 ? "Before or after" : "Step";
    const range = (name, label, last) => make("input", { type: "range", name, "aria-label": label, min: 0, max: last, step: 1 });
    this.eps = range("eps", landscape.size_name, Math.max(sizes.length - 1, 0));
    this.step = range("step", stepName, S - 1);
    this.epsText = make("b"); // no output element: it would be read out beside the slider's own text
    this.stepText = make("b");
    this.play = make("button", { type: "button", name: "play" });
    this.eps.addEventListener("input", () => this.go(Number(this.eps.value), this.s));
    this.eps.addEventListener("change", () => this.tell());
    this.step.addEventListener("input", () => (this.pause(), this.go(this.e, Number(this.step.value))));
    this.step.addEventListener("change", () => this.tell());
    this.play.addEventListener("click", () => (this.timer ? this.pause() : this.start()));
    const sliders = [make("label", {}, make("span", { text: stepName }), this.stepText, this.step)];
    this.eps.disabled = Boolean(this.header.locked);
    if (sizes.length > 1) sliders.unshift(make("label", {}, make("span", { text: landscape.size_name }), this.epsText, this.eps));
    this.marks = make("div", { class: "player-marks", "aria-hidden": "true" });
    sliders.at(-1).append(this.marks);
    const clean = figure(this.clean, landscape.clean_name);
    this.cards = networks.map((network, i) => this.card(network, i));
    this.numbers = make("details", {}, make("summary", { text: "Numbers" }), make("div", { class: "player-numbers" }));
    this.numbers.open = Boolean(open);
    this.numbers.addEventListener("toggle", () => this.draw());
    this.said = make("p", { class: "player-said", "aria-live": "polite" });
    root.replaceChildren(
      make("div", { class: "player-controls" }, clean, ...sliders, this.play),
      ...this.third(networks), this.row,
      make("p", { class: "player-key", text: landscape.key_text + this.gaps() }),
      this.numbers, this.said,
    );
    const [, height, width] = landscape.shape;
    paint(this.clean, height, width, (i) => level(landscape.clean[i]));
    // A presenter's link may name the controls that it keeps.
    const { controls } = this.header;
    if (controls?.length) {
      const shown = (word) => controls.some((name) => name.includes(word)); // eps, or eps_l2 of another norm
      if (!shown("eps")) this.eps.closest("label")?.remove();
      if (!shown("attack_step")) for (const one of [this.step.closest("label"), this.play]) one.hidden = true;
    }
    if (focused) root.querySelector(`[name="${focused}"]`)?.focus();
    this.showPlay();
  }

  // On a phone two networks have room; a button brings the third.
  third(networks) {
    this.row = make("div", { class: "player-networks", role: "group", "aria-label": "Networks", tabindex: "0" }, ...this.cards.map((card) => card.element));
    if (networks.length < 3) return [];
    const button = make("button", { type: "button", name: "third", class: "player-third", text: `${networks[2].label} →` });
    const away = () => this.row.scrollLeft > 20;
    button.addEventListener("click", () => this.row.scrollTo({ left: away() ? 0 : this.row.scrollWidth, behavior: calm() ? "auto" : "smooth" }));
    this.row.addEventListener("scroll", () => (button.textContent = away() ? `← ${networks[0].label}` : `${networks[2].label} →`));
    return [button];
  }

  // Of a long attack not every step is here.
  gaps() {
    const [first, second] = this.landscape.steps;
    return second - first > 1 ? ` Here is every ${second - first}th step and the last.` : "";
  }

  card(network, i) {
    const { landscape } = this;
    const attacked = make("canvas", { role: "img" }), difference = make("canvas", { role: "img" });
    const map = make("canvas", { name: `map ${i}`, role: "img" }); // not focusable: the sliders do the same
    map.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") return; // the finger may want to scroll; a tap is a click
      map.setPointerCapture(event.pointerId);
      this.point(map, event);
    });
    map.addEventListener("pointermove", (event) => map.hasPointerCapture(event.pointerId) && event.buttons && this.point(map, event));
    map.addEventListener("click", (event) => (this.point(map, event), this.tell()));
    const ticks = make("div", { class: "player-ticks", "aria-hidden": "true" }, ...landscape.sizes.map((size) => make("span", { text: short(size) })));
    const verdict = make("p", { class: "player-verdict" }), factor = make("figcaption"), caption = make("figcaption");
    const overview = landscape.E * landscape.S > 2 ? [make("figure", { class: "player-map" }, map, ticks, make("figcaption", { text: landscape.map_name }))] : [];
    const bars = this.shownClasses().map((k) => {
      const fill = make("i"), before = make("b"), value = make("span", { class: "player-value" });
      const name = make("span", { class: "player-class" }, landscape.classes[k].replaceAll("_", " "));
      const note = k === network.truth ? landscape.truth_name : k === network.target ? "target" : "";
      if (note) name.append(make("span", { text: ` (${note})` }));
      if (k === network.truth) name.classList.add("player-true");
      return { k, fill, before, value, row: make("div", {}, name, make("span", { class: "player-bar" }, fill, before), value) };
    });
    const note = make("p", { class: "player-note", text: landscape.notes[i] });
    const element = make("section", { class: "player-network", "aria-label": network.label, style: `--norm: ${network.colour}` },
      make("h5", { text: network.label }), verdict,
      make("div", { class: "player-pictures" },
        make("figure", {}, attacked, caption), make("figure", {}, difference, factor), ...overview),
      make("div", { class: "player-bars", "aria-hidden": "true" }, ...bars.map((bar) => bar.row)), note);
    return { element, attacked, caption, difference, factor, map, verdict, bars };
  }

  // All of ten classes in their order; of many those that matter somewhere: true, target, and the most probable.
  shownClasses() {
    const { landscape } = this, { K, E, S, networks } = landscape;
    if (this.barsOf === landscape) return this.bars;
    this.barsOf = landscape;
    this.bars = [...Array(K).keys()];
    if (K > MOST_BARS) {
      const most = new Float32Array(K);
      for (const network of networks) {
        for (let e = 0; e < E; e++)
          for (let s = 0; s < S; s++) network.probabilities(e, s).forEach((p, k) => (most[k] = Math.max(most[k], p)));
        most[network.truth] = 2;
        if (network.target !== null) most[network.target] = 2;
      }
      this.bars = this.bars.sort((a, b) => most[b] - most[a]).slice(0, FEW_BARS);
    }
    return this.bars;
  }

  // --- drawing

  draw() {
    const { landscape, e, s } = this, { sizes, steps, networks, S } = landscape;
    const size = sizes.length ? `${sizes[e]}/255` : "", last = steps.at(-1);
    this.eps.value = e;
    this.step.value = s;
    this.epsText.textContent = size;
    this.stepText.textContent = last === 1 ? (s ? "after the attack" : "before the attack") : `${steps[s]} of ${last}`;
    this.eps.setAttribute("aria-valuetext", size);
    this.step.setAttribute("aria-valuetext", this.stepText.textContent);
    const widest = Math.max(...networks.map((network) => network.scales[e])), said = [];
    this.marks.replaceChildren();
    networks.forEach((network, i) => {
      const card = this.cards[i], now = answer(network, e, s);
      const [verdict, detail] = this.sentences(network, now), sentence = [verdict, detail].filter(Boolean).join(" ");
      drawImages(landscape, network, e, s, card.attacked, card.difference, widest);
      drawMap(landscape, network, this.kinds[i], card.map, e, s);
      card.caption.textContent = s && sizes[e] !== 0 ? landscape.attacked_name : "not attacked";
      card.factor.textContent = widest > 1e-9 ? `difference × ${Number((0.5 / widest).toPrecision(2))}` : "no difference";
      card.verdict.replaceChildren(make("b", { text: verdict }), make("span", { text: detail }));
      card.verdict.dataset.wrong = this.kinds[i][e * S + s] === TARGET;
      const probabilities = network.probabilities(e, s), before = network.probabilities(e, 0);
      for (const bar of card.bars) {
        bar.fill.style.width = `${100 * probabilities[bar.k]}%`;
        bar.before.style.left = `${100 * before[bar.k]}%`;
        bar.value.textContent = percent(probabilities[bar.k]);
        bar.row.classList.toggle("player-winner", bar.k === now.winner);
      }
      card.attacked.setAttribute("aria-label", `The image, ${card.caption.textContent}. ${network.label}: ${sentence}`);
      card.difference.setAttribute("aria-label", `${card.factor.textContent}, of ${network.label}`);
      card.map.setAttribute("aria-label", this.mapText(network, i));
      const turned = network.turned[e];
      if (turned !== null && S > 2)
        this.marks.append(make("span", { style: `left: ${(100 * turned) / last}%; top: ${0.6 * i}rem; color: ${network.colour}`, text: "▲", title: `${network.label} changes its mind` }));
      said.push(`${network.label}: ${sentence}`);
    });
    if (!this.timer) this.said.textContent = [size && `Size ${size}.`, last === 1 ? "" : `Step ${this.stepText.textContent}.`, ...said].filter(Boolean).join(" ");
    if (this.numbers.open) this.drawNumbers();
    this.root.dataset.drawn = `${sizes[e] ?? ""},${steps[s]}`;
  }

  // What the network sees, and what else there is to know. Two parts, so that what stands below never moves.
  sentences(network, now) {
    const { landscape, e, s } = this, { classes, steps, sizes, S } = landscape, step = steps[s], turned = network.turned[e];
    const sees = `${classes[now.winner].replaceAll("_", " ")} (${percent(network.probabilities(e, s)[now.winner])})`;
    if (kind(network, now.before) === TARGET && network.target === null) return [`✗ Wrong before the attack: sees ${sees}.`, ""];
    if (network.target === network.truth) return [`The target is what the image shows. Sees ${sees}.`, ""];
    const is = kind(network, now.winner), still = turned === null || turned > step, more = [];
    let text = `✓ ${still ? "Still" : "Back to"} ${sees}.`;
    if (is === WRONG) text = now.winner === now.before ? `Still ${sees}, as before the attack.` : `Sees ${sees}, not the target.`;
    if (is === TARGET) text = network.target === null ? `✗ Fooled: sees ${sees}.` : `✗ Led to the target: sees ${sees}.`;
    if (S > 2 && turned !== null) more.push(still ? `It changes its mind at step ${turned}.` : `It first changed its mind at step ${turned}.`);
    if (S > 2 && network.reached?.[e] > 0) more.push(`It reaches the target at step ${network.reached[e]}.`);
    if (s === S - 1 && !sizes.length) more.push(`The change has ${this.lengthOf(network)}.`);
    if (s === S - 1 && is === TARGET)
      more.push(kind(network, best(network.saved(e))) === TARGET ? landscape.saved_fools : landscape.saved_fails);
    return [text, more.join(" ")];
  }

  // How small a minimum-norm attack has made the change, in the norm that it makes small.
  lengthOf(network) {
    const [largest, length] = network.lengths(this.e, this.s);
    return this.landscape.norm === "linf" ? `at most ${(255 * largest).toFixed(2)}/255 for a colour (L-inf)` : `the length ${(255 * length).toFixed(1)}/255 (L2)`;
  }

  mapText(network, i) {
    const { sizes, E, S } = this.landscape, parts = [], target = network.target !== null;
    for (let e = 0; e < E; e++) {
      // The header's steps: of a long attack the cells are not all steps.
      const first = this.kinds[i][e * S] === TARGET ? 0 : target ? network.reached[e] : network.turned[e];
      const never = target ? "never the target" : "right at every step";
      const found = first === null || network.target === network.truth ? never : `${target ? "the target" : "wrong"} first at step ${first}`;
      parts.push(`${sizes.length ? `${sizes[e]}/255: ` : ""}${found}`);
    }
    return `Map of ${network.label}, sizes across, steps up. ${parts.join("; ")}.`;
  }

  drawNumbers() {
    const { landscape, e, s } = this, { networks, classes } = landscape;
    const rows = [["", ...networks.map((network) => network.label)]];
    for (const k of this.shownClasses())
      rows.push([classes[k].replaceAll("_", " "), ...networks.map((n) => `${(100 * n.probabilities(e, s)[k]).toFixed(3)} %`)]);
    const length = (i, scale, digits, unit) => networks.map((n) => (n.lengths(e, s)[i] * scale).toFixed(digits) + unit);
    rows.push(["largest change of a colour (L-inf)", ...length(0, 255, 3, "/255")], ["length of the change (L2)", ...length(1, 255, 1, "/255")]);
    rows.push(["L-inf, normalised", ...length(2, 1, 5, "")], ["L2, normalised", ...length(3, 1, 4, "")]);
    const table = make("table", {}, ...rows.map((row, r) => make("tr", {}, ...row.map((text, c) => make(r && c ? "td" : "th", { text })))));
    this.numbers.lastElementChild.replaceChildren(table, make("p", { text: landscape.numbers_text }));
  }

  // --- moving

  go(e, s) {
    const { E, S } = this.landscape;
    this.e = Math.min(Math.max(e, 0), E - 1);
    this.s = Math.min(Math.max(s, 0), S - 1);
    this.draw();
  }

  point(map, event) {
    const box = map.getBoundingClientRect(), { E, S } = this.landscape;
    this.pause();
    const e = this.header.locked ? this.e : Math.floor((E * (event.clientX - box.left)) / box.width);
    this.go(e, S - 1 - Math.floor((S * (event.clientY - box.top)) / box.height));
  }

  onKey(event) {
    const on = event.target.getAttribute("name") ?? "";
    if (event.key === " " && on !== "play" && event.target.tagName !== "SUMMARY") {
      this.timer ? this.pause() : this.start();
      event.preventDefault();
    }
  }

  start() {
    const { S } = this.landscape;
    if (this.s === S - 1) this.go(this.e, 0);
    this.timer = setInterval(() => {
      if (this.s >= S - 2) this.pause();
      this.go(this.e, this.s + 1);
    }, Math.max(calm() ? 600 : 60, Math.min(3000 / S, 600)));
    this.showPlay();
  }

  pause() {
    const played = this.timer;
    clearInterval(this.timer);
    this.timer = null;
    if (this.play) this.showPlay();
    if (!played) return;
    this.draw(); // says where it stopped
    this.tell();
  }

  showPlay() {
    this.play.textContent = this.timer ? "Pause" : "▶ Play";
  }

  // The place goes back to the address a moment after the last change: one message, however far the finger went.
  tell() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const { sizes, steps, S } = this.landscape;
      const size = sizes.length < 2 ? this.asked : sizes[this.e], step = this.s === S - 1 ? null : steps[this.s];
      if (this.timer || (size === this.asked && step === this.askedStep)) return;
      this.asked = size;
      this.askedStep = step;
      this.send({ size, step });
    }, 300);
  }
}

export default function ({ parentElement, data, setTriggerValue }) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  let player = players.get(parentElement);
  if (!player || !parentElement.contains(player.root)) players.set(parentElement, (player = new Player(parentElement)));
  player.send = (place) => setTriggerValue("place", place);
  player.load(bytes);
  return () => {
    player.pause();
    clearTimeout(player.waiting);
  };
}
