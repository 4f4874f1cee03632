// The networks side by side: which are shown, and their answers while one draws.

import { Card } from "./answers.js";
import { make } from "./elements.js";
import { t } from "./words.js";

const MOST_SHOWN = 4;

export class Board extends EventTarget {
  #all;
  #networks;
  #drawing;
  #cards = new Map();
  #place = document.getElementById("cards");
  #asking = null;
  #isStale = false;

  /** Show some of all networks. Tells `answer` when there is another one, or a reason why there is none. */
  constructor(all, networks, drawing) {
    super();
    [this.#all, this.#networks, this.#drawing] = [all, networks, drawing];
    const choices = document.getElementById("networks");
    choices.hidden = all.length < 2;
    for (const network of all) {
      const box = make("input", { type: "checkbox", checked: network.index < MOST_SHOWN });
      box.addEventListener("change", () => this.#choose());
      choices.append(make("label", {}, box, make("span", { textContent: network.title })));
      this.#cards.set(network.index, new Card(network));
    }
    this.#arrange();
  }

  get #shown() {
    const boxes = document.querySelectorAll("#networks input");
    return this.#all.filter((network) => boxes[network.index].checked);
  }

  #arrange() {
    const shown = this.#shown.map((network) => this.#cards.get(network.index).element);
    if (!shown.length) shown.push(make("p", { className: "note", textContent: t("answers.none") }));
    this.#place.replaceChildren(...shown);
  }

  /** Show a network, if it is not shown. */
  choose(network) {
    const box = document.querySelectorAll("#networks input")[network.index];
    if (box.checked) return;
    box.checked = true;
    this.#choose();
  }

  /** Whether a network that is shown has answered. */
  get isAnswered() {
    return this.#shown.some((network) => this.#cards.get(network.index).isAnswered);
  }

  #choose() {
    this.#arrange();
    this.dispatchEvent(new Event("answer"));
    this.ask(); // which opens what is not open yet, and says on its card if that fails
  }

  /** Make the networks that are shown ready, and ask them; throws if none can be had. */
  async open() {
    if (this.#networks.inBrowser) {
      const opened = await Promise.allSettled(this.#shown.map((network) => this.#networks.open(network)));
      const failed = opened.filter((one) => one.status === "rejected");
      await this.ask(); // so that cards say what failed
      if (failed.length && failed.length === opened.length) throw failed[0].reason;
    } else await this.ask();
  }

  /** Make the others ready too. */
  async openRest() {
    if (!this.#networks.inBrowser) return;
    for (const network of this.#all) await this.#networks.open(network).catch(() => null);
  }

  /** Ask for answers to what is drawn now; once more afterwards, if it changes meanwhile. */
  ask() {
    this.#isStale = true;
    this.#asking ??= this.#askUntilFresh().finally(() => {
      this.#asking = null;
      this.#place.setAttribute("aria-busy", "false");
    });
    this.#place.setAttribute("aria-busy", "true");
    return this.#asking;
  }

  /** Wait until all answers are those to what is drawn. */
  async idle() {
    await this.#asking;
  }

  async #askUntilFresh() {
    while (this.#isStale) {
      this.#isStale = false;
      const cards = this.#shown.map((network) => [network, this.#cards.get(network.index)]);
      if (this.#drawing.isBlank) {
        for (const [{ name }, card] of cards) {
          const problem = this.#networks.inBrowser && this.#networks.failed.get(name);
          card.show(problem ? { problem } : { state: "blank" });
        }
        this.dispatchEvent(new Event("answer"));
        continue;
      }
      try {
        await this.#networks.look(this.#drawing.source());
      } catch (problem) {
        for (const [, card] of cards) card.show({ problem });
        this.dispatchEvent(new Event("answer"));
        continue;
      }
      await Promise.all(cards.map(([network, card]) => this.#askOne(network, card)));
    }
  }

  async #askOne(network, card) {
    const byServer = !this.#networks.inBrowser;
    try {
      const answer = await this.#networks.answer(network);
      if (!this.#drawing.isBlank) card.show({ ...answer, byServer });
    } catch (problem) {
      card.show({ problem });
    }
    this.dispatchEvent(new Event("answer"));
  }

  /** Write all cards again, in the page's language. */
  write() {
    for (const card of this.#cards.values()) card.write();
    this.#arrange();
  }

  /** Return in sentences what the networks answer, or why they do not; what is true of all of them once. */
  said() {
    const cards = this.#shown.map((network) => this.#cards.get(network.index));
    if (!cards.length) return [t("answers.none")];
    const reasons = new Set(cards.map((card) => card.reason));
    if (reasons.size === 1 && cards[0].reason) return [...reasons];
    return cards.map((card) => card.said()).filter(Boolean);
  }
}
