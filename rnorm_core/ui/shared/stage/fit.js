// Enlarges the figure on the stage as far as the window has room. A smaller scale can change the figure's height, because
// its parts get more width; so the scale goes down until all of it is seen.

const LEAST = 0.8, DESIGNED = 850; // pixels: the width that figures are designed for
// Pixels: the room of the remote control, and of a last caption, which reaches out of its figure.
const MARGIN = 66;

function fit(place) {
  const figure = document.querySelector(".st-key-stage_figure"), view = `${location.pathname} ${place} ${innerWidth} ${innerHeight}`;
  if (!figure) return;
  if (figure.dataset.fitted !== view) {
    figure.dataset.fitted = view;
    scale(figure, Math.min(Math.max(innerWidth / DESIGNED, 1), 3));
  }
  // A part that is drawn smaller leaves its own height behind.
  figure.style.marginBottom = figure.dataset.scale < 1 ? `${(figure.dataset.scale - 1) * figure.offsetHeight}px` : "";
  const { bottom, height } = figure.getBoundingClientRect(), over = bottom - (innerHeight - MARGIN), now = Number(figure.dataset.scale);
  if (over > 0 && height > 50 && now > LEAST) scale(figure, Math.max(LEAST, now - Math.max(0.03, 0.7 * now * over / height)));
}

function scale(figure, value) {
  figure.dataset.scale = value;
  // Not `zoom`, under which plotly would look for the mouse in the wrong place.
  figure.style.transform = `scale(${value})`;
  figure.style.width = `${100 / value}%`;
}
