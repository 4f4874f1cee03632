"""A network in TensorFlow, from the layers of `cnnlab.export.graph`; maps are N x H x W x C inside."""

import numpy as np
import tensorflow as tf  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

LOWEST = np.finfo(np.float32).min


def variables_of(layers, arrays):
    """Return variables for the weights of all layers, by layer and name, in TensorFlow's form."""
    found = {}
    for layer in layers:
        for name in layer["weights"]:
            values = arrays[f"{layer['name']}.{name}"]
            if name == "weight":
                values = values.transpose(2, 3, 1, 0) if layer["kind"] == "conv" else values.T
            full_name = f"{layer['name']}.{name}".replace(".", "_")
            found[f"{layer['name']}.{name}"] = tf.Variable(values, trainable=False, name=full_name)
    return found


def forward(images, graph, weights):
    """Return logits, N x num_classes, from N x C x H x W images."""
    maps = {graph["input"]: tf.transpose(images, [0, 2, 3, 1])}
    for layer in graph["layers"]:
        own = {name: weights[f"{layer['name']}.{name}"] for name in layer["weights"]}
        taken = [maps[name] for name in layer["inputs"]]
        maps[layer["name"]] = _KINDS[layer["kind"]](*taken, layer=layer, **own)
    return maps[graph["layers"][-1]["name"]]


def _conv(maps, *, layer, weight, bias=None):
    values = layer["values"]
    maps = _padded(maps, values["padding"], 0.0)
    groups = values["groups"]
    parts = zip(tf.split(maps, groups, 3), tf.split(weight, groups, 3), strict=True)
    done = [tf.nn.conv2d(part, kernel, values["stride"], "VALID") for part, kernel in parts]
    maps = done[0] if groups == 1 else tf.concat(done, 3)
    return maps if bias is None else tf.nn.bias_add(maps, bias)


def _dense(values, *, layer, weight, bias=None):
    values = tf.matmul(values, weight)
    return values if bias is None else values + bias


def _max_pool(maps, *, layer):
    values = layer["values"]
    padded = _padded(maps, values["padding"], LOWEST)
    return tf.nn.max_pool2d(padded, values["kernel"], values["stride"], "VALID")


def _avg_pool(maps, *, layer):
    values = layer["values"]
    means = tf.nn.avg_pool2d(
        _padded(maps, values["padding"], 0.0), values["kernel"], values["stride"], "VALID"
    )
    if not any(values["padding"]):
        return means
    inside = _padded(tf.ones_like(maps[:1, :, :, :1]), values["padding"], 0.0)
    return means / tf.nn.avg_pool2d(inside, values["kernel"], values["stride"], "VALID")


def _lrn(maps, *, layer):
    values, channels = layer["values"], maps.shape[3]
    place = np.arange(channels)
    offset = place[:, None] - place[None, :]
    is_inside = (offset >= -(values["size"] // 2)) & (offset <= (values["size"] - 1) // 2)
    window = tf.constant((values["alpha"] * is_inside).astype(np.float32)[None, None])
    energy = values["k"] + tf.nn.conv2d(maps * maps, window, 1, "VALID")
    if values["beta"] != 0.75:
        return maps / tf.pow(energy, values["beta"])
    root = tf.sqrt(energy)
    return maps / (root * tf.sqrt(root))


def _pad_channels(maps, *, layer):
    values = layer["values"]
    return tf.pad(maps, [[0, 0], [0, 0], [0, 0], [values["before"], values["after"]]])


def _subsample(maps, *, layer):
    step = layer["values"]["stride"]
    return maps[:, ::step, ::step]


def _flatten(maps, *, layer):
    return tf.reshape(tf.transpose(maps, [0, 3, 1, 2]), [-1, int(np.prod(maps.shape[1:]))])


def _padded(maps, padding, value):
    top, left, bottom, right = padding
    sides = [[0, 0], [top, bottom], [left, right], [0, 0]]
    return tf.pad(maps, sides, constant_values=value) if any(padding) else maps


_KINDS = {
    "conv": _conv,
    "dense": _dense,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "lrn": _lrn,
    "pad_channels": _pad_channels,
    "subsample": _subsample,
    "flatten": _flatten,
    "scale": lambda maps, layer, scale, shift: maps * scale + shift,
    "relu": lambda maps, layer: tf.nn.relu(maps),
    "tanh": lambda maps, layer: tf.tanh(maps),
    "sigmoid": lambda maps, layer: tf.sigmoid(maps),
    "gelu": lambda maps, layer: tf.nn.gelu(maps, approximate=False),
    "global_avg": lambda maps, layer: tf.reduce_mean(maps, [1, 2], keepdims=True),
    "global_max": lambda maps, layer: tf.reduce_max(maps, [1, 2], keepdims=True),
    "add": lambda maps, other, layer: maps + other,
    "concat": lambda *maps, layer: tf.concat(maps, 3),
}
