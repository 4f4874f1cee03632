"""Pictures as tensors: decoding files, many at once, and resizing; see `pictures` for how one is decoded."""
