// A chart's lines, points and bars on a canvas, at once: what is seen until plotly.js has come and draws it in full.

const ARRAYS = { f8: Float64Array, f4: Float32Array, i8: BigInt64Array, i4: Int32Array, i2: Int16Array, i1: Int8Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };
const DASHES = { dash: [8, 6], dot: [2, 4], dashdot: [8, 4, 2, 4] };

// plotly's JSON has long arrays as base64.
function values(array) {
  if (!array?.bdata) return array ?? [];
  const bytes = Uint8Array.from(atob(array.bdata), (letter) => letter.charCodeAt(0));
  return [...new ARRAYS[array.dtype](bytes.buffer)].map(Number);
}

function scaleOf(axis = {}, all, from, to, fromZero) {
  const names = axis.type === "category" || all.some((v) => typeof v === "string") ? [...new Set(all)] : null;
  const number = (v) => (names ? names.indexOf(v) : axis.type === "log" ? Math.log10(v) : v);
  let [low, high] = values(axis.range).map(Number);
  if (low === undefined || Number.isNaN(low)) {
    const known = all.map(number).filter(Number.isFinite);
    low = Math.min(...known, ...(fromZero || axis.rangemode === "tozero" ? [0] : []));
    high = Math.max(...known);
    const room = 0.06 * (high - low || 1);
    [low, high] = [axis.rangemode === "tozero" || fromZero ? Math.min(low, 0) : low - room, high + room];
    if (axis.autorange === "reversed") [low, high] = [high, low];
  }
  const place = (v) => from + ((number(v) - low) / (high - low)) * (to - from);
  const texts = names ?? values(axis.tickvals);
  return { place, ticks: texts.map((v, i) => [place(v), names ? v : values(axis.ticktext)[i] ?? v]) };
}

function sketch(canvas, { data, layout }, width, { color, family }) {
  const traces = data.filter((t) => ["scatter", "bar", undefined].includes(t.type) && !t.xaxis && !t.yaxis && t.visible !== false);
  canvas.hidden = traces.length < data.filter((t) => !t.xaxis).length || Boolean(layout.scene);
  if (canvas.hidden) return;
  const height = layout.height, ratio = devicePixelRatio || 1, pen = canvas.getContext("2d");
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  pen.scale(ratio, ratio);
  const box = { l: 62, r: width - 12, t: (layout.margin?.t ?? 12), b: height - (layout.margin?.b ?? 8) - 44 };
  const points = traces.map((t) => [values(t.x), values(t.y)]), bars = traces.some((t) => t.type === "bar");
  const across = (which) => points.flatMap(([x, y]) => [...(which ? y : x)]).filter((v) => v !== null && v !== undefined && !Number.isNaN(v));
  const x = scaleOf(layout.xaxis, across(0), box.l, box.r, bars && traces.some((t) => t.orientation === "h"));
  const y = scaleOf(layout.yaxis, across(1), box.b, box.t, bars && traces.every((t) => t.orientation !== "h"));
  pen.fillStyle = color;
  pen.font = `12px ${family}`;
  pen.textAlign = "center";
  if (layout.xaxis?.visible !== false) for (const [at, text] of x.ticks) pen.fillText(String(text), at, box.b + 16);
  pen.strokeStyle = "rgba(128, 128, 128, 0.4)";
  pen.strokeRect(box.l, box.t, box.r - box.l, box.b - box.t);
  pen.save();
  pen.beginPath();
  pen.rect(box.l - 6, box.t - 6, box.r - box.l + 12, box.b - box.t + 12);
  pen.clip();
  traces.forEach((trace, k) => {
    const [xs, ys] = points[k], at = [...xs].map((v, i) => (ys[i] === null || ys[i] === undefined ? null : [x.place(v), y.place(ys[i])]));
    const mode = trace.mode ?? "lines+markers", paint = [trace.line?.color, trace.marker?.color].find((c) => typeof c === "string") ?? color;
    pen.strokeStyle = pen.fillStyle = paint;
    pen.globalAlpha = trace.opacity ?? 1;
    if (trace.type === "bar") {
      const [zeroX, zeroY] = [x.place(0), y.place(0)], room = (box.r - box.l) / (xs.length || 1) / 1.4;
      for (const p of at) if (p) trace.orientation === "h" ? pen.fillRect(zeroX, p[1] - 8, p[0] - zeroX, 16) : pen.fillRect(p[0] - room / 2, zeroY, room, p[1] - zeroY);
      return;
    }
    pen.beginPath();
    at.forEach((p, i) => p && (at[i - 1] ? pen.lineTo(...p) : pen.moveTo(...p)));
    if (trace.fill && trace.fill !== "none") {
      pen.fillStyle = trace.fillcolor ?? "rgba(128, 128, 128, 0.3)";
      pen.fill();
    }
    if (mode.includes("lines") && (trace.line?.width ?? 2) > 0) {
      pen.lineWidth = trace.line?.width ?? 2;
      pen.setLineDash(DASHES[trace.line?.dash] ?? []);
      pen.stroke();
      pen.setLineDash([]);
    }
    if (mode.includes("markers")) {
      const open = String(trace.marker?.symbol ?? "").includes("open"), size = typeof trace.marker?.size === "number" ? trace.marker.size : 7;
      pen.fillStyle = paint;
      pen.lineWidth = 1.5;
      for (const p of at) if (p) (pen.beginPath(), pen.arc(...p, size / 2, 0, 7), open ? pen.stroke() : pen.fill());
    }
  });
  pen.restore();
}
