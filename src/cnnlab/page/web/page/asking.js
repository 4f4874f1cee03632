// Asking the networks: in this browser by way of the worker, or on the server.

import { NoAnswer } from "./problems.js";
import { withMaps } from "./sheets.js";
import { listFrom } from "./site.js";

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const AWAY_SECONDS = 3; // after which a server that did not answer is asked again
const NOBODY_BEHIND = [502, 504]; // what a proxy answers for a server that is gone
const waiting = new Map();
let last = 0;
let broken = null;

worker.onmessage = ({ data: { id, result, problem } }) => {
  const { done, failed } = waiting.get(id);
  waiting.delete(id);
  if (problem) failed(new NoAnswer(problem));
  else done(result);
};
worker.onerror = (event) => {
  // Without a message it is the file itself that did not come, and nothing will answer.
  if (!event.message) broken = new NoAnswer({ key: "file", facts: { file: "page/worker.js" } });
  for (const { failed } of waiting.values()) failed(broken ?? new NoAnswer({ reason: event.message }));
  waiting.clear();
};

function tell(task, values = {}, transfer = []) {
  return new Promise((done, failed) => {
    if (broken) throw broken;
    waiting.set(++last, { done, failed });
    worker.postMessage({ id: last, task, values }, transfer);
  });
}

const encoded = (canvas) => new Promise((done) => canvas.toBlob(done, "image/png"));

function pixelsOf(canvas) {
  const { width, height } = canvas;
  return { width, height, data: canvas.getContext("2d").getImageData(0, 0, width, height).data };
}

/** The networks that the page knows, and where they compute. */
export class Networks extends EventTarget {
  #timer = 0;

  /** Tells `presence` when the server, `isAway`, does not answer any more, or does again. */
  constructor(site, headers) {
    super();
    this.isAway = false;
    this.failed = new Map();
    this.site = site;
    this.headers = headers;
    this.inBrowser = site.runtime;
    this.opened = new Map();
    this.started = null;
    this.refused = new Map();
  }

  /** Make a network ready; again, if that failed before. */
  open(network) {
    const { name, description } = network;
    if (!this.opened.has(name)) {
      this.started ??= tell("start").catch((problem) => {
        this.started = null;
        throw problem;
      });
      const values = { name, url: urlOf(network), headers: this.headers, description };
      const made = this.started.then(() => tell("open", values));
      made.then(
        () => this.failed.delete(name),
        (problem) => {
          this.opened.delete(name);
          this.failed.set(name, problem);
        },
      );
      this.opened.set(name, made);
    }
    return this.opened.get(name);
  }

  /** Give the worker the picture that comes next, and the server's encoded, if it is asked. */
  async look(source) {
    const pixels = pixelsOf(source);
    const told = tell("look", { pixels }, [pixels.data.buffer]);
    this.png = this.inBrowser ? null : encoded(source);
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
    const found = await this.#ask("predict", { network: name, top_k: names.length }, await this.png);
    const probs = new Array(names.length);
    for (const { label, probability } of found.predictions[0].labels) probs[names.indexOf(label)] = probability;
    return { probs, seconds: (performance.now() - start) / 1000 };
  }

  /**
   * Return what is inside a network: what its file says, what goes in of a picture, if there is one, and, where
   * the browser computes, what its layers make of it.
   */
  async inside(network, source) {
    const { name, description } = network;
    const computes = this.inBrowser;
    if (computes) await this.open(network);
    else {
      await tell("know", { name, description });
      await tell("load", { name, url: urlOf(network), headers: this.headers });
    }
    const pixels = source && pixelsOf(source);
    return tell("inside", { name, pixels, computes }, pixels ? [pixels.data.buffer] : []);
  }

  /** Return it with what the server's network makes of the picture, and where it looked for its answer. */
  async explained({ name, unexplained }, given, source, signal) {
    if (unexplained) throw new NoAnswer({ reason: unexplained, status: 404 });
    if (this.refused.has(name)) throw this.refused.get(name);
    const png = await encoded(source);
    try {
      const { maps } = await this.#ask("explain", { network: name, method: "activations" }, png, signal);
      const { label, maps: [map] } = await this.#ask("explain", { network: name, method: "grad_cam" }, png, signal);
      return { ...given, layers: await withMaps(given, maps), looked: { label, ...map } };
    } catch (problem) {
      if (problem.status === 404) this.refused.set(name, problem); // it is so until the server is started anew
      throw problem;
    }
  }

  async #ask(path, query, body, signal) {
    const headers = { ...this.headers, "Content-Type": "image/png" };
    const options = { method: "POST", headers, body, signal };
    const answer = await fetch(`v1/${path}?${new URLSearchParams(query)}`, options).catch((error) => {
      if (signal?.aborted) throw error;
      return null;
    });
    this.#setAway(!answer || NOBODY_BEHIND.includes(answer.status));
    if (this.isAway) throw new NoAnswer({ key: "away" });
    if (answer.ok) return answer.json();
    const { status, statusText } = answer;
    const { detail } = await answer.json().catch(() => ({})); // a proxy's own answer is another
    const seconds = status === 503 ? Number(answer.headers.get("Retry-After")) || 1 : 0;
    throw new NoAnswer({ reason: detail ?? statusText, status, seconds });
  }

  /** Note whether the server answers; while it does not, ask for something small every few seconds. */
  #setAway(isAway) {
    if (this.isAway === isAway) return;
    this.isAway = isAway;
    this.#tryLater();
    this.dispatchEvent(new Event("presence"));
  }

  /** Try again after a while, if it is away then; what was to be tried before is not, or timers would multiply. */
  #tryLater() {
    clearTimeout(this.#timer);
    if (this.isAway) this.#timer = setTimeout(() => this.#tryAgain(), 1000 * AWAY_SECONDS);
  }

  async #tryAgain() {
    const answers = ({ ok, status }) => ok || status === 401; // 401: it is the server that wants another token
    const isHere = this.inBrowser || (await listFrom(this.headers).then(answers, () => false));
    if (isHere) this.#setAway(false);
    else this.#tryLater();
  }
}

const urlOf = ({ file }) => new URL(`networks/${encodeURIComponent(file)}`, import.meta.url).href;
