// Telling strokes from paper: the lighting taken off, a threshold, pieces. The numbers of cnnlab/pictures/digit.py.

import { roundEven } from "./resize.js";

export const LEAST_CONTRAST = 20;

/** Return the value below which a share of sorted numbers lies, between two of them in proportion. */
export function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const next = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[next] - sorted[below]);
}

const median = (values) => quantile(values.slice().sort(), 0.5);

/**
 * Fit the paper's brightness, a quadratic surface, to the border, and take it off.
 *
 * Returns what is left, and the deviation of the paper: 255 where the border is as much dark as light.
 */
export function withoutLighting({ height, width, data }) {
  const [xs, ys] = [axisOf(width), axisOf(height)];
  const margin = Math.max(1, roundEven(0.05 * Math.min(height, width)));
  const border = [];
  for (let row = 0; row < height; row++) {
    const isEdge = row < margin || row >= height - margin;
    for (let column = 0; column < width; column++) {
      if (!isEdge && column === margin) column = Math.max(column, width - margin);
      border.push(row * width + column);
    }
  }
  let surface = [0, 0, 0, 0, 0, 0];
  const at = (place) => {
    const [x, y] = [xs[place % width], ys[Math.floor(place / width)]];
    return surface[0] + surface[1] * x + surface[2] * y + surface[3] * x * x + surface[4] * x * y + surface[5] * y * y;
  };
  const levels = Float64Array.from(border.map((place) => data[place]));
  const errorsOf = () => levels.map((level, index) => Math.abs(level - at(border[index])));
  surface[0] = median(levels);
  let before = [];
  for (let round = 0; round < 5; round++) {
    const errors = errorsOf();
    const limit = Math.max(3 * 1.4826 * median(errors), LEAST_CONTRAST);
    const chosen = border.filter((_, index) => errors[index] <= limit);
    if (isSame(chosen, before)) break; // the surface would be the same again
    before = chosen;
    surface = fitted(chosen.map((place) => [xs[place % width], ys[Math.floor(place / width)], data[place]]));
  }
  const errors = errorsOf();
  const spread = 1.4826 * median(errors);
  const limit = Math.max(3 * spread, LEAST_CONTRAST);
  const share = errors.reduce((count, error) => count + (error <= limit), 0) / errors.length;
  const residual = Float64Array.from(data).map((value, place) => value - at(place));
  return { residual, noise: share < 0.6 ? 255 : spread };
}

const isSame = (one, other) => one.length === other.length && one.every((place, index) => place === other[index]);

/** Return places of so many pixels from -1 to 1. */
function axisOf(length) {
  return Float64Array.from({ length }, (_, place) => (length > 1 ? -1 + (2 * place) / (length - 1) : -1));
}

/** Fit a surface to samples [x, y, level]: normal equations, by elimination; a ridge keeps tiny images solvable. */
function fitted(samples) {
  const rows = Array.from({ length: 6 }, (_, index) => {
    const row = new Float64Array(7);
    row[index] = 1e-6;
    return row;
  });
  for (const [x, y, level] of samples) {
    const term = [1, x, y, x * x, x * y, y * y, level];
    for (let row = 0; row < 6; row++) {
      const [sums, factor] = [rows[row], term[row]];
      for (let column = 0; column < 7; column++) sums[column] += factor * term[column];
    }
  }
  for (let pivot = 0; pivot < 6; pivot++) {
    let best = pivot;
    for (let row = pivot + 1; row < 6; row++)
      if (Math.abs(rows[row][pivot]) > Math.abs(rows[best][pivot])) best = row;
    [rows[pivot], rows[best]] = [rows[best], rows[pivot]];
    for (let row = 0; row < 6; row++) {
      if (row === pivot) continue;
      const factor = rows[row][pivot] / rows[pivot][pivot];
      for (let column = pivot; column < 7; column++) rows[row][column] -= factor * rows[pivot][column];
    }
  }
  return rows.map((row, index) => row[6] / row[index]);
}

/** Return the threshold that best separates values into two groups (N. Otsu, 1979). */
export function otsu(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const bins = 256;
  const edges = Float64Array.from({ length: bins + 1 }, (_, place) => low + place * ((high - low) / bins));
  edges[bins] = high;
  const counts = new Float64Array(bins);
  for (const value of values) {
    let bin = Math.min(Math.trunc(((value - low) / (high - low)) * bins), bins - 1);
    if (value < edges[bin]) bin--;
    else if (bin < bins - 1 && value >= edges[bin + 1]) bin++;
    counts[bin]++;
  }
  const centre = (bin) => (edges[bin] + edges[bin + 1]) / 2;
  const total = counts.reduce((sum, count, bin) => sum + count * centre(bin), 0);
  let [below, sum, most, best] = [0, 0, 0, 0];
  for (let bin = 0; bin < bins; bin++) {
    below += counts[bin];
    sum += counts[bin] * centre(bin);
    const above = values.length - below;
    const gap = sum / below - (total - sum) / above;
    const between = below * above * gap ** 2;
    if (between > most) [most, best] = [between, bin];
  }
  return edges[best + 1];
}

/** Number the pieces of a mask that touch, corners too; returns the pieces' numbers from 1 on, and their areas. */
export function piecesOf(mask, height, width) {
  const numbers = new Int32Array(mask.length);
  const areas = [];
  const waiting = [];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || numbers[start]) continue;
    areas.push(0);
    numbers[start] = areas.length;
    waiting.push(start);
    while (waiting.length) {
      const place = waiting.pop();
      areas[areas.length - 1]++;
      const [row, column] = [Math.floor(place / width), place % width];
      for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++)
        for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++) {
          const next = y * width + x;
          if (mask[next] && !numbers[next]) {
            numbers[next] = areas.length;
            waiting.push(next);
          }
        }
    }
  }
  return { numbers, areas };
}

/** Widen a mask by so many pixels to all sides, corners too. */
export function widened(mask, height, width, by) {
  const along = (old, lines, length, step, line) => {
    const made = new Uint8Array(old.length);
    for (let index = 0; index < lines; index++) {
      let last = -Infinity;
      for (let place = 0; place < length + by; place++) {
        if (place < length && old[index * line + place * step]) last = place;
        const behind = place - by;
        if (behind >= 0 && last >= behind - by) made[index * line + behind * step] = 1;
      }
    }
    return made;
  };
  return along(along(mask, height, width, 1, width), width, height, width, 1);
}
