// Test images to start from: those that a network recognised, and those that it took for something else.

import { make } from "./elements.js";
import { blobOf } from "./pictures.js";
import { percent, t } from "./words.js";

/** Return a network's test images; none, if it has none or they cannot be had. */
export async function loadGallery({ gallery }, headers) {
  if (!gallery) return [];
  const answer = await fetch(new URL(`networks/${encodeURIComponent(gallery)}`, import.meta.url), { headers });
  return answer.ok ? (await answer.json()).images : [];
}

/** Write test images into an element; `take` is given the one that is chosen, and its file. */
export function showGallery(element, images, names, take) {
  const groups = [
    ["right", images.filter((image) => image.label === image.predicted)],
    ["wrong", images.filter((image) => image.label !== image.predicted)],
  ];
  const parts = groups
    .filter(([, group]) => group.length)
    .flatMap(([key, group]) => [
      make("h3", { textContent: t(`gallery.${key}`) }),
      make("ul", { className: "images" }, ...group.map((image) => make("li", {}, button(image, names, take)))),
    ]);
  if (!parts.length) parts.push(make("p", { className: "note", textContent: t("gallery.none") }));
  element.replaceChildren(...parts);
}

function button(image, names, take) {
  const [label, predicted] = [names[image.label], names[image.predicted]];
  const facts = { index: image.index, label, predicted, percent: percent(image.probability) };
  const words = t(label === predicted ? "gallery.image" : "gallery.mistake", facts);
  const picture = make("img", { src: `data:image/png;base64,${image.png}`, alt: "", width: 48, height: 48 });
  const caption = make("span", { textContent: label === predicted ? label : `${label} → ${predicted}` });
  const made = make("button", { type: "button", title: words }, picture, caption);
  made.setAttribute("aria-label", words);
  made.addEventListener("click", () => take({ index: image.index, label }, blobOf(image.png)));
  return made;
}
