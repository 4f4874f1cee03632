// The drawing area: strokes by pointer or keyboard, on blank paper or on a picture; undo.
//
// What was done is kept as a list: strokes, pictures and clearings; what is there follows from it. Places are in
// units of a square of SIDE; the picture that the networks get has a pixel for each, or a picture's own pixels.

export const SIDE = 280;
const [STEP, LONG_STEP] = [8, 32];
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Drawing extends EventTarget {
  #canvas;
  #done = [];
  #stroke = null;
  #pointer = null;
  #cursor = [SIDE / 2, SIDE / 2];
  #isByKeyboard = false;

  /** Draw on a canvas. Tells `change` whenever it is another, and `pen` when a key puts that down or lifts it. */
  constructor(canvas) {
    super();
    this.penWidth = 22;
    this.#canvas = canvas;
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.#lift(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#endKeyboard());
    new ResizeObserver(() => this.#show()).observe(canvas);
  }

  /** What is there now: { picture, strokes }. */
  get #now() {
    const start = this.#done.findLastIndex((one) => one.kind !== "stroke");
    const picture = this.#done[start]?.kind === "picture" ? this.#done[start] : null;
    return { picture, strokes: this.#done.slice(start + 1) };
  }

  get isBlank() {
    const { picture, strokes } = this.#now;
    return !picture && !strokes.length;
  }

  /** What came with the picture that is drawn on; null on blank paper, and once something is drawn on it. */
  get facts() {
    const { picture, strokes } = this.#now;
    return strokes.length ? null : (picture?.facts ?? null);
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  /** Put a picture in place of what is there. */
  addPicture(canvas, facts = null) {
    this.#endStroke();
    this.#done.push({ kind: "picture", canvas, facts, ink: isDark(canvas) ? "#fff" : "#000" });
    this.#changed();
  }

  clear() {
    this.#endStroke();
    if (!this.isBlank) this.#done.push({ kind: "clear" });
    this.#changed();
  }

  undo() {
    this.#endStroke();
    this.#done.pop();
    this.#changed();
  }

  /** Return a canvas with what the networks are given. */
  source() {
    const { picture, strokes } = this.#now;
    const made = document.createElement("canvas");
    [made.width, made.height] = picture ? [picture.canvas.width, picture.canvas.height] : [SIDE, SIDE];
    const context = made.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, made.width, made.height);
    if (picture) {
      context.drawImage(picture.canvas, 0, 0);
      const { left, top, scale } = placeOf(picture.canvas);
      context.setTransform(1 / scale, 0, 0, 1 / scale, -left / scale, -top / scale);
    }
    for (const stroke of strokes) draw(context, stroke, picture?.ink ?? "#000");
    return made;
  }

  #changed() {
    this.#show();
    this.dispatchEvent(new Event("change"));
  }

  /** Show it at the screen's resolution. */
  #show() {
    const canvas = this.#canvas;
    const size = Math.max(1, Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)));
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const context = canvas.getContext("2d");
    context.setTransform(size / SIDE, 0, 0, size / SIDE, 0, 0);
    const { picture, strokes } = this.#now;
    context.fillStyle = picture ? "#808890" : "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    if (picture) {
      const { left, top, scale } = placeOf(picture.canvas);
      context.imageSmoothingEnabled = scale < 3;
      context.drawImage(picture.canvas, left, top, picture.canvas.width * scale, picture.canvas.height * scale);
    }
    for (const stroke of strokes) draw(context, stroke, picture?.ink ?? "#000");
    if (this.#isByKeyboard) this.#showCursor(context);
  }

  #showCursor(context) {
    const [x, y] = this.#cursor;
    for (const [colour, width] of [["#fff", 4], ["#d55e00", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.arc(x, y, this.penWidth / 2 + 3, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #press(event) {
    if (event.button !== 0 || this.#pointer !== null) return;
    event.preventDefault();
    this.#endKeyboard();
    this.#canvas.focus({ preventScroll: true, focusVisible: false });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.#begin(this.#placeOf(event));
  }

  #move(event) {
    if (event.pointerId !== this.#pointer || !this.#stroke) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.#stroke.points.push(...(events.length ? events : [event]).map((one) => this.#placeOf(one)));
    this.#changed();
  }

  #lift(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = this.#stroke = null;
  }

  #placeOf(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  #begin(place) {
    this.#stroke = { kind: "stroke", width: this.penWidth, points: [place] };
    this.#done.push(this.#stroke);
    this.#changed();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.#pointer !== null) return;
    if (event.key in STEPS) {
      const length = event.shiftKey ? LONG_STEP : STEP;
      this.#cursor = this.#cursor.map((at, axis) => Math.min(Math.max(at + length * STEPS[event.key][axis], 0), SIDE));
      this.#isByKeyboard = true;
      if (this.#stroke) {
        this.#stroke.points.push(this.#cursor);
        this.#changed();
      } else this.#show();
    } else if (event.key === " ") {
      this.#isByKeyboard = true;
      if (this.#stroke) this.#endStroke();
      else {
        this.#begin(this.#cursor);
        this.dispatchEvent(new CustomEvent("pen", { detail: true }));
      }
    } else if (event.key === "Escape" && this.#stroke) this.#endStroke();
    else return;
    event.preventDefault();
  }

  /** End the stroke that is being drawn, so that nothing goes on where nobody sees it. */
  #endStroke() {
    const isByKey = this.#stroke !== null && this.#pointer === null;
    this.#stroke = null;
    if (isByKey) this.dispatchEvent(new CustomEvent("pen", { detail: false }));
  }

  #endKeyboard() {
    if (!this.#isByKeyboard) return;
    this.#isByKeyboard = false;
    this.#endStroke();
    this.#show();
  }
}

/** Where a picture lies in the square: as large as fits, in the middle. */
function placeOf({ width, height }) {
  const scale = SIDE / Math.max(width, height);
  return { scale, left: (SIDE - width * scale) / 2, top: (SIDE - height * scale) / 2 };
}

function draw(context, { width, points }, ink) {
  context.strokeStyle = ink;
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(...points[0]);
  for (const point of points) context.lineTo(...point);
  context.stroke();
}

/** Whether a picture's border is dark, so that the pen should be light. */
function isDark(canvas) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  let [sum, count] = [0, 0];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column += row % (height - 1 || 1) === 0 ? 1 : width - 1 || 1) {
      const place = 4 * (row * width + column);
      sum += (data[place] + data[place + 1] + data[place + 2]) / 3;
      count++;
    }
  return sum / count < 96;
}
