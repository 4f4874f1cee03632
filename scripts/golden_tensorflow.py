"""Compute with TensorFlow what cnnlab is compared with; `make golden` runs it.

It runs where TensorFlow is and cnnlab need not be. Settings and inputs are those of
tests/golden/golden_cases.py; the networks are written from what the tutorials say, in TensorFlow's layout,
and know nothing of cnnlab.
"""

import argparse
import json
import os
import sys
from pathlib import Path

# Before TensorFlow: plain kernels, whose sums do not depend on what the processor has
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"  # wider processors add in another order, which can turn a ReLU on
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
sys.path.insert(0, str(GOLDEN))
import golden_cases as cases  # noqa: E402 - found by the line before

v1 = tf.compat.v1
Arrays = dict[str, np.ndarray]


def lrn() -> Arrays:
    arrays: Arrays = {}
    for case in cases.LRN_CASES:
        maps = tf.constant(case.maps())
        with tf.GradientTape() as tape:
            tape.watch(maps)
            normalised = tf.nn.lrn(maps, case.radius, bias=case.bias, alpha=case.alpha, beta=0.75)
        arrays[f"{case.key}-forward"] = normalised.numpy()
        arrays[f"{case.key}-grad"] = tape.gradient(normalised, maps, case.output_grad()).numpy()
    return arrays


def pooling() -> Arrays:
    arrays: Arrays = {}
    for case in cases.POOL_CASES:
        pool = tf.nn.max_pool2d if case.pool == "max" else tf.nn.avg_pool2d
        maps = tf.constant(case.maps())
        with tf.GradientTape() as tape:
            tape.watch(maps)
            pooled = pool(maps, ksize=case.window, strides=2, padding="SAME")
        arrays[f"{case.key}-forward"] = pooled.numpy()
        arrays[f"{case.key}-grad"] = tape.gradient(pooled, maps, case.output_grad()).numpy()
    return arrays


def convolution() -> Arrays:
    arrays: Arrays = {}
    for case in cases.CONV_CASES:
        maps = tf.constant(case.maps())
        with tf.GradientTape() as tape:
            tape.watch(maps)
            padding, padded = "SAME", maps
            if case.padding is not None:
                sides = [case.padding, case.padding]
                padding, padded = "VALID", tf.pad(maps, [[0, 0], sides, sides, [0, 0]])
            convolved = tf.nn.conv2d(padded, case.weight(), strides=case.stride, padding=padding)
        arrays[f"{case.network}-forward"] = convolved.numpy()
        arrays[f"{case.network}-grad"] = tape.gradient(convolved, maps, case.output_grad()).numpy()
    return arrays


def optimizers() -> Arrays:
    """Weights after each step; those of TensorFlow 1 are the ones that the tutorials used."""
    rate = tf.Variable(0.0)
    trained = {
        "adadelta-v1": (v1.train.AdadeltaOptimizer(rate, rho=0.95), "adadelta"),
        "adadelta-keras": (keras.optimizers.Adadelta(rho=0.95), "adadelta"),
        "adam-v1": (v1.train.AdamOptimizer(rate), "adam"),
        "adam-keras": (keras.optimizers.Adam(), "adam"),
        "momentum-v1": (v1.train.MomentumOptimizer(rate, 0.9), "sgd"),
        "nesterov-v1": (v1.train.MomentumOptimizer(rate, 0.9, use_nesterov=True), "sgd"),
    }
    arrays: Arrays = {}
    for key, (optimizer, kind) in trained.items():
        weights = tf.Variable(tf.zeros(cases.gradients().shape[1:]))
        after = []
        for step, gradient in enumerate(cases.gradients()):
            lr = cases.LRS[kind] * cases.rate_factor(step)
            if key.endswith("keras"):
                optimizer.learning_rate = lr
            rate.assign(lr)
            optimizer.apply_gradients([(tf.constant(gradient), weights)])
            after.append(weights.numpy())
        arrays[key] = np.stack(after)
    return arrays


def batch_norm() -> Arrays:
    """Return the running averages after a few batches: of the fused kernel, and of Keras's layer."""
    ones, zeros = tf.ones(16), tf.zeros(16)
    mean, variance, outputs = zeros, ones, zeros
    layer = keras.layers.BatchNormalization(momentum=cases.NORM_DECAY, epsilon=cases.NORM_EPS)
    for index in range(cases.NORM_BATCHES):
        batch = tf.constant(cases.norm_batch(index))
        layer(batch, training=True)
        outputs, mean, variance = v1.nn.fused_batch_norm(
            batch,
            ones,
            zeros,
            mean=mean,
            variance=variance,
            epsilon=cases.NORM_EPS,
            is_training=True,
            exponential_avg_factor=1 - cases.NORM_DECAY,
        )
    return {
        "outputs": outputs.numpy(),
        "mean": mean.numpy(),
        "variance": variance.numpy(),
        "keras-mean": layer.moving_mean.numpy(),
        "keras-variance": layer.moving_variance.numpy(),
    }


def dropout() -> Arrays:
    """Return, for each probability to keep, the share of ones that is kept and what becomes of them."""
    found = []
    for keep in cases.KEEP_PROBS:
        values = v1.nn.dropout(tf.ones(cases.DROPOUT_COUNT), keep_prob=keep, seed=1).numpy()
        (kept,) = set(values[values != 0].tolist())
        found.append([np.mean(values != 0), kept])
    return {"share-and-value": np.float64(found)}


# --- the tutorials' networks ----------------------------------------------------------------------------


def conv_relu(maps: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(maps, weight, strides=1, padding="SAME"), bias))


def halve(maps: tf.Tensor) -> tf.Tensor:
    return tf.nn.max_pool2d(maps, ksize=2, strides=2, padding="SAME")


def norm(maps: tf.Tensor) -> tf.Tensor:
    return tf.nn.lrn(maps, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)


def dense_layers(maps: tf.Tensor, layers: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
    outputs = tf.reshape(maps, [maps.shape[0], -1])
    names = sorted(name for name in layers if name.startswith("fc"))
    for name in names:
        weight, bias = layers[name]
        outputs = tf.matmul(outputs, weight) + bias
        if name != names[-1]:
            outputs = tf.nn.relu(outputs)
    return outputs


def three_convolutions(images: tf.Tensor, layers: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
    maps = images
    for name in ("conv1", "conv2", "conv3"):
        maps = norm(halve(conv_relu(maps, *layers[name])))  # dropout keeps all where nothing is trained
    return dense_layers(maps, layers)


def five_convolutions(
    images: tf.Tensor, layers: dict[str, tuple[tf.Tensor, tf.Tensor]], *, lrn: bool
) -> tf.Tensor:
    maps = images
    for name in ("conv1", "conv2"):
        maps = conv_relu(maps, *layers[name])
        maps = halve(norm(maps) if lrn else maps)
    for name in ("conv3", "conv4", "conv5"):
        maps = conv_relu(maps, *layers[name])
    return dense_layers(halve(maps), layers)


def two_convolutions(images: tf.Tensor, layers: dict[str, tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
    maps = halve(conv_relu(images, *layers["conv1"]))
    return dense_layers(halve(conv_relu(maps, *layers["conv2"])), layers)


def networks() -> Arrays:
    """Return logits, the mean cross-entropy and its gradient by the first kernel, far from the loss."""
    arrays: Arrays = {}
    for case in cases.NETWORK_CASES:
        layers = {name: tuple(tf.constant(a) for a in pair) for name, pair in case.layers().items()}
        images = tf.constant(cases.network_images())
        first = layers["conv1"][0]
        with tf.GradientTape() as tape:
            tape.watch(first)
            if case.network == "alexnet_mnist5":
                logits = five_convolutions(images, layers, lrn=case.args.get("lrn", False))
            elif case.network == "alexnet_mnist3":
                logits = three_convolutions(images, layers)
            else:
                logits = two_convolutions(images, layers)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=cases.LABELS, logits=logits)
            loss = tf.reduce_mean(losses)
        arrays[f"{case.key}-logits"] = logits.numpy()
        arrays[f"{case.key}-loss"] = loss.numpy()
        arrays[f"{case.key}-grad"] = tape.gradient(loss, first).numpy()
    return arrays


MAKERS = (lrn, pooling, convolution, optimizers, batch_norm, dropout, networks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=GOLDEN, help="folder of the arrays")
    folder = parser.parse_args().out
    for make in MAKERS:
        np.savez_compressed(folder / f"{make.__name__}.npz", **make())
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    (folder / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
