"""What the template makes of answers: the hook that cookiecutter runs first refuses those that cannot work."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from vmon_core import template
from vmon_core.errors import VmonError
from vmon_core.host.declarations import check_name
from vmon_core.template import make_package, template_folder

if TYPE_CHECKING:
    from pathlib import Path


BAD_NAMES = ["Room", "room_temperature", "2gpu", "-room", "room--x", "room-2", "room x", "x" * 31, 'x"; import os']


@pytest.mark.parametrize("name", ["example", "room-temperature", "gpu2", "x" * 30])
def test_good_names_pass(name: str, tmp_path: Path) -> None:
    """What the plugin host accepts as well."""
    assert make_package(name, tmp_path) == tmp_path / f"vmon-plugin-{check_name(name)}"


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        *[({"name": name}, "lower case letters, digits and hyphens") for name in BAD_NAMES],
        ({"kinds": ["collector", "painter"]}, "'painter' is no kind of hook; name some of these"),
        ({"kinds": [""]}, "'' is no kind of hook"),
        ({"kinds": ["command", "command"]}, "named twice"),
        ({"summary": 'say "hello"'}, "no summary"),
        ({"summary": "S" * 81}, "no summary: it needs 1 to 80 characters"),
        ({"author": ""}, "no author"),
        ({"author": "A\nB"}, "no author"),
    ],
    ids=str,
)
def test_bad_answers_are_refused(
    answers: dict[str, str], complaint: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With one line that says what a good answer looks like, and nothing is left behind."""
    with pytest.raises(VmonError, match="no package was made"):
        make_package(**{"name": "example", "into": tmp_path, **answers})  # type: ignore[arg-type]
    printed = capfd.readouterr().err
    assert complaint in printed
    assert "Traceback" not in printed
    assert list(tmp_path.iterdir()) == []


def test_spaces_and_full_stops_do_not_matter(tmp_path: Path) -> None:
    """People write lists and sentences in several ways."""
    folder = make_package("example", tmp_path, kinds=["command ", "  exporter"], summary="Watches a room.")
    assert '"""Watches a room."""' in next(folder.glob("src/*/__init__.py")).read_text(encoding="utf-8")
    assert (folder / "tests/test_exporter.py").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A second package of the same name is refused."""
    readme = make_package("example", tmp_path) / "README.md"
    readme.write_text("mine", encoding="utf-8")
    with pytest.raises(VmonError, match="already exists"):
        make_package("example", tmp_path)
    assert readme.read_text(encoding="utf-8") == "mine"


def test_missing_cookiecutter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: the message says how to get it."""
    monkeypatch.setitem(sys.modules, "cookiecutter.exceptions", None)
    with pytest.raises(VmonError, match=r"pip install 'vmon-core\[template\]'"):
        make_package("example", tmp_path)


def test_missing_template_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have stripped the package."""
    monkeypatch.setattr(template, "_PLACES", (tmp_path,))
    with pytest.raises(VmonError, match="has no template"):
        template_folder()
