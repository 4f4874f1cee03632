"""Data: sources, integrity, splits, batched augmentation, the order of images."""

from cnnlab.data.augment import Augment, augment_batch
from cnnlab.data.catalogue import DATASETS, DataInfo, DataListing, list_datasets
from cnnlab.data.check import DataReport, check_data
from cnnlab.data.colour import ColourComponents, colour_components
from cnnlab.data.crop import centre_crop
from cnnlab.data.dataset import Dataset, make_dataset
from cnnlab.data.load import folder_named, load_data
from cnnlab.data.mixing import Batch, Mixing, mix_batch
from cnnlab.data.normalise import Scale, channel_stats, levels_of, normalise, scale_of
from cnnlab.data.order import balanced_order, counter_generator, epoch_order
from cnnlab.data.passes import images_per_pass

__all__ = [
    "DATASETS",
    "Augment",
    "Batch",
    "ColourComponents",
    "DataInfo",
    "DataListing",
    "DataReport",
    "Dataset",
    "Mixing",
    "Scale",
    "augment_batch",
    "balanced_order",
    "centre_crop",
    "channel_stats",
    "check_data",
    "colour_components",
    "counter_generator",
    "epoch_order",
    "folder_named",
    "images_per_pass",
    "levels_of",
    "list_datasets",
    "load_data",
    "make_dataset",
    "mix_batch",
    "normalise",
    "scale_of",
]
