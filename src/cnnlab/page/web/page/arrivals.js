// Pictures that are on their way to the paper: decoding takes time, and what is done last counts.

import { decoded } from "./pictures.js";
import { t } from "./words.js";
import { say } from "./voice.js";

const PATIENCE = 300; // milliseconds before it is said that a picture is being opened
const LONGEST_NAME = 40;

export class Arrivals extends EventTarget {
  #drawing;
  #newest = 0;
  #note = null;

  /** Put pictures on a drawing, unless it changes meanwhile. Tells `change` when there is something else to note. */
  constructor(drawing) {
    super();
    this.#drawing = drawing;
    drawing.addEventListener("change", () => this.#drop());
  }

  /** What is to be noted, { key, facts }: a picture is being opened, or is none. */
  get note() {
    return this.#note;
  }

  /** Open a picture; `say` what came, in words of the page. Returns whether it is on the paper. */
  async open(blob, { name = "", facts = null }) {
    this.#drop();
    const number = this.#newest;
    const isNewest = () => number === this.#newest;
    const short = shortened(name);
    const timer = setTimeout(() => {
      if (isNewest()) this.#tell({ key: "draw.opening", facts: { name: short } });
    }, PATIENCE);
    let picture = null;
    try {
      picture = await decoded(blob);
    } catch {
      if (isNewest()) this.#tell({ key: "draw.not_a_picture", facts: { name: short } });
    }
    clearTimeout(timer);
    if (!picture || !isNewest()) return false;
    this.#drawing.addPicture(picture, facts);
    if (facts) say(t("draw.truth", facts));
    else say(t("draw.opened", { name: short }));
    return true;
  }

  /** Give up what is on its way, and what was noted of an earlier one. */
  #drop() {
    this.#newest++;
    if (this.#note) this.#set(null);
  }

  #tell(note) {
    this.#set(note);
    say(t(note.key, note.facts));
  }

  #set(note) {
    this.#note = note;
    this.dispatchEvent(new Event("change"));
  }
}

/** Leave out the middle of a long name, whose end tells its kind. */
function shortened(name) {
  const letters = [...name];
  if (letters.length <= LONGEST_NAME) return name;
  return `${letters.slice(0, LONGEST_NAME - 13).join("")}…${letters.slice(-12).join("")}`;
}
