"""What tests of studies share."""

import pytest

from tiny_study import RecordingLaunch


@pytest.fixture
def launch() -> RecordingLaunch:
    """A launch without processes."""
    return RecordingLaunch()
