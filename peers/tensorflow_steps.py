"""Training steps of the same networks in TensorFlow, as its own guide writes them: Keras layers in one graph.

For `cnnlab bench train NAME --peers peers/tensorflow_steps.py`; needs TensorFlow, which has an environment
of its own (`make .venv-tensorflow/.installed`). Prints one JSON object for each network and precision: the
median over the steps, in images per second, of Adam on one batch of noise in memory. Making the graph and the
first steps are not counted.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from keras import Model, layers

WARM_UP = 3
INCEPTION = {  # of googlenet_small: 1x1, before 3x3, 3x3, before 5x5, 5x5, after pooling
    "3a": (32, 48, 64, 8, 16, 16),
    "3b": (64, 64, 96, 16, 48, 32),
    "4a": (96, 48, 104, 8, 24, 32),
    "4b": (80, 56, 112, 12, 32, 32),
    "4c": (64, 64, 128, 12, 32, 32),
    "4d": (56, 72, 144, 16, 32, 32),
    "4e": (128, 80, 160, 16, 64, 64),
    "5a": (128, 80, 160, 16, 64, 64),
    "5b": (192, 96, 192, 24, 64, 64),
}


def conv(maps, width, kernel, stride=1, *, padding="same", activation="relu"):
    """A convolution with a bias."""
    return layers.Conv2D(width, kernel, stride, padding=padding, activation=activation)(maps)


def conv_norm(maps, width, kernel, stride=1, *, relu=True):
    """A convolution and batch normalisation."""
    maps = layers.Conv2D(width, kernel, stride, padding="same", use_bias=False)(maps)
    maps = layers.BatchNormalization()(maps)
    return layers.ReLU()(maps) if relu else maps


def lrn(maps, radius, bias, alpha):
    """Local response normalisation, which TensorFlow has in float32 alone."""

    def normalise(values):
        normalised = tf.nn.lrn(tf.cast(values, tf.float32), radius, bias, alpha, 0.75)
        return tf.cast(normalised, values.dtype)

    return layers.Lambda(normalise)(maps)


def dense_head(maps, widths, dropout):
    """Hidden dense layers, dropped out, and ten logits."""
    maps = layers.Flatten()(maps)
    for width in widths:
        maps = layers.Dense(width, "relu")(maps)
        maps = layers.Dropout(dropout)(maps) if dropout else maps
    return layers.Dense(10, dtype="float32")(maps)


def alexnet_mnist3(images, *, with_lrn):
    """The tutorial's AlexNet of three stages."""
    maps = images
    for width in (64, 128, 256):
        maps = layers.MaxPool2D(2, 2, "same")(conv(maps, width, 3))
        maps = lrn(maps, 4, 1.0, 0.001 / 9) if with_lrn else maps
        maps = layers.Dropout(0.2)(maps)
    return dense_head(maps, (1024, 1024), 0.0)


def alexnet_mnist5(images):
    """The tutorial's AlexNet of five stages."""
    maps = images
    for width, pooled in ((64, True), (128, True), (256, False), (256, False), (128, True)):
        maps = conv(maps, width, 3)
        maps = layers.MaxPool2D(2, 2, "same")(maps) if pooled else maps
    return dense_head(maps, (1024, 1024), 0.25)


def resnet20(images):
    """Three stages of three blocks of two convolutions; shortcuts without weights."""
    maps = conv_norm(images, 16, 3)
    for width in (16, 32, 64):
        for number in range(3):
            stride = 2 if number == 0 and width > 16 else 1
            out = conv_norm(conv_norm(maps, width, 3, stride), width, 3, relu=False)
            if stride == 2:
                pads = [[0, 0], [0, 0], [0, 0], [width // 4, width // 4]]
                maps = layers.Lambda(lambda values, pads=pads: tf.pad(values[:, ::2, ::2], pads))(maps)
            maps = layers.ReLU()(layers.Add()([out, maps]))
    return dense_head(layers.GlobalAveragePooling2D()(maps), (), 0.0)


def lenet5(images):
    """LeNet-5 with ReLU and max pooling."""
    maps = layers.MaxPool2D(2, 2)(conv(images, 6, 5))
    maps = layers.MaxPool2D(2, 2)(conv(maps, 16, 5, padding="valid"))
    return dense_head(maps, (120, 84), 0.0)


def alexnet(images):
    """AlexNet of 2012 with its two towers, each convolution of a tower by itself."""

    def towers(maps, width, kernel):
        halves = layers.Lambda(lambda values: tf.split(values, 2, -1))(maps)
        return layers.Concatenate()([conv(half, width // 2, kernel) for half in halves])

    maps = layers.ZeroPadding2D(2)(images)
    maps = lrn(conv(maps, 96, 11, 4, padding="valid"), 2, 2.0, 1e-4)
    maps = layers.MaxPool2D(3, 2)(maps)
    maps = layers.MaxPool2D(3, 2)(lrn(towers(maps, 256, 5), 2, 2.0, 1e-4))
    maps = towers(towers(conv(maps, 384, 3), 384, 3), 256, 3)
    return dense_head(layers.MaxPool2D(3, 2)(maps), (4096, 4096), 0.5)


def googlenet_small(images):
    """Nine Inception modules at half width, batch normalisation after every convolution."""
    maps = layers.MaxPool2D(3, 2, "same")(conv_norm(images, 96, 3))
    for name, (one, before_three, three, before_five, five, after_pool) in INCEPTION.items():
        if name in ("4a", "5a"):
            maps = layers.MaxPool2D(3, 2, "same")(maps)
        branches = [
            conv_norm(maps, one, 1),
            conv_norm(conv_norm(maps, before_three, 1), three, 3),
            conv_norm(conv_norm(maps, before_five, 1), five, 5),
            conv_norm(layers.MaxPool2D(3, 1, "same")(maps), after_pool, 1),
        ]
        maps = layers.Concatenate()(branches)
    return dense_head(layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(maps)), (), 0.0)


NETWORKS = {
    "a3": (lambda images: alexnet_mnist3(images, with_lrn=False), (28, 28, 1)),
    "a3-lrn": (lambda images: alexnet_mnist3(images, with_lrn=True), (28, 28, 1)),
    "a5": (alexnet_mnist5, (28, 28, 1)),
    "resnet20": (resnet20, (32, 32, 3)),
    "lenet5": (lenet5, (28, 28, 1)),
    "alexnet": (alexnet, (224, 224, 3)),
    "googlenet_small": (googlenet_small, (32, 32, 3)),
}


def images_per_s(name, precision, batch_size, num_steps):
    """Return the median over the steps."""
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if precision == "bf16" else "float32")
    build, shape = NETWORKS[name]
    inputs = layers.Input(shape)
    model = Model(inputs, build(inputs))
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(model.trainable_variables)
    images = tf.random.uniform((batch_size, *shape))
    labels = tf.random.uniform((batch_size,), 0, 10, tf.int32)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    seconds = []
    for _ in range(WARM_UP + num_steps):
        start = time.perf_counter()
        step().numpy()
        seconds.append(time.perf_counter() - start)
    return batch_size / statistics.median(seconds[WARM_UP:])


def main():
    """Print a line for each network and precision."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--precisions", default="float32,bf16")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    for name in options.networks.split(","):
        for precision in options.precisions.split(","):
            rate = images_per_s(name, precision, options.batch, options.steps)
            row = {"peer": "tensorflow", "network": name, "precision": precision, "images_per_s": rate}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
