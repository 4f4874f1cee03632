// Looking into the chosen network: when it is asked, and what is shown until there is an answer.

import { fill } from "./elements.js";
import { showInside } from "./inside.js";

const MOST_TRIES = 5; // of a server that is busy

export class Look {
  #site;
  #networks;
  #drawing;
  #details = document.querySelector("#inside details");
  #select = document.querySelector("#inside select");
  #place = document.getElementById("layers");
  #shown = null;
  #version = 0; // of the drawing
  #asking = null;
  #wanted = null;
  #stop = new AbortController();
  #width = 0; // for which it is drawn

  constructor(site, networks, drawing) {
    [this.#site, this.#networks, this.#drawing] = [site, networks, drawing];
    fill(this.#select, site.networks.map((network) => [network.index, network.title]));
    this.#select.parentElement.hidden = site.networks.length < 2;
    this.#details.addEventListener("toggle", () => {
      this.#fit(); // the window may have changed while it was closed
      this.ask();
    });
    this.#select.addEventListener("change", () => {
      this.#stop.abort();
      this.ask();
    });
    drawing.addEventListener("change", () => this.#version++);
    addEventListener("resize", () => requestAnimationFrame(() => this.#fit()));
  }

  /** What an answer would be to: the network, where it computes, and the drawing. */
  get #question() {
    return [this.#select.value, this.#networks.inBrowser, this.#version].join();
  }

  /** Ask for what is inside, if that is to be seen and not shown already; again, if the question changes meanwhile. */
  ask() {
    if (!this.#details.open) return;
    const isNew = this.#wanted !== this.#question;
    this.#wanted = this.#question;
    if (isNew && (this.#drawing.isBlank || this.#networks.inBrowser)) this.#stop.abort(); // no server is needed
    this.#asking ??= this.#askUntilFresh().finally(() => {
      this.#asking = null;
      this.#place.setAttribute("aria-busy", "false");
    });
    this.#place.setAttribute("aria-busy", "true");
  }

  /** Write what is shown again, in the page's language and width. */
  write() {
    if (!this.#shown) return;
    this.#width = this.#place.clientWidth;
    showInside(this.#place, this.#shown);
  }

  /** Draw it for another width; a phone that hides its address line changes the height alone. */
  #fit() {
    if (this.#details.open && this.#place.clientWidth !== this.#width) this.write();
  }

  async #askUntilFresh() {
    for (let tries = 1; ; ) {
      const question = (this.#wanted = this.#question);
      if (question === this.#shown?.answers) return;
      const { signal } = (this.#stop = new AbortController());
      const isNewest = () => question === this.#wanted && !signal.aborted;
      const network = this.#site.networks[this.#select.value];
      const source = this.#drawing.isBlank ? null : this.#drawing.source();
      let given = { network };
      let isBusy = false;
      try {
        given = { network, ...(await this.#networks.inside(network, source)) };
        if (given.seen && !isMapped(given) && isNewest()) {
          // What is shown of this network stays until there is more; the server's first answer takes seconds.
          if (this.#shown?.network !== network || !isMapped(this.#shown)) this.#show({ ...given, isWaiting: true });
          given = await this.#networks.explained(network, given, source, signal);
        }
        given = { ...given, answers: question };
      } catch (problem) {
        isBusy = problem.seconds > 0 && tries++ < MOST_TRIES;
        if (isBusy) await rest(problem.seconds, signal);
        given = { ...given, problem };
      }
      if (isNewest() && !isBusy) {
        this.#show(given);
        return;
      }
    }
  }

  #show(given) {
    this.#shown = given;
    this.write();
  }
}

const isMapped = ({ layers }) => layers?.length > 0 && layers.every((layer) => layer.numbers);

/** Wait so many seconds, or until somebody wants no more. */
function rest(seconds, signal) {
  return new Promise((done) => {
    setTimeout(done, 1000 * seconds);
    signal.addEventListener("abort", done);
  });
}
