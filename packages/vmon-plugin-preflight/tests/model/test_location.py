"""Where a model is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.model.location import Place, hub_cache, is_offline, locate
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of the hub with one repository."""
    repository = "hub/models--org--model"
    files = {f"{repository}/refs/main": COMMIT, f"{repository}/snapshots/{COMMIT}/config.json": "{}"}
    return write_tree(tmp_path, files)


def place(name: str, environment: dict[str, str], directory: Path, revision: str | None = None) -> Place:
    """Only the kind of place."""
    return locate(name, revision, environment, directory.joinpath).place


def test_folder_beats_repository(tmp_path: Path) -> None:
    """A folder of that name is taken first, relative to where the server starts."""
    (tmp_path / "org" / "model").mkdir(parents=True)
    location = locate("org/model", None, {}, tmp_path.joinpath)
    assert (location.place, location.folder) == (Place.FOLDER, tmp_path / "org" / "model")


def test_file(tmp_path: Path) -> None:
    """A file is a model of its own."""
    (tmp_path / "model.gguf").touch()
    assert place("model.gguf", {}, tmp_path) is Place.FILE


@pytest.mark.parametrize("revision", [None, "main", COMMIT])
def test_cached(cache: Path, revision: str | None) -> None:
    """A branch is looked up, a commit is its own name."""
    location = locate("org/model", revision, {"HF_HOME": str(cache)}, cache.joinpath)
    assert location.place is Place.CACHED
    assert location.folder == cache / "hub" / "models--org--model" / "snapshots" / COMMIT


@pytest.mark.parametrize(("name", "revision"), [("org/other", None), ("org/model", "v2"), ("org/model", "f" * 40)])
def test_absent(cache: Path, name: str, revision: str | None) -> None:
    """What was never downloaded is absent, which is not the same as not existing."""
    assert place(name, {"HF_HOME": str(cache)}, cache, revision) is Place.ABSENT


@pytest.mark.parametrize(
    "name", ["/no/such/folder", "a/b/c", "./x", "a--b", "x.git", "", "-x", "a" * 100, "org/ümlaut"]
)
def test_invalid(tmp_path: Path, name: str) -> None:
    """Neither there nor a name that the hub could have."""
    assert place(name or "..nothing", {"HOME": str(tmp_path)}, tmp_path) is Place.INVALID


def test_other_places(tmp_path: Path) -> None:
    """What vmon cannot look into is no error."""
    assert place("s3://bucket/model", {}, tmp_path) is Place.STORE
    assert place("org/model", {"VLLM_USE_MODELSCOPE": "True"}, tmp_path) is Place.STORE


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HUB_CACHE": "/a"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/b"}, "/b"),
        ({"HF_HOME": "/c"}, "/c/hub"),
        ({"XDG_CACHE_HOME": "/d"}, "/d/huggingface/hub"),
        ({"HOME": "/e"}, "/e/.cache/huggingface/hub"),
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/c"}, "/a"),
        ({"HF_HOME": "~/x", "HOME": "/e"}, "/e/x/hub"),
    ],
)
def test_cache_folder(environment: dict[str, str], expected: str) -> None:
    """The variables are those of `huggingface_hub`, in its order."""
    assert hub_cache(environment).as_posix() == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"HF_HUB_OFFLINE": "0"}, False),
        ({"HF_HUB_OFFLINE": "yes"}, True),
        ({"TRANSFORMERS_OFFLINE": "1"}, True),
    ],
)
def test_offline(environment: dict[str, str], expected: bool) -> None:  # noqa: FBT001 (a parameter of a test)
    """Either variable turns the network off."""
    assert is_offline(environment) is expected
