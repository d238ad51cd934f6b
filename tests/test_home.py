"""The folder that the app writes to."""

import shutil
from pathlib import Path

import pytest

from rnorm_core.errors import UserError
from rnorm_core.home import home
from rnorm_core.training import __main__ as training
from rnorm_core.training import learning_rates, missing


def test_the_environment_names_the_folder_and_it_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("RNORM_HOME", str(tmp_path / "deep" / "down"))
    assert home() == tmp_path / "deep" / "down"
    assert home().is_dir()


def test_a_deleted_folder_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("RNORM_HOME", str(tmp_path / "mine"))
    (home() / "votes").write_text("1")
    shutil.rmtree(home())
    assert home().is_dir()
    assert not list(home().iterdir())


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_name_it_is_in_the_cache_of_the_user(value, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RNORM_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("RNORM_HOME", value)
    assert home() == tmp_path / ".cache" / "rnorm-lab"


def test_a_relative_name_stays_the_same_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNORM_HOME", "here")
    assert home().is_absolute()
    assert home() == Path("here").resolve()


def test_a_file_in_its_place_is_a_clear_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RNORM_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"cannot be made: File exists.*RNORM_HOME"):
        home()


def test_a_folder_that_cannot_be_written_to_is_a_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("RNORM_HOME", str(tmp_path))
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(UserError, match="cannot be written to"):
        home()


def test_a_training_keeps_its_checkpoints_there(tmp_path, monkeypatch):
    monkeypatch.setenv("RNORM_HOME", str(tmp_path / "mine"))
    assert training.arguments(["--norm", "bn"]).work == tmp_path / "mine"
    assert missing.arguments([]).work == tmp_path / "mine"
    assert learning_rates.arguments([]).work == tmp_path / "mine" / "learning-rates"


def test_a_training_with_a_folder_of_its_own_needs_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("RNORM_HOME", str(tmp_path / "mine"))
    assert training.arguments(["--work", str(tmp_path / "other")]).work == tmp_path / "other"
    assert not (tmp_path / "mine").exists()
