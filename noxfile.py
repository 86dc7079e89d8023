"""Every task of the project: `nox` runs all tests, `nox -s demo` the demo, `nox --list` names the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nox

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent
PACKAGES = sorted(p.parent.name for p in ROOT.glob("packages/*/pyproject.toml"))
PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The Python that runs nox, and every session that names none."""


def runs(python: str) -> bool:
    """Whether this machine has that Python; a version manager's shim may stand for one that is not there."""
    if python == HERE:
        return True
    program = shutil.which(f"python{python}")
    if program is None:
        return False
    done = subprocess.run([program, "-c", ""], capture_output=True, check=False)  # noqa: S603 (a Python from PATH)
    return done.returncode == 0


NEWEST = next((python for python in reversed(PYTHONS) if runs(python)), HERE)
"""The newest supported Python of this machine."""

OLDEST = next((python for python in PYTHONS if runs(python)), HERE)
"""The oldest supported Python of this machine."""

DIAGONAL = [nox.param(OLDEST, "oldest", id=f"{OLDEST}-oldest"), nox.param(NEWEST, "newest", id=f"{NEWEST}-newest")]
"""Both ends at once: what works with all that is old and with all that is new works in between."""

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"  # the package index is all that a session may need
nox.options.error_on_missing_interpreters = False  # CI machines have some of the Pythons, not all

SPELLED = ["src", "packages", "tests", "docs", "templates", "benchmarks", "tools", *map(str, ROOT.glob("*.md"))]
"""What is checked for spelling; recordings say what they say."""

MISSPELLED = "colector,flor,intervall,jornal,sistem"
"""What some tests misspell on purpose."""

CORE_TESTS = ["tests", "--ignore=tests/docs", "--ignore=tests/template"]
"""The core's tests but those that have sessions of their own."""

DIST = ROOT / "dist"
EVERYTHING = [".", *(f"packages/{name}" for name in PACKAGES)]


def install_all(session: nox.Session, *groups: str) -> None:
    """Install the core and all packages from the tree, with dependency groups of the core."""
    editable = [part for path in EVERYTHING for part in ("-e", path)]
    wanted = [requirement for group in groups for requirement in nox.project.dependency_groups(pyproject(), group)]
    session.install(*editable, *wanted)


def pyproject() -> dict[str, object]:
    """The core's pyproject.toml."""
    return nox.project.load_toml("pyproject.toml")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling and the layers of the architecture."""
    install_all(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell", *SPELLED, "--skip", "*/traces/*", "--ignore-words-list", MISSPELLED)
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install_all(session, "lint", "test")
    session.run("mypy", "src", *(f"packages/{name}/src" for name in PACKAGES))


@nox.session(default=False)
def tests(session: nox.Session) -> None:
    """Run the core's tests and examples from the tree, while you work; `core_tests` runs the same on the wheel."""
    install_all(session, "test")
    session.run("pytest", "src", *CORE_TESTS, "-m", "not vllm", *session.posargs)


# --- what is built is what is tested: the sessions below see wheels, never the tree ---


@nox.session
def build(session: nox.Session) -> None:
    """Build a wheel and a source archive of the core and of each package into dist/, once for all sessions."""
    shutil.rmtree(DIST, ignore_errors=True)
    by_uv = session.venv_backend == "uv"
    if not by_uv:
        session.install("build")
    builder = ["uv", "build", "--quiet", "--no-sources"] if by_uv else ["python", "-m", "build"]
    for path in EVERYTHING:
        session.run(*builder, "--out-dir" if by_uv else "--outdir", str(DIST), path, external=by_uv)


def wheel(distribution: str) -> str:
    """The path of a wheel that `build` made."""
    (path,) = DIST.glob(f"{distribution.replace('-', '_')}-*.whl")
    return str(path)


def requirements(package: str) -> list[str]:
    """What the tests of a package need: the core's group `test`, the testkit, and the package's own group `test`."""
    own = nox.project.load_toml(f"packages/{package}/pyproject.toml") if package in PACKAGES else {}
    more = nox.project.dependency_groups(own, "test") if "test" in own.get("dependency-groups", {}) else ()
    return [wheel("vmon-testkit"), *nox.project.dependency_groups(pyproject(), "test"), *more]


def install_built(session: nox.Session, *distributions: str, core: str) -> None:
    """Install wheels of dist/ with the lowest or the highest versions of what they need, then what their tests need.

    Args:
        session: whose environment.
        distributions: whose wheels, next to the core's.
        core: `oldest` or `newest`. Until a core has been released, the oldest one is the one that was built, with the
            lowest versions of its own dependencies.
    """
    if core == "oldest":
        install_lowest(session, ["pyproject.toml", *(f"packages/{name}/pyproject.toml" for name in distributions)])
    wheels = map(wheel, ["vmon-core", *distributions])
    tests = [requirement for name in distributions for requirement in requirements(name)]
    session.install("--find-links", str(DIST), *dict.fromkeys([*wheels, *tests]))
    session.run(*_pip_check(session), external=True)
    session.run("python", "-P", "-c", ONLY_INSTALLED, *map(module, ["vmon-core", *distributions]))


def install_lowest(session: nox.Session, projects: Iterable[str]) -> None:
    """Install the lowest versions that project files ask for: uv lowers what such a file names, but not a wheel's."""
    if session.venv_backend != "uv":
        session.skip("only uv can install the lowest versions")
    files = [part for path in projects for part in ("-r", path)]
    session.install("--resolution=lowest-direct", "--no-sources", "--find-links", str(DIST), *files)


ONLY_INSTALLED = """
import importlib, sys
for name in sys.argv[1:]:
    path = importlib.import_module(name).__file__
    assert "site-packages" in path, f"{name} comes from the tree: {path}"
"""


def module(distribution: str) -> str:
    """The package that a distribution of this project installs."""
    return distribution.replace("-", "_")


def _pip_check(session: nox.Session) -> list[str]:
    return ["uv", "pip", "check"] if session.venv_backend == "uv" else ["python", "-m", "pip", "check"]


@nox.session(requires=["build"], reuse_venv=False)
@nox.parametrize(("python", "core"), DIAGONAL)
def core_tests(session: nox.Session, core: str) -> None:
    """Run the core's tests and examples on its wheel: lowest versions on the oldest Python, newest on the newest."""
    install_built(session, *PACKAGES, core=core)
    examples = ["--pyargs", "vmon_core", "--ignore-glob=*/vmon_core/templates/*"]  # a template is not Python yet
    session.run("pytest", *examples, *CORE_TESTS, *chosen(core, "not vllm"), *session.posargs)


def chosen(core: str, *expressions: str) -> list[str]:
    """What pytest selects: slow tests run once on each Python, with the newest dependencies where it is both ends."""
    once = ["not slow"] if core == "oldest" and OLDEST == NEWEST else []
    every = [*expressions, *once]
    return ["-m", " and ".join(every)] if every else []


def run_plugin_tests(session: nox.Session, package: str, core: str) -> None:
    """Run the tests of one package, and the examples in its docstrings, against its wheel."""
    install_built(session, package, core=core)
    tests = ["--pyargs", module(package), f"packages/{package}/tests"]
    session.run("pytest", *tests, *chosen(core), *session.posargs)


@nox.session(requires=["build"], reuse_venv=False)
@nox.parametrize("package", [nox.param(name, id=name, tags=[name]) for name in PACKAGES])
@nox.parametrize(("python", "core"), DIAGONAL)
def plugin_tests(session: nox.Session, package: str, core: str) -> None:
    """Run the tests of one package against its wheel: oldest core on the oldest Python, newest on the newest."""
    run_plugin_tests(session, package, core)


@nox.session(requires=["build"], reuse_venv=False, python=[*PYTHONS], default=False)
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
@nox.parametrize("core", ["oldest", "newest"], ids=["oldest", "newest"])
def plugin_matrix(session: nox.Session, package: str, core: str) -> None:
    """Run the tests of all packages with both cores on every Python: the whole product, for the night."""
    run_plugin_tests(session, package, core)


@nox.session(requires=["build"], reuse_venv=False)
def contract(session: nox.Session) -> None:
    """Install all wheels together and check that they fit: versions, and what every plugin promises."""
    install_built(session, *PACKAGES, core="newest")
    session.run("vmon", "plugins", "--strict")
    session.run("pytest", "tests/contract", *session.posargs)


# --- the rest ---


@nox.session
def docs(session: nox.Session) -> None:
    """Run the code in the documentation and check that the generated pages are current."""
    install_all(session, "test")
    session.run("pytest", "tests/docs", *session.posargs)


@nox.session(requires=["build"])
def template(session: nox.Session) -> None:
    """Make plugin packages from the template, for all that it offers, and run the tests of what comes out."""
    install_all(session, "test", "lint", "template")
    session.run("pytest", "tests/template", *session.posargs, env={"VMON_DIST": str(DIST)})


@nox.session
def vllm(session: nox.Session) -> None:
    """Run the end-to-end tests against a real vLLM on CPU; builds its environment once and keeps it."""
    install_all(session, "test")
    session.run("pytest", "tests/vllm", "-m", "vllm", *session.posargs, env=_real_vllm(session))


def _real_vllm(session: nox.Session) -> dict[str, str]:
    """Build the environment of the real vLLM where it is missing; tell the tests where it is."""
    # Only standard output is read: the builder tells its progress on standard error, since it may take minutes.
    out = session.run(sys.executable, "tools/vllm_env.py", external=True, silent=True, stderr=None)
    lines = str(out).strip().splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith("VMON_"))


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Watch a server start, serve, hang, recover and stop; `-- --real` does it with the real vLLM."""
    install_all(session)
    arguments = list(session.posargs)
    if "--real" in arguments:
        arguments.remove("--real")
        paths = _real_vllm(session)
        arguments += ["--real", paths["VMON_VLLM_BIN"], "--model", paths["VMON_TINY_MODEL"]]
    session.run("vmon", "demo", *arguments)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run the benchmarks; each prints its ratio to the obvious alternative."""
    install_all(session, "test")
    wanted = session.posargs or [p.stem for p in sorted(ROOT.glob("benchmarks/*.py"))]
    for name in wanted:
        session.log(f"benchmarks/{name}.py")
        session.run("python", f"benchmarks/{name}.py", env={"PYTHONDONTWRITEBYTECODE": "", **os.environ})


@nox.session(default=False)
def reference(session: nox.Session) -> None:
    """Write the generated pages of the reference anew."""
    install_all(session)
    session.run("python", "tools/generate_reference.py")
