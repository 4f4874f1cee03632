"""Studies: claims from papers and from the systems this project grew out of, run again.

A study is an object of the `Study` protocol, in a file or a folder of its own that is named like it; it is
listed here.
"""

from cnnlab.errors import ConfigError, did_you_mean
from cnnlab.studies.origins import ORIGINS_STUDY
from cnnlab.studies.precision import PRECISION_STUDY
from cnnlab.studies.pretraining import PRETRAINING_STUDY
from cnnlab.studies.report import StudyReport, make_report, write_report
from cnnlab.studies.runner import run_study
from cnnlab.studies.study import Findings, Picture, Study, StudyFolders, StudyRun

_STUDIES: tuple[Study, ...] = (ORIGINS_STUDY, PRECISION_STUDY, PRETRAINING_STUDY)

__all__ = [
    "Findings",
    "Picture",
    "Study",
    "StudyFolders",
    "StudyReport",
    "StudyRun",
    "get_study",
    "list_studies",
    "make_report",
    "run_study",
    "write_report",
]


def list_studies() -> list[Study]:
    """Return all studies, by name."""
    return sorted(_STUDIES, key=lambda study: study.name)


def get_study(name: str) -> Study:
    """Return a study.

    Raises:
        ConfigError: there is no study of this name.
    """
    studies = {study.name: study for study in _STUDIES}
    if name not in studies:
        raise ConfigError(f"There is no study called {name!r}. {did_you_mean(name, studies)}")
    return studies[name]
