// Pictures on canvases, at the image's own resolution; the page enlarges them without smoothing.

function paint(canvas, height, width, value) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height), plane = height * width;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) picture.data[4 * i + c] = value(c * plane + i);
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}

const level = (x) => Math.floor(255 * Math.min(Math.max(x, 0), 1) + 0.5);

function drawImages(landscape, network, e, s, attacked, difference, widest) {
  const [, height, width] = landscape.shape, change = network.change(e, s);
  const unit = network.scales[e] / landscape.levels;
  paint(attacked, height, width, (i) => level(landscape.clean[i] + unit * change[i]));
  paint(difference, height, width, (i) => level(0.5 + (0.5 * unit * change[i]) / widest));
}

// Sizes across, steps up. What the attack wants has the network's colour and a line, so that colour is not needed; in a
// targeted attack other wrong answers are pale.
const SIDE = 168;

function drawMap(landscape, network, kinds, canvas, e, s) {
  const { E, S } = landscape, wide = Math.max(24, Math.round(SIDE / E)), high = Math.max(8, Math.round(SIDE / S));
  const [width, height] = [E * wide, S * high];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d"), ink = getComputedStyle(canvas).color;
  context.clearRect(0, 0, width, height);
  for (let x = 0; x < E; x++)
    for (let y = 0; y < S; y++) {
      const [left, top] = [x * wide, (S - 1 - y) * high], which = kinds[x * S + y];
      context.globalAlpha = which === WRONG ? 0.45 : 1;
      context.fillStyle = which === RIGHT ? "rgba(128, 128, 128, 0.22)" : network.colour;
      context.fillRect(left + 0.5, top + 0.5, wide - 1, high - 1);
      context.globalAlpha = 1;
      if (which === TARGET) {
        context.strokeStyle = "rgba(255, 255, 255, 0.75)";
        context.beginPath();
        context.moveTo(left + 4, top + high - 1.5);
        context.lineTo(left + wide - 4, top + 1.5);
        context.stroke();
      }
    }
  context.strokeStyle = ink;
  context.lineWidth = 2.5;
  context.strokeRect(e * wide + 1, (S - 1 - s) * high + 1, wide - 2, high - 2);
  context.lineWidth = 1;
}
