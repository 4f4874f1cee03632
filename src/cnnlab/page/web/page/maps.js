// Filters and maps as one picture: cells side by side, each pixel enlarged.

const CELL = 46;
const [GAP, VALUE_GAP] = [3, 2];
const MOST_MAPS = 64;
const MOST_VALUES = 1024;
const [LARGE_VALUE, SMALL_VALUE, FEW_VALUES] = [24, 11, 32];
const MOST_ENLARGED = 4; // so many in a row there should be room for
// Behind maps a grey, from which white and black stand out on any page; behind filters, which are grey, a blue.
const [GREY_GROUND, BLUE_GROUND] = [0xff90887f, 0xff805a3d];
const OPAQUE = 0xff000000;
const [BLUE, ORANGE] = [[77, 163, 221], [238, 138, 71]];

/** Return how maps of a layer, C x H x W or a vector, are shown, and how many of them. */
export function extentOf(dims) {
  const [num, height, width] = [dims[0], dims[1] ?? 1, dims[2] ?? 1];
  const isVector = height * width === 1;
  return { num, height, width, isVector, shown: Math.min(num, isVector ? MOST_VALUES : MOST_MAPS) };
}

/** Draw maps of a layer, as far as they are shown, in the light of all; returns what was drawn. */
export function drawMaps(canvas, { dims, data, least, largest }, room) {
  const extent = extentOf(dims);
  const { num, height, width, isVector, shown } = extent;
  const isSigned = least < 0;
  const most = Math.max(largest, -least, 0);
  const colour = (value) => (isSigned ? signed(most ? value / most : 0) : grey(most ? value / most : 0));
  const cells = Array.from({ length: shown }, (_, map) => (place) => colour(data[map * height * width + place]));
  const cell = !isVector ? CELL : num > FEW_VALUES ? SMALL_VALUE : LARGE_VALUE;
  mosaic(canvas, cells, { height, width, room, cell, gap: isVector ? VALUE_GAP : GAP, ground: GREY_GROUND });
  return { ...extent, most, isSigned };
}

/** Draw filters, K x C x h x w: in colour if they have three channels, else the first channel of each. */
export function drawFilters(canvas, [num, channels, height, width], data, room) {
  const size = height * width;
  const largest = Math.max(...Array.from(data, Math.abs)) || 1;
  const level = (value) => Math.round(127.5 + 127.5 * (value / largest));
  const cells = Array.from({ length: Math.min(num, MOST_MAPS) }, (_, filter) => (place) => {
    const at = (channel) => level(data[(filter * channels + channel) * size + place]);
    return channels === 3 ? [at(0), at(1), at(2)] : [at(0), at(0), at(0)];
  });
  mosaic(canvas, cells, { height, width, room, cell: CELL, gap: GAP, ground: BLUE_GROUND });
  return { num, height, width, isColour: channels === 3 };
}

const grey = (share) => Array(3).fill(Math.round(255 * share));
const signed = (share) => (share < 0 ? BLUE : ORANGE).map((part) => Math.round(part * Math.abs(share)));

/** Draw cells, functions of a place to a colour, in rows that fit the room, with the ground around each. */
function mosaic(canvas, cells, { height, width, room, cell, gap, ground }) {
  const size = Math.max(height, width);
  const isRoomy = (room - gap) / (width * Math.ceil(cell / size) + gap) >= Math.min(cells.length, MOST_ENLARGED);
  const enlarged = Math.max(1, isRoomy ? Math.ceil(cell / size) : Math.floor(cell / size));
  const [across, down] = [width * enlarged + gap, height * enlarged + gap];
  const columns = Math.max(1, Math.min(cells.length, Math.floor((room - gap) / across)));
  canvas.width = columns * across + gap;
  canvas.height = Math.ceil(cells.length / columns) * down + gap;
  const pixels = new ImageData(canvas.width, canvas.height);
  const whole = new Uint32Array(pixels.data.buffer); // of four bytes, red the lowest: all processors of browsers do so
  cells.forEach((colourAt, index) => {
    const [left, top] = [gap + (index % columns) * across, gap + Math.floor(index / columns) * down];
    for (let row = top - gap; row < top + down; row++) {
      const start = row * canvas.width + left - gap;
      whole.fill(ground, start, start + across + gap);
    }
    for (let place = 0; place < height * width; place++) {
      const [red, green, blue] = colourAt(place);
      const colour = red | (green << 8) | (blue << 16) | OPAQUE;
      const [x, y] = [left + (place % width) * enlarged, top + Math.floor(place / width) * enlarged];
      for (let row = 0; row < enlarged; row++) {
        const start = (y + row) * canvas.width + x;
        whole.fill(colour, start, start + enlarged);
      }
    }
  });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}
