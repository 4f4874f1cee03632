"""The real training step of a run: batch, augmentation, forward, backward, update."""

from collections.abc import Sequence
from statistics import median

from cnnlab.bench.peers import Step
from cnnlab.bench.programs import make_peers
from cnnlab.bench.throughput import TRAINING_FLOPS, Bench
from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.models import layers_of
from cnnlab.training import TrainingLap, network_size


class TrainingBench(Bench):
    """A training step, ready to be timed.

    Attributes:
        lap: its training steps.

    Args:
        name: what the table calls it.
        config: the run whose steps are timed.
        train: its training images.
        peers: what is timed beside it, see `make_peers`.

    Raises:
        ConfigError: the config does not fit the images, or a peer does not have this network.
        GeometryError: the images are too small for the network.
        MissingResourceError: a peer's program is not there.
    """

    def __init__(self, name: str, config: RunConfig, train: Dataset, *, peers: Sequence[str] = ()) -> None:
        self.lap = TrainingLap(config, train)
        size = network_size(config.data, train)
        table = layers_of(
            config.model.name,
            config.model.args,
            in_channels=train.in_channels,
            num_classes=train.num_classes,
            image_size=size,
        )
        batch_size = min(config.train.batch_size, len(train))
        shape = (batch_size, train.in_channels, size, size)
        step = Step(config.model.name, config.model.args, shape, train.num_classes, self.lap.execution)
        super().__init__(
            name,
            batch_size=batch_size,
            execution=self.lap.execution,
            macs=table.macs,
            flops_per_mac=TRAINING_FLOPS,
            seconds_of_step=lambda num_steps: median(self.lap(num_steps)),
            peers=make_peers(peers, self.lap.model, step),
        )
