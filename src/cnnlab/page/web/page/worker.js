// Beside the page, so that drawing stays smooth: prepares pictures, and computes where the runtime is there.

import { structure, withOutputs } from "./onnx.js";
import { inputs, prepared, softmax, window } from "./prepare.js";
import { fromCanvas } from "./resize.js";

const RUNTIME = ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"];
const [PROGRAM, WASM] = RUNTIME.map((name) => new URL(`./runtime/${name}`, import.meta.url).href);
const networks = new Map();
let ort = null;
let picture = null;
let seenBy = new Map();

const tasks = {
  /** Load the runtime. */
  async start() {
    try {
      ort = await import(PROGRAM);
    } catch (error) {
      throw await reasonOf(error, PROGRAM);
    }
    ort.env.wasm.wasmPaths = { wasm: WASM };
    ort.env.wasm.numThreads = 1; // more need headers that few hosts of files send
    ort.env.logLevel = "error";
  },

  /** Know a network, and make it ready to compute. */
  async open({ name, url, headers, description }) {
    const file = await loaded(url, headers);
    networks.set(name, { description, file, session: await sessionOf(file), inner: null });
  },

  /** Know a network whose answers come from the server. */
  async know({ name, description }) {
    if (!networks.has(name)) networks.set(name, { description, file: null, session: null, inner: null });
  },

  /** Load the file of such a network, to look into. */
  async load({ name, url, headers }) {
    networks.get(name).file ??= await loaded(url, headers);
  },

  /** Take a picture: the pixels of a canvas. */
  async look({ pixels }) {
    picture = fromCanvas(pixels);
    seenBy = new Map();
  },

  /** Say what a network sees, and, if it is to compute, what it answers. */
  async answer({ name, computes }) {
    const { description, session } = networks.get(name);
    const seen = seenAs(description);
    if (!computes) return { seen };
    const [logits, seconds] = await run(session, description, seen, ["logits"]);
    return { seen, seconds, probs: softmax(logits.logits.data) };
  },

  /**
   * Return what a file says of a network's inside; of a picture, if there is one, what goes in, and, if they are
   * computed here, its maps: `numbers` of each layer.
   */
  async inside({ name, pixels, computes }) {
    const network = networks.get(name);
    const { description } = network;
    const given = { ...structure(network.file), seen: null };
    if (!pixels || !given.layers.length) return given;
    given.seen = window(prepared(fromCanvas(pixels), description), description);
    if (!computes) return given;
    const names = given.layers.map((layer) => layer.output);
    network.inner ??= await sessionOf(withOutputs(network.file, names.filter((one) => one !== "logits")));
    const [maps] = await run(network.inner, description, given.seen, names);
    for (const layer of given.layers) layer.numbers = numbersOf(maps[layer.output]);
    return given;
  },
};

async function sessionOf(file) {
  try {
    return await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  } catch (error) {
    throw await reasonOf(error, WASM); // which the runtime loads with the first network
  }
}

async function loaded(url, headers) {
  try {
    const answer = await fetch(url, { headers });
    if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
  } catch {
    // said below, and not in the browser's words
  }
  throw notGiven(url);
}

/** Return why something failed: a file does not come, or else the error itself. */
async function reasonOf(error, url) {
  const isGiven = await fetch(url, { method: "HEAD" }).then(
    (answer) => answer.ok,
    () => false,
  );
  return isGiven ? error : notGiven(url);
}

function notGiven(url) {
  const here = new URL(".", import.meta.url).href;
  return { key: "file", facts: { file: `page/${decodeURIComponent(url.slice(here.length))}` } };
}

/** Return the maps of one picture, with the least and the largest value in them. */
function numbersOf({ dims, data }) {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of data) [least, largest] = [Math.min(least, value), Math.max(largest, value)];
  return { dims: dims.slice(1), data, least, largest };
}

/** Return the picture as a network sees it; networks that are trained alike share it. */
function seenAs(description) {
  const key = JSON.stringify([description.preprocessing, description.network.in_channels]);
  if (!seenBy.has(key)) seenBy.set(key, window(prepared(picture, description), description));
  return seenBy.get(key);
}

async function run(session, description, seen, outputs) {
  const dims = [1, seen.channels, seen.height, seen.width];
  const images = new ort.Tensor("float32", inputs(seen, description), dims);
  const start = performance.now();
  const found = await session.run({ images }, outputs);
  return [found, (performance.now() - start) / 1000];
}

onmessage = async ({ data: { id, task, values } }) => {
  try {
    postMessage({ id, result: await tasks[task](values) });
  } catch (error) {
    const { key = null, facts = {}, message = error } = error;
    postMessage({ id, problem: { key, facts, reason: String(message) } });
  }
};
