// The bytes of `rnorm_core.experiments.landscape.pack` -> a landscape. The format stands there.

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

function headerOf(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return [JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))), 4 + length];
}

async function decode(bytes, header, begin) {
  const S = header.steps.length, E = Math.max(header.sizes.length, 1), K = header.classes_count;
  const pixels = header.shape.reduce((a, b) => a * b);
  const networks = [];
  for (const about of header.networks) {
    const raw = await inflate(bytes.subarray(begin, begin + about.bytes));
    begin += about.bytes;
    const numbers = new Float32Array(raw, 0, E * S * (K + 4) + E * K);
    const changes = new Int8Array(raw, 4 * numbers.length);
    for (let e = 0; e < E; e++)
      for (let i = (e * S + 1) * pixels; i < (e + 1) * S * pixels; i++) changes[i] += changes[i - pixels];
    const probabilities = (e, s) => numbers.subarray((e * S + s) * K, (e * S + s + 1) * K);
    const lengths = (e, s) => numbers.subarray(E * S * K + (e * S + s) * 4, E * S * K + (e * S + s + 1) * 4);
    const saved = (e) => numbers.subarray(E * S * (K + 4) + e * K, E * S * (K + 4) + (e + 1) * K);
    const change = (e, s) => changes.subarray((e * S + s) * pixels, (e * S + s + 1) * pixels);
    networks.push({ ...about, probabilities, lengths, saved, change });
  }
  const clean = new Float32Array(bytes.slice(begin, begin + 4 * pixels).buffer);
  return { ...header, networks, clean, E, S, K };
}

const best = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

// What an answer is for the attack.
const RIGHT = 0, WRONG = 1, TARGET = 2;

function kind(network, k) {
  return k === network.truth ? RIGHT : network.target === null || k === network.target ? TARGET : WRONG;
}

// The answer at (e, s): the class that wins, and the one that won for the clean image.
function answer(network, e, s) {
  return { winner: best(network.probabilities(e, s)), before: best(network.probabilities(e, 0)) };
}
