"""A network as a LiteRT file (`.tflite`), by TensorFlow's own converter, with built-in operators only."""

import warnings

import tensorflow as tf  # pyright: ignore[reportMissingImports, reportMissingModuleSource]


def save_lite(network, out):
    """Write a file with one signature, from `images` (N x C x H x W, float32) to `logits`."""
    classify = tf.function(
        lambda images: {"logits": network.logits(images)},
        input_signature=network.classify_images.input_signature,
    ).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify], network)
    out.write_bytes(converter.convert())


def lite_call(path, *, threads):
    """Return a function from images to logits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the interpreter is moving to a package of its own
        interpreter = tf.lite.Interpreter(model_path=str(path), num_threads=threads)
    runner = interpreter.get_signature_runner("serving_default")
    return lambda images: runner(images=tf.convert_to_tensor(images).numpy())["logits"].copy()
