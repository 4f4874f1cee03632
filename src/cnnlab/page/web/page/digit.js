// A drawn or photographed digit in the form of the set that a network knows: as cnnlab/pictures/digit.py does it.

import { LEAST_CONTRAST, otsu, piecesOf, quantile, widened, withoutLighting } from "./paper.js";
import { resizeBytes, resizeFloats, resizePicture, roundEven, toChannels } from "./resize.js";

const LEAST_EXTENT = 4;
const WORK_SIZE = 400;
const ROUNDING = 1e-9;
const MNIST_FORM = { size: 28, box: 20, squeezed: null, centre: 14 };
const DIGITS_FORM = { size: 8, box: 8, squeezed: 6, centre: 3.5 };

/** There is no digit in a picture; `key` names the words that say why. */
export class NoDigit extends Error {
  constructor(key) {
    super(key);
    this.key = key;
  }
}

/**
 * Find the digit in a picture, and centre it as the training images are.
 *
 * Returns 1 x size x size, strokes light on black. Throws `NoDigit` where nothing stands out as strokes.
 */
export function centreDigit(picture, size) {
  const grey = toChannels(picture, 1);
  const form = size === DIGITS_FORM.size ? DIGITS_FORM : MNIST_FORM;
  return resizePicture(hasForm(grey, form) ? grey : placed(strokesOf(reduced(grey)), form), size);
}

function hasForm(grey, form) {
  if (grey.height !== form.size || grey.width !== form.size) return false;
  const { size } = form;
  const border = [];
  grey.data.forEach((value, place) => {
    const [row, column] = [Math.floor(place / size), place % size];
    if (row % (size - 1) === 0 || column % (size - 1) === 0) border.push(value);
  });
  border.sort((a, b) => a - b);
  if (border[Math.floor((border.length - 1) / 2)] > 0 || Math.max(...grey.data) < 128) return false;
  return form === DIGITS_FORM || centreOfMass(grey).every((place) => Math.abs(place - form.centre) <= 1 + ROUNDING);
}

function reduced(grey) {
  const ratio = WORK_SIZE / Math.max(grey.height, grey.width);
  if (ratio >= 1) return grey;
  const [height, width] = [grey.height, grey.width].map((side) => Math.max(1, roundEven(side * ratio)));
  return resizeBytes(grey, height, width);
}

/** Separate strokes from paper: their bounding box, 0 (paper) to 1 (ink). */
function strokesOf(grey) {
  const { height, width } = grey;
  const { residual, noise } = withoutLighting(grey);
  const floor = Math.max(LEAST_CONTRAST, 4 * noise);
  let [dark, light] = [0, 0];
  for (const value of residual) {
    dark += Math.max(-value - floor, 0);
    light += Math.max(value - floor, 0);
  }
  const ink = residual.map((value) => Math.max(dark > light ? -value : value, 0));
  const threshold = Math.max(otsu(ink), 2.5 * noise);
  let mask = new Uint8Array(ink.length).map((_, place) => ink[place] > threshold);
  const { numbers, areas } = piecesOf(mask, height, width);
  const inked = ink.filter((_, place) => mask[place]);
  const mean = inked.reduce((sum, value) => sum + value, 0) / inked.length;
  if (!areas.length || mean < floor) throw new NoDigit("nothing");
  // A digit is one piece, or a few of like size; specks are small.
  const largest = areas.reduce((most, area) => Math.max(most, area), 0);
  const kept = areas.map((area) => area >= 0.1 * largest);
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const share = sum(areas.filter((_, piece) => kept[piece])) / sum(areas);
  if (share < 0.5 || sum(kept) > 5) throw new NoDigit("pieces");
  mask = mask.map((_, place) => numbers[place] > 0 && kept[numbers[place] - 1]);
  const box = boxOf(mask, width, (value) => value > 0);
  const extent = Math.max(box.bottom - box.top, box.right - box.left) + 1;
  if (extent < Math.max(LEAST_EXTENT, 0.02 * Math.max(height, width))) throw new NoDigit("specks");
  const near = widened(mask, height, width, Math.max(1, roundEven(extent / 20)));
  const full = quantile(ink.filter((_, place) => mask[place]).sort(), 0.75);
  const strokes = ink.map((value, place) =>
    near[place] ? Math.min(Math.max((value - 2 * noise) / (full - 2 * noise), 0), 1) : 0,
  );
  return cutFloats(strokes, width, boxOf(strokes, width, (value) => value > 0.02));
}

function boxOf(values, width, isIn) {
  const box = { top: Infinity, left: Infinity, bottom: -1, right: -1 };
  values.forEach((value, place) => {
    if (!isIn(value)) return;
    const [row, column] = [Math.floor(place / width), place % width];
    box.top = Math.min(box.top, row);
    box.bottom = Math.max(box.bottom, row);
    box.left = Math.min(box.left, column);
    box.right = Math.max(box.right, column);
  });
  return box;
}

function cutFloats(values, width, { top, left, bottom, right }) {
  const data = new Float64Array((bottom - top + 1) * (right - left + 1));
  for (let row = top; row <= bottom; row++)
    data.set(values.subarray(row * width + left, row * width + right + 1), (row - top) * (right - left + 1));
  return { height: bottom - top + 1, width: right - left + 1, data };
}

/** Scale strokes to the form's box, and move them by whole pixels to its centre. */
function placed(strokes, form) {
  const ratio = form.box / (form.squeezed ? strokes.height : Math.max(strokes.height, strokes.width));
  let [height, width] = [strokes.height, strokes.width].map((side) => Math.max(1, roundEven(side * ratio)));
  if (form.squeezed) [height, width] = [form.box, Math.min(width, form.squeezed)];
  const scaled = resizeFloats(strokes, height, width);
  // A thin pen fades when it is reduced; in the sets every digit has full ink somewhere.
  const most = scaled.data.reduce((so, value) => Math.max(so, value), 0);
  const full = quantile(scaled.data.filter((value) => value >= most / 2 - ROUNDING).sort(), 0.75);
  scaled.data = scaled.data.map((value) => Math.min(Math.max(value / full, 0), 1));
  const mass = centreOfMass(scaled);
  const corner = [height, width].map((side, axis) =>
    Math.min(Math.max(0, Math.ceil(form.centre - 0.5 - mass[axis] - ROUNDING)), form.size - side),
  );
  const data = new Uint8Array(form.size ** 2);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      data[(corner[0] + row) * form.size + corner[1] + column] = roundEven(
        255 * scaled.data[row * width + column] + ROUNDING,
      );
  return { channels: 1, height: form.size, width: form.size, data };
}

function centreOfMass({ width, data }) {
  let [total, rows, columns] = [0, 0, 0];
  data.forEach((value, place) => {
    total += value;
    rows += value * Math.floor(place / width);
    columns += value * (place % width);
  });
  return [rows / total, columns / total];
}
