"""The template for plugin packages, which comes with vmon-core, and how a package is made of it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.errors import VmonError

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("collector", "analyzer", "guardrail", "lifecycle", "intervention", "exporter", "command")
"""What a plugin may be made for; each is one hook with its example, setting and tests."""

LICENCES = ("Apache-2.0", "MIT", "BSD-3-Clause", "proprietary")
"""The licences that the template knows."""

_PACKAGE = Path(__file__).parent
_PLACES = (_PACKAGE / "templates/plugin", _PACKAGE.parents[1] / "templates/plugin")
"""Where the template is: in an installed package, and in a checkout of the repository."""


def template_folder() -> Path:
    """The folder that cookiecutter takes.

    Raises:
        VmonError: it is missing, as in a package that somebody has stripped.
    """
    for place in _PLACES:
        if (place / "cookiecutter.json").is_file():
            return place
    msg = "this installation of vmon-core has no template; install it again from its wheel"
    raise VmonError(msg)


def make_package(
    name: str,
    into: Path,
    *,
    kinds: Sequence[str] = ("collector", "analyzer"),
    licence: str = LICENCES[0],
    **more: str,
) -> Path:
    """Make a plugin package from the template.

    Args:
        name: the plugin's name; the package is called `vmon-plugin-NAME`.
        into: the folder that the package's folder is made in.
        kinds: some of `KINDS`.
        licence: one of `LICENCES`.
        more: further answers, by the question's name: `summary` and `author`.

    Returns:
        The package's folder.

    Raises:
        VmonError: cookiecutter is not installed, an answer is refused, or the folder exists already.
    """
    try:
        from cookiecutter.exceptions import CookiecutterException  # noqa: PLC0415 (an extra; few ever need it)
        from cookiecutter.main import cookiecutter  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = "making a package needs cookiecutter: pip install 'vmon-core[template]'"
        raise VmonError(msg) from error
    logging.getLogger("cookiecutter").addHandler(logging.NullHandler())  # it would log a refused answer's traceback
    answers = {"name": name, "kinds": ", ".join(kinds), "licence": licence, **more}
    try:
        made = cookiecutter(str(template_folder()), no_input=True, extra_context=answers, output_dir=str(into))
    except CookiecutterException as error:
        msg = f"no package was made: {str(error).splitlines()[0]}"
        raise VmonError(msg) from error
    return Path(made)
