// Pictures to other sizes and numbers of channels: the numbers of cnnlab/pictures/resize.py, to the bit for bytes.
//
// A picture is { channels, height, width, data }: planes of bytes, one channel after the other.

const MOST_PRECISION = 22;

/** Round to the nearest whole number, halves to the even one, as Python does. */
export function roundEven(value) {
  const whole = Math.round(value);
  return Math.abs(value % 1) === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
}

/** Return a picture of the bytes of a canvas, whose pixels are opaque. */
export function fromCanvas({ width, height, data }) {
  const size = width * height;
  const planes = new Uint8Array(3 * size);
  for (let place = 0; place < size; place++) {
    planes[place] = data[4 * place];
    planes[size + place] = data[4 * place + 1];
    planes[2 * size + place] = data[4 * place + 2];
  }
  return { channels: 3, height, width, data: planes };
}

/** Bring a picture to grey (luma of ITU-R BT.601) or to colour. */
export function toChannels(picture, channels) {
  if (picture.channels === channels) return picture;
  const size = picture.height * picture.width;
  const data = new Uint8Array(channels * size);
  const old = picture.data;
  if (channels === 3) for (let channel = 0; channel < 3; channel++) data.set(old, channel * size);
  else
    for (let place = 0; place < size; place++)
      data[place] = (19595 * old[place] + 38470 * old[size + place] + 7471 * old[2 * size + place] + 32768) >> 16;
  return { ...picture, channels, data };
}

/** Cut a window out of a picture. */
export function cut(picture, top, left, height, width) {
  const data = new Uint8Array(picture.channels * height * width);
  for (let row = 0; row < picture.channels * height; row++) {
    const channel = Math.floor(row / height);
    const start = (channel * picture.height + top + (row % height)) * picture.width + left;
    data.set(picture.data.subarray(start, start + width), row * width);
  }
  return { channels: picture.channels, height, width, data };
}

/** Cut the central square of a picture and resize it, bilinearly and antialiased. */
export function resizePicture(picture, size) {
  const side = Math.min(picture.height, picture.width);
  const top = Math.floor((picture.height - side) / 2);
  const left = Math.floor((picture.width - side) / 2);
  return resizeBytes(cut(picture, top, left, side, side), size, size);
}

/** Resize bytes along rows, then columns, rounded after each. */
export function resizeBytes(picture, height, width) {
  let { channels, data } = picture;
  if (picture.width !== width) {
    const rows = channels * picture.height;
    data = bytesAlong(data, { lines: rows, length: picture.width, newLength: width, step: 1, line: picture.width });
  }
  if (picture.height !== height) {
    const planes = [];
    for (let channel = 0; channel < channels; channel++) {
      const plane = data.subarray(channel * picture.height * width, (channel + 1) * picture.height * width);
      planes.push(
        bytesAlong(plane, { lines: width, length: picture.height, newLength: height, step: width, line: 1 }),
      );
    }
    data = new Uint8Array(channels * height * width);
    planes.forEach((plane, channel) => data.set(plane, channel * height * width));
  }
  return { channels, height, width, data };
}

/** Resize each of many lines; `step` lies between two values of a line, `line` between two lines. */
function bytesAlong(old, { lines, length, newLength, step, line }) {
  const { starts, weights, taps } = windows(length, newLength);
  const largest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  let precision = 0;
  while (precision < MOST_PRECISION && Math.floor(0.5 + largest * 2 ** (precision + 1)) < 1 << 15) precision++;
  const whole = Int32Array.from(weights, (weight) => Math.floor(0.5 + weight * 2 ** precision));
  const half = precision ? 1 << (precision - 1) : 0;
  const made = new Uint8Array(lines * newLength);
  const newLine = line === 1 ? 1 : newLength;
  for (let place = 0; place < newLength; place++) {
    const [start, first] = [starts[place], place * taps];
    const used = Math.min(taps, length - start);
    for (let index = 0; index < lines; index++) {
      let sum = half;
      let from = index * line + start * step;
      for (let tap = 0; tap < used; tap++, from += step) sum += whole[first + tap] * old[from];
      made[index * newLine + place * (line === 1 ? lines : 1)] = Math.min(sum >> precision, 255);
    }
  }
  return made;
}

/** Resize numbers, { height, width, data }, without rounding. */
export function resizeFloats(values, height, width) {
  const across = alongRows(values, width);
  return transposed(alongRows(transposed(across), height));
}

function alongRows(values, width) {
  if (values.width === width) return values;
  const { starts, weights, taps } = windows(values.width, width);
  const data = new Float64Array(values.height * width);
  for (let row = 0; row < values.height; row++)
    for (let place = 0; place < width; place++) {
      let sum = 0;
      for (let tap = 0; tap < Math.min(taps, values.width - starts[place]); tap++)
        sum += weights[place * taps + tap] * values.data[row * values.width + starts[place] + tap];
      data[row * width + place] = sum;
    }
  return { height: values.height, width, data };
}

function transposed({ height, width, data }) {
  const turned = new Float64Array(data.length);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) turned[column * height + row] = data[row * width + column];
  return { height: width, width: height, data: turned };
}

/** Return where each new pixel's window begins, and the weights in it, which sum to 1. */
function windows(length, newLength) {
  const scale = length / newLength;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(newLength);
  const weights = new Float64Array(newLength * taps);
  for (let place = 0; place < newLength; place++) {
    const centre = scale * (place + 0.5);
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), length);
    const row = weights.subarray(place * taps, (place + 1) * taps);
    let sum = 0;
    for (let tap = 0; tap < Math.min(taps, end - start); tap++) {
      row[tap] = Math.max(1 - Math.abs((tap + (start - centre) + 0.5) * (1 / support)), 0);
      sum += row[tap];
    }
    starts[place] = start;
    for (let tap = 0; tap < taps; tap++) row[tap] /= sum;
  }
  return { starts, weights, taps };
}
