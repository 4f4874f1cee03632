"""What every network here is: features, then a head."""

from torch import Tensor, nn


class ImageClassifier(nn.Module):
    """A network from images to logits.

    Attributes:
        features: from images (float, N x in_channels x H x W) to the last feature maps (N x C x h x w).
        head: from those maps to logits (N x num_classes).
    """

    def __init__(self, features: nn.Sequential, head: nn.Sequential) -> None:
        super().__init__()
        self.features = features
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, N x num_classes, always one tensor."""
        maps = self.features(images)  # N x C x h x w
        return self.head(maps)  # N x num_classes


def has_batch_norm(network: nn.Module) -> bool:
    """Tell whether a network normalises over the batch, so that one image alone is not enough to train on."""
    return any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
