"""Every task of the project: `nox` runs all tests, `nox -s demo` the demo, `nox --list` names the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

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

ENDS = list(dict.fromkeys([PYTHONS[0], NEWEST]))
"""The oldest supported Python and the newest: what works on both works between them."""

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"  # the package index is all that a session may need
nox.options.error_on_missing_interpreters = False  # CI machines have some of the Pythons, not all
nox.options.sessions = ["lint", "types", "tests", "newest", "plugin_tests", "contract", "docs", "template", "vllm"]

SPELLED = ["src", "packages", "tests", "docs", "templates", "benchmarks", "tools", *map(str, ROOT.glob("*.md"))]
"""What is checked for spelling; recordings say what they say, and some tests misspell on purpose."""

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
    session.run("codespell", *SPELLED, "--skip", "*/traces/*", "--ignore-words-list", "intervall,jornal")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install_all(session, "lint", "test")
    session.run("mypy", "src", *(f"packages/{name}/src" for name in PACKAGES))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the core's tests and the examples in its docstrings, recorded traces included."""
    install_all(session, "test")
    session.run("pytest", "src", "tests", "-m", "not vllm", *session.posargs)


@nox.session(python=NEWEST)
def newest(session: nox.Session) -> None:
    """Run the core's tests on the newest Python of this machine."""
    if NEWEST == HERE:
        session.skip(f"session `tests` runs on {NEWEST}, and this machine has no newer one")
    install_all(session, "test")
    session.run("pytest", "src", "tests", "-m", "not vllm and not slow", *session.posargs)


@nox.session(python=ENDS)
@nox.parametrize("package", [nox.param(name, id=name, tags=[name]) for name in PACKAGES])
def plugin_tests(session: nox.Session, package: str) -> None:
    """Run the tests of one package, with the core from the tree, on the oldest and the newest Python."""
    install_all(session, "test")
    session.run("pytest", f"packages/{package}", *session.posargs)


@nox.session
def contract(session: nox.Session) -> None:
    """Install everything together and check that it fits: versions, and what every plugin promises."""
    install_all(session, "test")
    session.run("uv" if session.venv_backend == "uv" else "python", *_check(session), external=True)
    session.run("vmon", "plugins", "--strict")


def _check(session: nox.Session) -> list[str]:
    return ["pip", "check"] if session.venv_backend == "uv" else ["-m", "pip", "check"]


@nox.session
def docs(session: nox.Session) -> None:
    """Run the code in the documentation and check that the generated pages are current."""
    install_all(session, "test")
    session.run("pytest", "tests/docs", *session.posargs)


@nox.session
def template(session: nox.Session) -> None:
    """Bake the plugin template and run the tests of what comes out."""
    install_all(session, "test")
    session.install("cookiecutter")
    baked = Path(session.create_tmp())
    session.run("cookiecutter", "--no-input", "-f", "-o", str(baked), str(ROOT / "templates/plugin"))
    session.install("-e", str(baked / "vmon-plugin-example"))
    session.run("pytest", "-c", str(baked / "vmon-plugin-example/pyproject.toml"), str(baked / "vmon-plugin-example"))


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
