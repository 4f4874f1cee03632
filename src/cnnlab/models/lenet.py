"""LeNet-5, the network that read cheques.

Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proceedings of the IEEE,
1998, section II.B.

Deviations from the paper
- Images of 28x28 are padded by 2 in conv1 instead of drawn on 32x32: the same sums.
- tanh(a) instead of 1.7159 tanh(2a/3).
- Average pooling has no trainable coefficient and bias per map and no activation of its own.
- conv2 sees all six maps; the paper's table I connects each of its maps to 3 to 6 of them.
- The output layer is dense, and its logits go into a softmax; the paper compares with drawn digits by
  Euclidean radial basis functions.
- The third convolution, which sees its whole 5x5 input at once, is written as the dense layer fc1, so that
  other image sizes work.
- Weights start from a normal distribution of standard deviation gain / sqrt(fan_in), see `nn.initialize`; the
  paper's are uniform in +-2.4 / fan_in.
"""

from collections import OrderedDict

from torch import nn

from cnnlab.models.classifier import ImageClassifier
from cnnlab.models.registry import register_model
from cnnlab.nn import Activation, Conv2d, Pool, initialize, make_activation, output_shape


@register_model(
    year=1998,
    paper="doi:10.1109/5.726791",
    image_size=28,
    source="LeNet-5, its usual modern form",
    in_channels=1,
)
def lenet5(
    *,
    in_channels: int = 1,
    num_classes: int = 10,
    image_size: int = 28,
    activation: Activation = "tanh",
    pool: Pool = "average",
) -> ImageClassifier:
    """Two convolutions of 5x5 and three dense layers, 61,706 parameters on MNIST.

    Args:
        in_channels: channels of the images.
        num_classes: how many logits.
        image_size: height and width of the images, in pixels; at least 12.
        activation: after every layer but the last.
        pool: how 2x2 pixels become one.

    Raises:
        GeometryError: the images are too small.
    """
    make_pool = nn.AvgPool2d if pool == "average" else nn.MaxPool2d
    features = nn.Sequential(
        OrderedDict(
            conv1=Conv2d(in_channels, 6, 5, padding=2),  # N x 6 x 28 x 28
            act1=make_activation(activation),
            pool1=make_pool(2, 2),  # N x 6 x 14 x 14
            conv2=Conv2d(6, 16, 5),  # N x 16 x 10 x 10
            act2=make_activation(activation),
            pool2=make_pool(2, 2),  # N x 16 x 5 x 5
        )
    )
    channels, height, width = output_shape(
        features, in_channels=in_channels, image_size=image_size, network="lenet5"
    )
    head = nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),  # N x 400
            fc1=nn.Linear(channels * height * width, 120),
            act3=make_activation(activation),
            fc2=nn.Linear(120, 84),
            act4=make_activation(activation),
            fc3=nn.Linear(84, num_classes),
        )
    )
    network = ImageClassifier(features, head)
    initialize(network, activation)
    return network
