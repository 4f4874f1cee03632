"""The networks, one file each; importing this package registers all of them."""

from cnnlab.models import (
    alexnet,
    alexnet_mnist3,
    alexnet_mnist5,
    alexnet_owt,
    alexnet_small,
    convnet_cifar10,
    convnet_fast,
    convnet_mnist,
    googlenet,
    googlenet_small,
    lenet,
    preact_resnet,
    preact_resnet_cifar,
    resnet,
    resnet_cifar,
)
from cnnlab.models.classifier import (
    AuxiliaryClassifier,
    HasAuxiliaryHeads,
    ImageClassifier,
    StartsFromImages,
    has_batch_norm,
)
from cnnlab.models.registry import ModelInfo, create_model, list_models, model_info, register_model
from cnnlab.models.summary import LayerRow, LayerTable, layer_table, layers_of

__all__ = [
    "AuxiliaryClassifier",
    "HasAuxiliaryHeads",
    "ImageClassifier",
    "LayerRow",
    "LayerTable",
    "ModelInfo",
    "StartsFromImages",
    "create_model",
    "has_batch_norm",
    "layer_table",
    "layers_of",
    "list_models",
    "model_info",
    "register_model",
]

# Imported for their registrations only.
del alexnet, alexnet_mnist3, alexnet_mnist5, alexnet_owt, alexnet_small, convnet_cifar10, convnet_fast
del convnet_mnist, googlenet, googlenet_small, lenet, preact_resnet, preact_resnet_cifar, resnet, resnet_cifar
