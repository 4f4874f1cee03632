// Asking the networks: in this browser by way of the worker, or on the server.

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let last = 0;

/** A network gives no answer; `key` names the words that say why, if there are some. */
export class NoAnswer extends Error {
  constructor({ key, reason }) {
    super(reason);
    this.key = key;
  }
}

worker.onmessage = ({ data: { id, result, problem } }) => {
  const { done, failed } = waiting.get(id);
  waiting.delete(id);
  if (problem) failed(new NoAnswer(problem));
  else done(result);
};
worker.onerror = (event) => {
  for (const { failed } of waiting.values()) failed(new NoAnswer({ key: null, reason: event.message ?? "worker" }));
  waiting.clear();
};

function tell(task, values = {}, transfer = []) {
  return new Promise((done, failed) => {
    waiting.set(++last, { done, failed });
    worker.postMessage({ id: last, task, values }, transfer);
  });
}

function pixelsOf(canvas) {
  const { width, height } = canvas;
  return { width, height, data: canvas.getContext("2d").getImageData(0, 0, width, height).data };
}

/** The networks that the page knows, and where they compute. */
export class Networks {
  constructor(site, headers) {
    this.site = site;
    this.headers = headers;
    this.inBrowser = site.runtime;
    this.opened = new Map();
    this.started = null;
  }

  /** Make a network ready; again, if that failed before. */
  open(network) {
    const { name, file, description } = network;
    if (!this.opened.has(name)) {
      const url = new URL(`networks/${encodeURIComponent(file)}`, import.meta.url).href;
      if (this.site.runtime) this.started ??= tell("start");
      const values = { name, url, headers: this.headers, description };
      const made = Promise.resolve(this.started).then(() => tell("open", values));
      made.catch(() => this.opened.delete(name));
      this.opened.set(name, made);
    }
    return this.opened.get(name);
  }

  /** Give the worker the picture that comes next, and the server's encoded, if it is asked. */
  async look(source) {
    const pixels = pixelsOf(source);
    const told = tell("look", { pixels }, [pixels.data.buffer]);
    this.png = this.inBrowser ? null : new Promise((done) => source.toBlob(done, "image/png"));
    await told;
  }

  /** Return what a network answers: { seen, probs, seconds }. */
  async answer(network) {
    const { name, description } = network;
    if (this.inBrowser) {
      await this.open(network);
      return tell("answer", { name, computes: true });
    }
    await tell("know", { name, description });
    const { seen } = await tell("answer", { name, computes: false });
    return { seen, ...(await this.fromServer(network)) };
  }

  async fromServer({ name, description }) {
    const names = description.class_names;
    const start = performance.now();
    const query = new URLSearchParams({ network: name, top_k: names.length });
    const body = await this.png;
    const headers = { ...this.headers, "Content-Type": "image/png" };
    const answer = await fetch(`v1/predict?${query}`, { method: "POST", headers, body });
    const found = await answer.json();
    if (!answer.ok) throw new NoAnswer({ key: null, reason: found.detail ?? answer.statusText });
    const probs = new Array(names.length);
    for (const { label, probability } of found.predictions[0].labels) probs[names.indexOf(label)] = probability;
    return { probs, seconds: (performance.now() - start) / 1000 };
  }

  /** Return what is inside a network, and what its layers make of the picture; null for none. */
  async inside(network, source) {
    await this.open(network);
    const pixels = source && pixelsOf(source);
    return tell("inside", { name: network.name, pixels }, pixels ? [pixels.data.buffer] : []);
  }
}
