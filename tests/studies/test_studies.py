"""The list of studies."""

import pytest

from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError
from cnnlab.studies import get_study, list_studies

NAMES = [study.name for study in list_studies()]


def test_names_are_in_order_and_unique():
    assert sorted(set(NAMES)) == NAMES and "origins" in NAMES


def test_an_unknown_study():
    with pytest.raises(ConfigError, match=r"no study called 'orgins'. Did you mean 'origins'\?"):
        get_study("orgins")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quick", [False, True])
def test_every_study_says_what_it_is_and_names_each_run_once(name, quick):
    study = get_study(name)
    assert study.name == name and study.title and study.claim and "\n" not in study.title + study.claim
    runs = study.runs(quick=quick, seeds=2)
    configs = [run.config.to_toml() for run in runs]
    assert all(isinstance(run.config, RunConfig) for run in runs) and len(set(configs)) == len(configs)
    assert len(study.runs(quick=quick, seeds=1)) * 2 == len(runs)
    assert {run.config.seed for run in runs} == {0, 1}
