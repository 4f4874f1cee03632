// Maps as the server sends them, grey pictures of all maps of a layer, brought back to numbers.

import { extentOf } from "./maps.js";
import { blobOf } from "./pictures.js";

/** Return the layers of a file with the server's maps of them: `numbers` of each, as far as they are shown. */
export async function withMaps({ layers, steps }, maps) {
  const found = layers.map((layer) => [layer, mapOf(layer, steps, maps)]).filter(([, map]) => map);
  return Promise.all(found.map(async ([layer, map]) => ({ ...layer, numbers: await numbersIn(map) })));
}

/**
 * Find a layer's map: it has the same name, but what a file calls the logits is the last map. Batch norm that is
 * part of a convolution's weights in the file, and so no step there, has a map of its own on the server.
 */
function mapOf({ output, kind }, steps, maps) {
  if (output === "logits") return maps.at(-1);
  const own = maps.find((map) => map.layer === output);
  const isIn = (map) => map.kind === "BatchNorm2d" && map.inputs.includes(own.layer) && !steps.includes(map.layer);
  return own && kind === "conv" ? (maps.find(isIn) ?? own) : own;
}

/** Take numbers out of a picture: 0 is the least of them, 255 the largest; maps lie in rows, values in one row. */
async function numbersIn({ shape, least, largest, columns, png }) {
  const { height, width, shown } = extentOf(shape);
  const across = shape.length === 1 ? shown : columns;
  const size = [across * width, Math.ceil(shown / across) * height];
  const bitmap = await createImageBitmap(blobOf(png), 0, 0, ...size, { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const levels = context.getImageData(0, 0, ...size).data;
  const data = new Float32Array(shown * height * width);
  const step = (largest - least) / 255;
  for (let map = 0, place = 0; map < shown; map++) {
    const [left, top] = [(map % across) * width, Math.floor(map / across) * height];
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++, place++)
        data[place] = least + step * levels[4 * ((top + row) * size[0] + left + column)];
  }
  return { dims: shape, data, least, largest };
}
