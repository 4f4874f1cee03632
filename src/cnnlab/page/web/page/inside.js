// Inside a network: its first filters, and what each layer makes of the drawing.

import { make, paint } from "./elements.js";
import { drawFilters, drawMaps } from "./maps.js";
import { language, t } from "./words.js";

/**
 * Write what is inside a network into an element: what its file says, and, of a drawing, what its layers make of
 * it, as far as it is known: `isWaiting` for the server, or there is a `problem`.
 */
export function showInside(element, { filters, seen, layers, looked, isWaiting, problem }) {
  const room = Math.max(240, element.clientWidth);
  const parts = [];
  if (layers) {
    if (filters) parts.push(filtersFigure(filters, room));
    else parts.push(note(t("inside.no_filters")));
    if (seen) parts.push(inputFigure(seen));
    else if (layers.length) parts.push(note(t("inside.needs")));
  }
  if (isWaiting) parts.push(note(t("inside.waiting")));
  else if (problem) parts.push(problemNote(problem));
  else if (seen) {
    if (looked) parts.push(lookedFigure(looked));
    parts.push(...layers.map((layer) => layerFigure(layer, room)));
  }
  element.replaceChildren(...parts);
}

const note = (...words) => make("p", { className: "note" }, ...words);

/** Say why there is nothing; what a server says is English. */
function problemNote({ key, status, message }) {
  if (!status) return note(t(`answers.${key ?? "failed"}`, { reason: message }));
  return note(t("inside.no_maps"), " ", make("span", { lang: "en", textContent: message }));
}

function figureOf(title, picture, ...sentences) {
  const words = sentences.join(language() === "zh" ? "" : " ");
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
  return figureOf(t("inside.input"), canvas, `${seen.width} x ${seen.height}`);
}

/** Draw where the server's network looked: its picture of that, as large as the input is drawn. */
function lookedFigure({ label, layer, overlay }) {
  const image = make("img", { className: "seen", src: `data:image/png;base64,${overlay}` });
  return figureOf(t("inside.looked"), image, t("inside.looked_note", { label, layer }));
}

function layerFigure({ name, kind, numbers }, room) {
  const canvas = make("canvas", { className: "maps" });
  const facts = drawMaps(canvas, numbers, room);
  const what = facts.isVector ? "inside.values" : facts.shown < facts.num ? "inside.part" : "inside.maps";
  const most = facts.most.toPrecision(3);
  const scale = t(facts.isSigned ? "inside.signed" : "inside.light", { most });
  return figureOf(`${name} · ${t(`inside.${kind}`)}`, canvas, `${t(what, facts)}${t("inside.stop")}`, scale);
}
