// Looking into an ONNX file: its layers, its first filters, and the same file with more outputs.
//
// A file is Protocol Buffers, field after field. Fields of a message that occur twice are merged, so that outputs
// are added to the graph by a few bytes at the end, and no weight is copied.

const [GRAPH, NODE, INITIALIZER, OUTPUT] = [7, 1, 5, 12];
const VARINT = 0;
const LENGTH = 2;
const FLOAT = 1;

const KINDS = {
  Conv: "conv", Relu: "relu", Tanh: "tanh", Sigmoid: "sigmoid", Gelu: "gelu", MaxPool: "max_pool",
  AveragePool: "avg_pool", GlobalAveragePool: "avg_pool", GlobalMaxPool: "max_pool", BatchNormalization: "norm",
  Div: "lrn", Add: "add", Concat: "concat", Gemm: "dense",
};
const FOLLOWS = new Set(["Relu", "Tanh", "Sigmoid", "Gelu", "BatchNormalization"]);

/** Give the fields of a message: [number, value]; numbers as numbers, all else as bytes. */
function* fields(bytes) {
  let place = 0;
  const varint = () => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = bytes[place++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (place < bytes.length) {
    const tag = varint();
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (type === VARINT) {
      yield [number, varint()];
      continue;
    }
    const length = type === LENGTH ? varint() : type === 1 ? 8 : 4;
    yield [number, bytes.subarray(place, place + length)];
    place += length;
  }
}

const text = (bytes) => new TextDecoder().decode(bytes);
const values = (bytes, number) => [...fields(bytes)].filter((field) => field[0] === number).map((field) => field[1]);

/** Return what the page shows of a file: layers in their order, and the first convolution's weights; and all steps. */
export function structure(file) {
  const [graph] = values(file, GRAPH);
  const nodes = values(graph, NODE).map((node) => ({
    inputs: values(node, 1).map(text),
    output: text(values(node, 2)[0]),
    operator: text(values(node, 4)[0]),
  }));
  return { layers: layersOf(nodes), filters: filtersOf(graph, nodes), steps: nodes.map((node) => node.output) };
}

/** Leave out what has no maps of its own to look at: what an activation or batch norm takes, and steps within LRN. */
function layersOf(nodes) {
  const isWhole = nodes.every((node) => node.operator !== "QuantizeLinear" && node.operator !== "DequantizeLinear");
  if (!isWhole) return [];
  return nodes
    .filter((node) => {
      const isStep = node.inputs.some((name) => name.endsWith(".window"));
      const users = nodes.filter((other) => other.inputs.includes(node.output));
      const isTakenOver = users.length === 1 && FOLLOWS.has(users[0].operator);
      return node.operator in KINDS && !isStep && !isTakenOver;
    })
    .map((node) => ({ output: node.output, name: node.output, kind: KINDS[node.operator] }));
}

function filtersOf(graph, nodes) {
  const first = nodes.find((node) => node.operator === "Conv");
  const found = values(graph, INITIALIZER).find((tensor) => text(values(tensor, 8)[0]) === first?.inputs[1]);
  if (!found) return null;
  const raw = values(found, 9)[0]?.slice();
  const dims = values(found, 1).flatMap((value) => (typeof value === "number" ? [value] : packed(value)));
  if (values(found, 2)[0] !== FLOAT || !raw) return null;
  return { dims, data: new Float32Array(raw.buffer) };
}

function packed(bytes) {
  const numbers = [];
  for (let place = 0, value = 0, scale = 1; place < bytes.length; place++) {
    value += (bytes[place] & 127) * scale;
    scale *= 128;
    if (bytes[place] < 128) {
      numbers.push(value);
      [value, scale] = [0, 1];
    }
  }
  return numbers;
}

/** Return the file with more outputs: maps of float32 by their names. */
export function withOutputs(file, names) {
  const type = field(2, field(1, [8, FLOAT])); // of a tensor, whose elements are float32
  const outputs = names.flatMap((name) => field(OUTPUT, [...field(1, [...new TextEncoder().encode(name)]), ...type]));
  const addition = field(GRAPH, outputs);
  const made = new Uint8Array(file.length + addition.length);
  made.set(file);
  made.set(addition, file.length);
  return made;
}

function field(number, content) {
  return [...varintOf(number * 8 + LENGTH), ...varintOf(content.length), ...content];
}

function varintOf(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}
