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
        fingerprints: of the official `train` (validation included) and `test` parts, as published.
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
    fingerprints: dict[str, str]
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
            fingerprints={
                "train": "1860ba6ab5361d6d4bdf341bf876b245ef9649a0529f317449d1c14fa327040d",
                "test": "b54af76722441eca0e69b6966237b79f5c998a101ff22a9776ac916b7a1772dc",
            },
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
            fingerprints={
                "train": "6365939a3acbe801837230e5e323e3dee1f32592822160c0888840cef95fb8fc",
                "test": "cdc21148af41d32c134c1ae2d2c9ba0f5b4405825e1528c4444e05cff9f88f26",
            },
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
            fingerprints={
                "train": "ec4409109aa256aac73662970822581d4098eac95abfe958644770ad14eb0f90",
                "test": "38adbc957d98f7cb6a130a0612c4315c087e7306eb3e26336428da3217e331c3",
            },
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
            fingerprints={
                "train": "3c286bc61f5dcb7988ac7cb0b45b1a0f2364b0c1b415d9fe781f1ecfa020afb5",
                "test": "ac580ca70c8f4512b9752a6712b1b8de983a86958366aefd6126cc0d454de704",
            },
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
