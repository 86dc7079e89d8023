"""Import code from its files as they are now, whatever was imported or compiled from them before."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from pathlib import Path
    from types import ModuleType

    from vmon_core.host.resolution.records import Candidate

FILE_MODULE = "vmon_plugin_file_"
"""Before the name of the module of a single-file plugin, so that it cannot stand in the way of another module."""


class FreshLoader(SourceFileLoader):
    """Compiles anew: a compiled file is trusted by its source's size and second, and two saves can share both."""

    def path_stats(self, path: Any) -> Any:  # noqa: ANN401 (as in the base class)
        """Know nothing of the source, so that no compiled file is read or written."""
        raise OSError(path)


class _FreshFinder:
    """Finds the modules of one package as the others do, and has them compiled anew."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of the package."""
        if not _belongs(name, self._package):
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                if type(spec.loader) is SourceFileLoader:
                    spec.loader = FreshLoader(spec.loader.name, spec.loader.path)
                return spec
        return None


def load_file(path: Path) -> object:
    """Import a single-file plugin.

    Args:
        path: the file.

    Returns:
        Its object `plugin`, or the module itself when it has none.
    """
    name = FILE_MODULE + path.stem
    spec = spec_from_file_location(name, path, loader=FreshLoader(name, str(path)))
    if spec is None or spec.loader is None:
        msg = f"{path} is no Python file"
        raise ImportError(msg)
    module = module_from_spec(spec)
    with preserving(name):
        forget(name)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return getattr(module, "plugin", module)


def package_of(candidate: Candidate) -> str:
    """The name in `sys.modules` that a plugin's modules have, or begin with."""
    if candidate.path is not None:
        return FILE_MODULE + candidate.path.stem
    return candidate.value.partition(":")[0].partition(".")[0]


@contextmanager
def fresh_package(package: str) -> Iterator[None]:
    """Within it, a package is imported anew; when that fails, the old modules are put back."""
    finder = _FreshFinder(package)
    with preserving(package):
        forget(package)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)


@contextmanager
def preserving(package: str) -> Iterator[None]:
    """When what is done within it fails, a package's modules are those from before again."""
    before = {name: module for name, module in sys.modules.copy().items() if _belongs(name, package)}
    try:
        yield
    except BaseException:
        forget(package)
        sys.modules.update(before)
        raise


def forget(package: str) -> None:
    """Take the modules of a package out of the imported ones."""
    for name in sys.modules.copy():
        if _belongs(name, package):
            del sys.modules[name]


def _belongs(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
