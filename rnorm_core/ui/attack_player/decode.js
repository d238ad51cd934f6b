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

// What a network answers at (e, s): its class, whether that is wrong (or, in a targeted attack, the target), and the
// first step at which it is not what it was for the clean image; null where it never changes.
function answer(network, S, e, s) {
  const winner = best(network.probabilities(e, s)), before = best(network.probabilities(e, 0));
  const wrong = (k) => (network.target === null ? k !== network.truth : k === network.target && k !== network.truth);
  let turned = null;
  for (let t = 1; t < S && turned === null; t++) if (best(network.probabilities(e, t)) !== before) turned = t;
  return { winner, before, wrong: wrong(winner), wrongBefore: wrong(before), turned, wrongIf: wrong };
}
