"""What every network here is: features, then a head; and what some have besides: auxiliary heads."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from cnnlab.nn import FusedSequential


class ImageClassifier(nn.Module):
    """A network from images to logits.

    Attributes:
        features: from images (float, N x in_channels x H x W) to the last feature maps (N x C x h x w);
            layers that can run as one pass do.
        head: from those maps to logits (N x num_classes).
    """

    def __init__(self, features: nn.Sequential, head: nn.Sequential) -> None:
        super().__init__()
        self.features = FusedSequential(OrderedDict(features.named_children()))
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, N x num_classes, always one tensor."""
        maps = self.features(images)  # N x C x h x w
        return self.head(maps)  # N x num_classes


@runtime_checkable
class HasAuxiliaryHeads(Protocol):
    """A network that learns from more than its last logits.

    Attributes:
        aux_weight: factor of the loss of each auxiliary head.
    """

    aux_weight: float

    def forward_with_aux(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and those of each auxiliary head, all N x num_classes."""
        ...


@runtime_checkable
class StartsFromImages(Protocol):
    """A network some of whose weights are made from training images before the first step."""

    def start_from_images(self, images: Tensor) -> None:
        """Make them; images are N x C x H x W, float, normalised, of the size that the network sees."""
        ...


class AuxiliaryClassifier(ImageClassifier):
    """A network with auxiliary heads on some of its features; `forward` leaves them out.

    Attributes:
        auxiliary: the heads, each under the name of the feature layer whose maps it takes; may be empty.
        aux_weight: factor of the loss of each auxiliary head.
    """

    def __init__(
        self,
        features: nn.Sequential,
        head: nn.Sequential,
        *,
        auxiliary: Mapping[str, nn.Sequential],
        aux_weight: float,
    ) -> None:
        super().__init__(features, head)
        assert auxiliary.keys() <= dict(features.named_children()).keys(), list(auxiliary)
        self.auxiliary = nn.ModuleDict(auxiliary)
        self.aux_weight = aux_weight

    def forward_with_aux(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and those of each auxiliary head, all N x num_classes."""
        maps, auxiliary_logits, start = images, [], 0
        for index, (name, _) in enumerate(self.features.named_children(), start=1):
            if name in self.auxiliary:
                maps = self.features[start:index](maps)
                auxiliary_logits.append(self.auxiliary[name](maps))
                start = index
        return self.head(self.features[start:](maps)), auxiliary_logits


def has_batch_norm(network: nn.Module) -> bool:
    """Tell whether a network normalises over the batch, so that one image alone is not enough to train on."""
    return any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
