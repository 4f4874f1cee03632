// Inside a network: its first filters, and what each layer makes of the drawing.

import { make, paint } from "./elements.js";
import { drawFilters, drawMaps } from "./maps.js";
import { sentenceOf } from "./problems.js";
import { joined, t } from "./words.js";

const MOST_NAMED = 10; // classes

/**
 * Write what is inside a network into an element: what its file says, and, of a drawing, what its layers make of
 * it, as far as it is known: `isWaiting` for the server, or there is a `problem`.
 */
export function showInside(element, { network, filters, seen, layers, looked, isWaiting, problem }) {
  const room = Math.max(240, element.clientWidth);
  const isWhole = layers?.length === 0; // a network of whole numbers has no maps of float32
  document.getElementById("inside-lead").hidden = isWhole;
  const parts = [];
  if (isWhole) parts.push(note(t("inside.whole")));
  else if (layers) {
    if (filters) parts.push(filtersFigure(filters, room));
    parts.push(seen ? inputFigure(seen) : note(t("inside.needs")));
  }
  if (isWaiting) parts.push(note(t("inside.waiting")));
  else if (problem) parts.push(problemNote(problem));
  else if (seen) {
    if (looked) parts.push(lookedFigure(looked));
    const names = network.description.class_names;
    parts.push(...layers.map((layer) => layerFigure(layer, room, layer.output === "logits" ? names : null, looked)));
  }
  element.replaceChildren(...parts);
}

const note = (...words) => make("p", { className: "note" }, ...words);

/** Say why there is nothing; what a server says is English. */
function problemNote(problem) {
  if (!problem.status) return note(sentenceOf(problem));
  return note(t("inside.no_maps"), " ", make("span", { lang: "en", textContent: problem.message }));
}

function figureOf(title, picture, ...sentences) {
  const words = sentences.length > 1 ? joined(sentences) : sentences[0];
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `${title}. ${words}`);
  const heading = make("h3", { textContent: title });
  const caption = make("figcaption", { className: "note", textContent: words });
  return make("figure", { className: "layer" }, heading, picture, caption);
}

function filtersFigure({ dims, data }, room) {
  const canvas = make("canvas", { className: "maps" });
  const { num, height, width, isColour } = drawFilters(canvas, dims, data, room);
  const note = t(isColour ? "inside.filters_colour" : "inside.filters_note", { num, height, width });
  return figureOf(t("inside.filters"), canvas, note);
}

function inputFigure(seen) {
  const canvas = make("canvas", { className: "seen" });
  paint(canvas, seen);
  return figureOf(t("inside.input"), canvas, t("inside.size", seen));
}

/** Draw where the server's network looked: its picture of that, as large as the input is drawn. */
function lookedFigure({ label, layer, overlay }) {
  const image = make("img", { className: "seen", src: `data:image/png;base64,${overlay}` });
  return figureOf(t("inside.looked"), image, t("inside.looked_note", { label, layer }));
}

function layerFigure({ name, kind, numbers }, room, names, looked) {
  const canvas = make("canvas", { className: "maps" });
  const facts = drawMaps(canvas, numbers, room);
  const what = facts.isVector ? "inside.values" : facts.shown < facts.num ? "inside.part" : "inside.maps";
  const most = facts.most.toPrecision(3);
  const scale = t(facts.isSigned ? "inside.signed" : "inside.light", { most });
  const classes = classesOf(names, numbers, looked);
  return figureOf(`${name} · ${t(`inside.${kind}`)}`, canvas, t(what, facts), scale, ...classes);
}

/** Say which class each of few values is, and which has the largest; the server's are coarse, and not all there. */
function classesOf(names, { data }, looked) {
  if (!names) return [];
  const strongest = t("inside.strongest", { label: looked?.label ?? names[data.indexOf(Math.max(...data))] });
  if (names.length > MOST_NAMED) return [strongest];
  return [t("inside.classes", { names: names.join(t("inside.comma")) }), strongest];
}
