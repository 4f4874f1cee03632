// The tools beside the paper: undo, clear, pen width, keys; and the notes under it.

import { listen } from "./pictures.js";
import { t } from "./words.js";
import { say } from "./voice.js";

const at = (selector) => document.querySelector(selector);
const FOR_TEXT = "textarea, input:not([type=range], [type=checkbox])";
const CLEARING = "body, #canvas, #draw input, #networks input"; // where the Delete key means the drawing

/** Write what goes with the drawing: what is known of its picture, or of one that is on its way. */
export function writeTools(drawing, arrivals) {
  at("#hint").hidden = !drawing.isBlank;
  at("#undo").disabled = !drawing.canUndo;
  at("#clear").disabled = drawing.isBlank;
  const { note } = arrivals;
  const { facts } = drawing;
  at("#truth").textContent = note ? t(note.key, note.facts) : facts ? t("draw.truth", facts) : "";
}

export function startTools(drawing, arrivals) {
  const clear = () => {
    drawing.clear();
    say(t("draw.cleared"));
  };
  const undo = () => {
    if (!drawing.canUndo) return;
    drawing.undo();
    say(t("draw.undone"));
  };
  at("#clear").addEventListener("click", clear);
  at("#undo").addEventListener("click", undo);
  at("#pen").addEventListener("input", (event) => (drawing.penWidth = Number(event.target.value)));
  drawing.addEventListener("pen", ({ detail }) => say(t(detail ? "draw.pen_down" : "draw.pen_up")));
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (target.matches(FOR_TEXT)) return;
    if (key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault();
      undo();
    } else if ((key === "Delete" || key === "Backspace") && target.matches(CLEARING)) clear();
  });
  listen((file) => arrivals.open(file, file));
}
