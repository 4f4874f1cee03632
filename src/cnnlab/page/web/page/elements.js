// Small pieces of a page.

/** Return a new element with attributes, properties and children. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties))
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Fill a select with choices, [value, text], and keep what was chosen if it is still there. */
export function fill(select, choices) {
  const before = select.value;
  select.replaceChildren(...choices.map(([value, text]) => make("option", { value, textContent: text })));
  if (choices.some(([value]) => value === before)) select.value = before;
}

/** Draw a picture of bytes, planes of channels, on a canvas of its size. */
export function paint(canvas, { channels, height, width, data }) {
  [canvas.width, canvas.height] = [width, height];
  const pixels = new ImageData(width, height);
  const size = width * height;
  for (let place = 0; place < size; place++) {
    for (let colour = 0; colour < 3; colour++)
      pixels.data[4 * place + colour] = data[(channels === 1 ? 0 : colour) * size + place];
    pixels.data[4 * place + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}
