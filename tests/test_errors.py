import pytest

from cnnlab import errors
from cnnlab.errors import CnnlabError, StoppedError, did_you_mean

EXIT_CODES = {
    "CnnlabError": 2,
    "ConfigError": 2,
    "DataError": 2,
    "GeometryError": 2,
    "RunError": 2,
    "CheckFailedError": 1,
    "DivergedError": 1,
    "ExportError": 2,
    "MissingResourceError": 3,
}


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_every_error_has_the_documented_exit_code(name, code):
    error = getattr(errors, name)("what is wrong")
    assert error.exit_code == code
    assert isinstance(error, CnnlabError)
    assert isinstance(error, ValueError)
    assert str(error) == "what is wrong"


def test_the_list_above_is_complete():
    family = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert family == {*EXIT_CODES, "StoppedError", "Iterable"}


@pytest.mark.parametrize("code", [0, 130])
def test_a_stopped_run_says_which_signal_it_was(code):
    assert StoppedError("stopped", exit_code=code).exit_code == code
    assert StoppedError.exit_code == 2  # the class is untouched


def test_did_you_mean():
    known = ["kappa", "beta", "gamma"]
    assert did_you_mean("kapa", known) == "Did you mean 'kappa'?"
    assert did_you_mean("kamma", known) == "Did you mean 'gamma' or 'kappa'?"  # the nearest first
    assert did_you_mean("xyz", known) == "Known: beta, gamma, kappa."
    assert did_you_mean("kapa", (name for name in known)) == "Did you mean 'kappa'?"
