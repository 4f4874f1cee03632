"""The data sets that have a name: what they are, whose they are, and whether they are on this machine."""

from dataclasses import dataclass
from pathlib import Path

from cnnlab.data.sources import cifar10, digits, mnist
from cnnlab.data.sources.locate import data_roots, find_files
from cnnlab.data.sources.published import FileSet


@dataclass(frozen=True)
class DataInfo:
    """What there is to know about a data set before reading it.

    Attributes:
        name: what `load_data` takes.
        description: one line.
        shape: channels, height, width.
        num_train: images to train on, once validation is cut off.
        num_val: images cut from the official training part for validation, by default.
        num_test: images of the official test part.
        class_names: in the order of the labels.
        licence: as its authors state it.
        source: whom to cite.
        file_sets: where its files may lie, one of them is enough; none if it comes with an installed package.
        is_digits: light strokes on a dark ground, centred.
    """

    name: str
    description: str
    shape: tuple[int, int, int]
    num_train: int
    num_val: int
    num_test: int
    class_names: tuple[str, ...]
    licence: str
    source: str
    file_sets: tuple[FileSet, ...] = ()
    is_digits: bool = False


DATASETS: dict[str, DataInfo] = {
    info.name: info
    for info in (
        DataInfo(
            name="digits",
            description="handwritten digits that come with scikit-learn",
            shape=(1, 8, 8),
            num_train=1257,
            num_val=digits.VAL_SIZE,
            num_test=digits.NUM_TEST,
            class_names=digits.CLASS_NAMES,
            licence="CC BY 4.0",
            source="E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998",
            is_digits=True,
        ),
        DataInfo(
            name="mnist",
            description="handwritten digits",
            shape=(1, 28, 28),
            num_train=55_000,
            num_val=5_000,
            num_test=10_000,
            class_names=mnist.MNIST_CLASSES,
            licence="none stated by the authors; usually given as CC BY-SA 3.0",
            source="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proc. IEEE 86(11), 1998",
            file_sets=(mnist.MNIST,),
            is_digits=True,
        ),
        DataInfo(
            name="fashion-mnist",
            description="articles of clothing",
            shape=(1, 28, 28),
            num_train=55_000,
            num_val=5_000,
            num_test=10_000,
            class_names=mnist.FASHION_CLASSES,
            licence="MIT, (c) 2017 Zalando SE",
            source="H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747, 2017",
            file_sets=(mnist.FASHION_MNIST,),
        ),
        DataInfo(
            name="cifar10",
            description="small photographs of animals and vehicles",
            shape=(3, 32, 32),
            num_train=45_000,
            num_val=5_000,
            num_test=10_000,
            class_names=cifar10.CLASS_NAMES,
            licence="none stated by the authors; cite the report",
            source="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
            file_sets=(cifar10.CIFAR10_BATCHES, cifar10.CIFAR10_ARCHIVE),
        ),
    )
}


@dataclass(frozen=True)
class DataListing:
    """A named data set and whether it can be read without the network.

    Attributes:
        info: the data set.
        place: the folder that holds it, or `installed`; None where it is not on this machine.
    """

    info: DataInfo
    place: str | None

    @property
    def is_present(self) -> bool:
        """True if reading it needs no network."""
        return self.place is not None


def list_datasets(*, root: Path | str | None = None) -> tuple[DataListing, ...]:
    """Return every named data set, looked for as `load_data` looks for it.

    Raises:
        MissingResourceError: `root` or CNNLAB_DATA_ROOT is not a folder.
    """
    roots = data_roots(root)
    return tuple(DataListing(info, _place(info, roots)) for info in DATASETS.values())


def _place(info: DataInfo, roots: tuple[Path, ...]) -> str | None:
    if not info.file_sets:
        return "installed"
    for file_set in info.file_sets:
        paths = find_files(file_set, [file.name for file in file_set.files], roots)
        if paths:
            return str(next(iter(paths.values())).parent)
    return None
