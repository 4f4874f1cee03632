// From a picture to what a network takes, by the description that its file carries: as cnnlab/pictures/prepare.py.

import { centreDigit } from "./digit.js";
import { cut, resizePicture, toChannels } from "./resize.js";

/** Return a picture in the form of the images that the network was trained on. */
export function prepared(picture, { preprocessing, network }) {
  const channels = network.in_channels;
  const known =
    preprocessing.digit_size === null
      ? toChannels(picture, Math.min(picture.channels, channels))
      : centreDigit(picture, preprocessing.digit_size);
  return toChannels(resizePicture(known, preprocessing.image_size), channels);
}

/** Cut out the middle window, which the network sees. */
export function window(picture, { preprocessing }) {
  const { crop_size: size, image_size: whole } = preprocessing;
  const first = Math.floor((whole - size) / 2);
  return cut(picture, first, first, size, size);
}

/** Bring bytes to scale, in the arithmetic of float32: (pixels / 255 - mean) / std, channel by channel. */
export function inputs(seen, { preprocessing }) {
  const values = new Float32Array(seen.data.length);
  const size = seen.height * seen.width;
  preprocessing.mean.forEach((mean, channel) => {
    const level = Math.fround(Math.fround(mean) * 255);
    const scale = Math.fround(1 / Math.fround(Math.fround(preprocessing.std[channel]) * 255));
    for (let place = channel * size; place < (channel + 1) * size; place++)
      values[place] = Math.fround(seen.data[place] - level) * scale;
  });
  return values;
}

/** Return probabilities that sum to 1. */
export function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
