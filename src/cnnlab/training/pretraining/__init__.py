"""Unsupervised pre-training: what convolutions learn from images alone, before the first label is seen.

Layer by layer (`greedy`), each convolution of a chain (`chain`) becomes a denoising auto-encoder
(`autoencoder`) or a convolutional RBM (`rbm`), and gives what it learnt to the network as starting weights.
"""

from cnnlab.training.pretraining.start import check_pretraining, starting_weights

__all__ = ["check_pretraining", "starting_weights"]
