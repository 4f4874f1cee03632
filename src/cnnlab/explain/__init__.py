"""What a network has learned and why it answers as it does, as arrays; `reporting` draws them."""

from cnnlab.explain.activations import LayerOutput, activations, first_filters
from cnnlab.explain.answers import SURE, Answer, sure_mistakes, suspected_labels, unsure_hits
from cnnlab.explain.attribution import grad_cam, integrated_gradients, occlusion, saliency
from cnnlab.explain.embedding import MIN_IN_MAP, Method, embed, images_of_map, penultimate
from cnnlab.explain.inputs import network_inputs
from cnnlab.explain.structure import Part, structure

__all__ = [
    "MIN_IN_MAP",
    "SURE",
    "Answer",
    "LayerOutput",
    "Method",
    "Part",
    "activations",
    "embed",
    "first_filters",
    "grad_cam",
    "images_of_map",
    "integrated_gradients",
    "network_inputs",
    "occlusion",
    "penultimate",
    "saliency",
    "structure",
    "sure_mistakes",
    "suspected_labels",
    "unsure_hits",
]
