// Inside a network: its first filters, and what each layer makes of the drawing.

import { make, paint } from "./elements.js";
import { drawFilters, drawMaps } from "./maps.js";
import { language, t } from "./words.js";

/** Write filters and layers into an element; `given` is what the worker says of a network, null without a drawing. */
export function showInside(element, given, { hasRuntime }) {
  const parts = [];
  const room = Math.max(240, element.clientWidth);
  if (given.filters) parts.push(filtersFigure(given.filters, room));
  else parts.push(make("p", { className: "note", textContent: t("inside.no_filters") }));
  if (!hasRuntime) parts.push(make("p", { className: "note", textContent: t("inside.no_runtime") }));
  else if (!given.layers.length) {
    if (given.filters) parts.push(make("p", { className: "note", textContent: t("inside.needs") }));
  } else {
    parts.push(inputFigure(given.seen));
    parts.push(...given.layers.map((layer) => layerFigure(layer, room)));
  }
  element.replaceChildren(...parts);
}

function figureOf(title, canvas, ...sentences) {
  const words = sentences.join(language() === "zh" ? "" : " ");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${title}. ${words}`);
  const heading = make("h3", { textContent: title });
  const caption = make("figcaption", { className: "note", textContent: words });
  return make("figure", { className: "layer" }, heading, canvas, caption);
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

function layerFigure({ title, kind, dims, data }, room) {
  const canvas = make("canvas", { className: "maps" });
  const facts = drawMaps(canvas, dims, data, room);
  const what = facts.isVector ? "inside.values" : facts.shown < facts.num ? "inside.part" : "inside.maps";
  const most = facts.most.toPrecision(3);
  const scale = t(facts.isSigned ? "inside.signed" : "inside.light", { most });
  return figureOf(`${title} · ${t(`inside.${kind}`)}`, canvas, `${t(what, facts)}${t("inside.stop")}`, scale);
}
