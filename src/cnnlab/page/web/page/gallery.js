// Test images to start from: those that a network recognised, and those that it took for something else.

import { fill, make } from "./elements.js";
import { blobOf } from "./pictures.js";
import { percent, t } from "./words.js";

/**
 * Return a function that writes the test images of the chosen network; `take` is given one that is chosen: the
 * network, what is known of the image, and its file.
 */
export function startGallery(site, headers, take) {
  const section = document.getElementById("gallery");
  const select = section.querySelector("select");
  const some = site.networks.filter((network) => network.gallery);
  fill(select, some.map((network) => [network.index, network.title]));
  select.parentElement.hidden = some.length < 2;
  const loaded = new Map();
  for (const network of some) loaded.set(network.index, loadGallery(network, headers).catch(() => []));
  const write = async () => {
    const chosen = select.value;
    const network = site.networks[chosen];
    const images = network ? await loaded.get(network.index) : [];
    if (select.value !== chosen) return; // another one meanwhile
    const names = network?.description.class_names;
    showGallery(section.querySelector("#images"), images, names, (facts, blob) => take(network, facts, blob));
  };
  select.addEventListener("change", write);
  return write;
}

/** Return a network's test images; none, if it has none or they cannot be had. */
async function loadGallery({ gallery }, headers) {
  if (!gallery) return [];
  const answer = await fetch(new URL(`networks/${encodeURIComponent(gallery)}`, import.meta.url), { headers });
  return answer.ok ? (await answer.json()).images : [];
}

/** Write test images into an element; `take` is given the one that is chosen, and its file. */
function showGallery(element, images, names, take) {
  const groups = [
    ["right", images.filter((image) => image.label === image.predicted)],
    ["wrong", images.filter((image) => image.label !== image.predicted)],
  ];
  const parts = groups
    .filter(([, group]) => group.length)
    .flatMap(([key, group]) => {
      const title = t(`gallery.${key}`);
      return [make("h3", { textContent: title }), groupOf(title, group.map((image) => button(image, names, take)))];
    });
  if (!parts.length) parts.push(make("p", { className: "note", textContent: t("gallery.none") }));
  element.replaceChildren(...parts);
}

/** Return a group of buttons: one stop of the Tab key, in which arrow keys move. */
function groupOf(title, buttons) {
  const items = buttons.map((one) => make("li", { role: "none" }, one));
  const group = make("ul", { className: "images", role: "toolbar", ariaLabel: title }, ...items);
  buttons.forEach((one, place) => (one.tabIndex = place ? -1 : 0));
  group.addEventListener("focusin", ({ target }) => {
    for (const one of buttons) one.tabIndex = one === target ? 0 : -1;
  });
  group.addEventListener("keydown", (event) => {
    const place = buttons.indexOf(event.target);
    const last = buttons.length - 1;
    const places = { Home: 0, End: last, ArrowLeft: place - 1, ArrowUp: place - 1 };
    Object.assign(places, { ArrowRight: place + 1, ArrowDown: place + 1 });
    if (!(event.key in places) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    buttons[Math.min(Math.max(places[event.key], 0), last)].focus();
  });
  return group;
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
