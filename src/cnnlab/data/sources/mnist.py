"""MNIST and Fashion-MNIST: 60,000 and 10,000 grey images of 28 x 28 pixels, in IDX files of the same names.

Sources: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proc. IEEE 86(11), 1998; H. Xiao, K. Rasul, R. Vollgraf,
arXiv:1708.07747, 2017.
"""

from pathlib import Path

import torch
from torch import Tensor

from cnnlab.data.sources.idx import read_idx_images, read_idx_labels
from cnnlab.data.sources.locate import OnDamage, Places, obtain_files
from cnnlab.data.sources.published import FileSet, PublishedFile
from cnnlab.errors import DataError

IMAGE_SIZE = 28
MNIST_CLASSES = tuple(str(label) for label in range(10))
FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)


def _file(name: str, size: int, sha256: str, unpacked: str, mirrors: tuple[str, ...]) -> PublishedFile:
    return PublishedFile(name, size, sha256, unpacked, tuple(mirror + name for mirror in mirrors))


MNIST = FileSet(
    dataset="mnist",
    folders=("MNIST/raw", "mnist/raw", "mnist"),
    has_own_names=False,
    files=(
        _file(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            _MNIST_MIRRORS,
        ),
        _file(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            _MNIST_MIRRORS,
        ),
        _file(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            _MNIST_MIRRORS,
        ),
        _file(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            _MNIST_MIRRORS,
        ),
    ),
)

FASHION_MNIST = FileSet(
    dataset="fashion-mnist",
    folders=("FashionMNIST/raw", "fashion-mnist/raw", "fashion-mnist"),
    has_own_names=False,
    files=(
        _file(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            _FASHION_MIRRORS,
        ),
        _file(
            "train-labels-idx1-ubyte.gz",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            _FASHION_MIRRORS,
        ),
        _file(
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            _FASHION_MIRRORS,
        ),
        _file(
            "t10k-labels-idx1-ubyte.gz",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            _FASHION_MIRRORS,
        ),
    ),
)


def read_mnist(
    file_set: FileSet, part: str, places: Places, *, on_damage: OnDamage | None = None
) -> tuple[Tensor, Tensor]:
    """Read the `train` or `test` part of either set.

    Args:
        file_set: `MNIST` or `FASHION_MNIST`.
        part: `train` or `test`.
        places: where to look.
        on_damage: told of each damaged file, and no image is returned then; else the first is an error.

    Returns:
        N x 1 x 28 x 28, uint8, and N labels, int64.

    Raises:
        DataError: a file is damaged, or the two files do not belong together.
        MissingResourceError: a file is missing and cannot be downloaded.
    """
    paths = obtain_files(file_set, _FILES[part], places)
    images_path, labels_path = (paths[name] for name in _FILES[part])
    none = torch.empty(0, 1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8), torch.empty(0, dtype=torch.int64)
    images, labels = none
    damages: list[tuple[Path, DataError]] = []
    try:
        images = read_idx_images(images_path, size=IMAGE_SIZE)
    except DataError as error:
        damages.append((images_path, error))
    try:
        labels = read_idx_labels(labels_path, num_classes=10)
    except DataError as error:
        damages.append((labels_path, error))
    if not damages and len(images) != len(labels):
        message = (
            f"{labels_path}: must hold one label for each image of {images_path.name}. "
            f"Received: {len(labels)} labels for {len(images)} images."
        )
        damages.append((labels_path, DataError(message)))
    for path, error in damages:
        if on_damage is None:
            raise error
        on_damage(path, error)
    return none if damages else (images, labels)
