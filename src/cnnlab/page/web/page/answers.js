// A card for each network: its guess, the bars, the picture as it sees it, the time.

import { make, paint } from "./elements.js";
import { sentenceOf } from "./problems.js";
import { percent, t } from "./words.js";

const MOST_IN_ORDER = 10;
const MOST_BARS = 6;

export class Card {
  #network;
  #parts = {};
  #last = { state: "waiting" };

  constructor(network) {
    this.#network = network;
    const parts = this.#parts;
    const id = `card-${network.index}`;
    parts.facts = make("p", { className: "note" });
    parts.guess = make("p", { className: "guess" });
    parts.seen = make("canvas", { width: 1, height: 1, role: "img", className: "seen" });
    parts.caption = make("figcaption");
    parts.figure = make("figure", {}, parts.seen, parts.caption);
    parts.bars = make("ul", { className: "bars" });
    parts.took = make("p", { className: "note took" });
    const title = make("h3", { id, textContent: network.title, title: network.name });
    const top = make("div", { className: "top" }, parts.guess, parts.figure);
    this.element = make("article", { className: "card" }, title, parts.facts, top, parts.bars, parts.took);
    this.element.setAttribute("aria-labelledby", id);
    this.write();
  }

  /** Show another state: { state: "waiting" | "blank" }, { problem }, or an answer. */
  show(state) {
    this.#last = state;
    this.write();
  }

  get isAnswered() {
    return Boolean(this.#last.probs);
  }

  /** Why there is no answer, in a sentence; empty where there is one, or nothing to answer. */
  get reason() {
    const { problem } = this.#last;
    return problem ? sentenceOf(problem) : "";
  }

  /** Return the answer in a sentence, or why there is none; empty where there is nothing to answer. */
  said() {
    const { probs, problem } = this.#last;
    if (problem) return t("answers.unsaid", { network: this.#network.title, reason: this.reason });
    if (!probs) return "";
    const best = probs.indexOf(Math.max(...probs));
    const label = this.#network.description.class_names[best];
    return t("answers.said", { network: this.#network.title, label, percent: percent(probs[best]) });
  }

  /** Write it, in the page's language. */
  write() {
    const { state, probs, seen, seconds, byServer } = this.#last;
    const { facts, guess, figure, caption, bars, took } = this.#parts;
    facts.textContent = this.#network.facts();
    caption.textContent = t("answers.seen");
    this.element.classList.toggle("empty", !probs);
    figure.hidden = !seen;
    bars.hidden = !probs;
    took.textContent = "";
    if (seen) this.#showSeen(seen);
    if (!probs) {
      guess.replaceChildren(this.reason || t(`answers.${state}`));
      return;
    }
    const names = this.#network.description.class_names;
    const best = probs.indexOf(Math.max(...probs));
    guess.replaceChildren(
      make("strong", { textContent: names[best], className: names[best].length > 3 ? "word" : "" }),
      make("span", { textContent: percent(probs[best]) }),
    );
    this.#showBars(names, probs, best);
    const time = seconds < 0.01 ? (1000 * seconds).toFixed(1) : (1000 * seconds).toFixed(0);
    took.textContent = t(byServer ? "answers.took_server" : "answers.took", { time });
  }

  #showSeen(seen) {
    paint(this.#parts.seen, seen);
    const label = t("answers.seen_alt", { network: this.#network.title, size: seen.width });
    this.#parts.seen.setAttribute("aria-label", label);
  }

  /** Few classes stay in their order, so that bars do not jump; of many the most probable are shown. */
  #showBars(names, probs, best) {
    const order = probs.map((_, index) => index);
    if (names.length > MOST_IN_ORDER) order.sort((a, b) => probs[b] - probs[a] || a - b).splice(MOST_BARS);
    const { bars } = this.#parts;
    bars.setAttribute("aria-label", t("answers.bars", { network: this.#network.title }));
    while (bars.children.length > order.length) bars.lastChild.remove();
    while (bars.children.length < order.length) {
      const track = make("span", { className: "track" }, make("span", { className: "bar" }));
      const [name, value] = ["name", "value"].map((className) => make("span", { className }));
      bars.append(make("li", {}, name, track, value));
    }
    order.forEach((index, place) => {
      const row = bars.children[place];
      const [name, track, value] = row.children;
      row.classList.toggle("best", index === best);
      row.dataset.value = probs[index];
      name.textContent = names[index];
      track.firstChild.style.width = `${100 * probs[index]}%`;
      value.textContent = percent(probs[index]);
    });
  }
}
