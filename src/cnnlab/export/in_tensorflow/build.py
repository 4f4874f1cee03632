"""Write a network for TensorFlow, read it back, and say what it makes of images; `cnnlab export` runs it.

It runs where TensorFlow is, and knows nothing of cnnlab but the folder that it is given: `graph.json`
(layers), `description.json`, `weights.npz`, `pixels.npy` (images to answer, uint8, N x C x H x W), `files`
(encoded images to answer). It leaves `logits.npy` there, of a SavedModel `encoded.npz` too, and prints the
seconds that batches take.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import tensorflow as tf  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
from lite import lite_call, save_lite  # pyright: ignore[reportMissingImports]
from network import forward, variables_of  # pyright: ignore[reportMissingImports]

from pictures import prepared  # pyright: ignore[reportMissingImports]

BATCH_SIZE = 64
BATCHES = (1, 32, 128)
SECONDS, FEWEST = 0.3, 5


class Network(tf.Module):
    """What is saved: weights, the description, and the functions below."""

    def __init__(self, graph, description, arrays, description_file):
        super().__init__()
        self._graph, self._description = graph, description
        self._weights = variables_of(graph["layers"], arrays)
        self._kept = list(self._weights.values())
        self._asset = tf.saved_model.Asset(str(description_file))
        self._names = tf.Variable(description["class_names"], trainable=False, name="class_names")
        shape = tf.TensorSpec([None, *graph["input_shape"]], tf.float32, "images")
        content = tf.TensorSpec([None], tf.string, "image_bytes")
        self.classify_images = tf.function(self._classify_images, input_signature=[shape])
        self.classify_bytes = tf.function(self._classify_bytes, input_signature=[content])
        self.prepare = tf.function(self._prepare, input_signature=[content])

    def logits(self, images):
        """Return logits of normalised images, N x C x H x W."""
        return forward(images, self._graph, self._weights)

    def _classify_images(self, images):
        """Return logits and probabilities of normalised images, N x C x H x W."""
        logits = self.logits(images)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    def _classify_bytes(self, image_bytes):
        """Return the class and its probability of encoded images; "" and 0 where no digit is to be seen."""
        images, is_there = self._prepare(image_bytes)
        probabilities = tf.nn.softmax(self.logits(images))
        best = tf.gather(self._names, tf.argmax(probabilities, 1))
        return {
            "class": tf.where(is_there, best, tf.fill(tf.shape(best), "")),
            "probability": tf.where(is_there, tf.reduce_max(probabilities, 1), 0.0),
            "probabilities": tf.where(is_there[:, None], probabilities, 0.0),
        }

    def _prepare(self, image_bytes):
        """Return normalised images, N x C x H x W, and whether there is something to see."""
        done = self._description["preprocessing"]
        channels, size = self._graph["input_shape"][0], done["image_size"]
        kinds = (tf.TensorSpec([size, size, channels], tf.int32), tf.TensorSpec([], tf.bool))
        pixels, is_there = tf.map_fn(
            lambda content: prepared(content, done, channels), image_bytes, fn_output_signature=kinds
        )
        first = (size - done["crop_size"]) // 2
        window = slice(first, first + done["crop_size"])
        return normalised(tf.transpose(pixels[:, window, window], [0, 3, 1, 2]), done), is_there


def normalised(pixels, preprocessing):
    """Return float32 images of whole numbers, N x C x H x W."""
    mean, std = (np.array(preprocessing[name], dtype=np.float32)[:, None, None] for name in ("mean", "std"))
    return (tf.cast(pixels, tf.float32) - mean * np.float32(255)) * (np.float32(1) / (std * np.float32(255)))


def read(folder):
    """Return the network that lies in a folder."""
    graph, description = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("graph", "description")
    )
    with np.load(folder / "weights.npz") as arrays:
        return Network(graph, description, arrays, folder / "description.json")


def save(network, out):
    """Write a SavedModel."""
    signatures = {"serving_default": network.classify_images, "encoded": network.classify_bytes}
    tf.saved_model.save(network, str(out), signatures)


def seconds_of(call, images):
    """Return the median over some calls."""
    call(images)
    taken, end = [], time.perf_counter() + SECONDS
    while len(taken) < FEWEST or time.perf_counter() < end:
        start = time.perf_counter()
        call(images)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def measure(folder, call):
    """Leave the logits of the images, and print the seconds of batches."""
    pixels = np.load(folder / "pixels.npy")
    done = json.loads((folder / "description.json").read_text())["preprocessing"]
    parts = (pixels[start : start + BATCH_SIZE] for start in range(0, len(pixels), BATCH_SIZE))
    np.save(folder / "logits.npy", np.concatenate([call(normalised(part, done)) for part in parts]))
    noise = np.random.default_rng(0).standard_normal((max(BATCHES), *pixels.shape[1:])).astype(np.float32)
    seconds = {size: seconds_of(call, tf.constant(noise[:size])) for size in BATCHES}
    print(json.dumps({"seconds": seconds}), flush=True)


def saved_model_call(path):
    """Return a function from images to logits: the signature of a SavedModel that is read anew."""
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    return lambda images: signature(images=images)["logits"].numpy()


def answer_files(folder, path):
    """Leave what a SavedModel that is read anew says of encoded images."""
    contents = tf.constant([file.read_bytes() for file in sorted((folder / "files").iterdir())])
    found = tf.saved_model.load(str(path)).signatures["encoded"](image_bytes=contents)
    answers = {name: values.numpy() for name, values in found.items()}
    answers["class"] = np.array([name.decode() for name in answers["class"]])
    np.savez(folder / "encoded.npz", **answers)


def main():
    """Write, read back, measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--form", choices=("savedmodel", "litert"), default="savedmodel")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network = read(options.folder)
    if options.form == "savedmodel":
        save(network, options.out)
        call = saved_model_call(options.out)
        answer_files(options.folder, options.out)
    else:
        save_lite(network, options.out)
        call = lite_call(options.out, threads=options.threads)
    measure(options.folder, call)


if __name__ == "__main__":
    main()
