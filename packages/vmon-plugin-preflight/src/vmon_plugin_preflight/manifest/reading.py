"""Read the containers that run vLLM from a manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from vmon_plugin_preflight.command.parse import parse
from vmon_plugin_preflight.command.problem import CommandProblem
from vmon_plugin_preflight.command.program import find_program
from vmon_plugin_preflight.command.table import VERSIONS
from vmon_plugin_preflight.regular import expands, read_regular

if TYPE_CHECKING:
    from vmon_plugin_preflight.command.arguments import Arguments

UNREADABLE = "manifest.unreadable"
MAX_BYTES = 1_000_000
"""Larger than any manifest."""

_IMAGES = ("vllm/vllm-openai", "vllm-openai")
"""Images whose entry point is `vllm serve`, so that `args` are its arguments."""


_ON_THE_WAY = (
    *("jobTemplate", "spec", "leaderWorkerTemplate", "leaderTemplate", "workerTemplate"),
    *("template", "spec", "predictor"),
)
"""What may lie between an object and the specification of its pods, from the outside in."""


@attrs.frozen(kw_only=True)
class Pod:
    """A pod with a container that runs vLLM.

    Attributes:
        name: of what makes the pod.
        spec: of the pod.
        container: the container.
        services: the names of the services in the same manifest.
    """

    name: str
    spec: Mapping[str, Any]
    container: Mapping[str, Any]
    services: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """The command line, with what the image adds."""
        words = [*_texts(self.container.get("command")), *_texts(self.container.get("args"))]
        if self.container.get("command") or words[:1] == ["vllm"]:
            return tuple(words)
        return ("vllm", "serve", *words)

    @property
    def environment(self) -> dict[str, str]:
        """The variables with a plain value."""
        entries = _mappings(self.container.get("env"))
        return {str(e["name"]): str(e["value"]) for e in entries if "name" in e and "value" in e}

    @property
    def arguments(self) -> Arguments | None:
        """The arguments of vLLM, None when they cannot be read."""
        try:
            parsed = parse(find_program(self.command).words, VERSIONS[-1], Path)
        except CommandProblem:
            return None
        return None if parsed.problem else parsed.arguments

    def probe(self, kind: str) -> Mapping[str, Any]:
        """A probe of the container, empty when there is none: `startupProbe`, `livenessProbe`, `readinessProbe`."""
        return _mapping(self.container.get(kind))


def read_pods(path: Path) -> list[Pod]:
    """Read a manifest.

    Args:
        path: a file with one or more YAML documents.

    Returns:
        The pods with vLLM in them.

    Raises:
        CommandProblem: it cannot be read.
    """
    documents = _documents(path)
    services = tuple(str(_mapping(d.get("metadata")).get("name", "")) for d in documents if d.get("kind") == "Service")
    return [pod for document in documents for pod in _pods(document, services)]


def _documents(path: Path) -> list[Mapping[str, Any]]:
    import yaml  # noqa: PLC0415 (only a manifest needs it)

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        found = list(yaml.load_all(read_regular(path, MAX_BYTES).decode(), Loader=loader))
    except (OSError, UnicodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        text = " ".join(str(error).split())
        raise CommandProblem(UNREADABLE, f"{path} cannot be read: {text}", refused=False) from error
    if expands(found):
        raise CommandProblem(UNREADABLE, f"{path} stands for too many values", refused=False)
    documents = [d for d in found if isinstance(d, dict)]
    return [item for d in documents for item in (_mappings(d.get("items")) if d.get("kind") == "List" else [d])]


def _pods(document: Mapping[str, Any], services: tuple[str, ...]) -> Iterator[Pod]:
    name = str(_mapping(document.get("metadata")).get("name", "")) or str(document.get("kind", "?"))
    spec = _pod_spec(document)
    for container in _mappings(spec.get("containers")):
        if _runs_vllm(container):
            yield Pod(name=name, spec=spec, container=container, services=services)


def _pod_spec(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The specification of the pod, wherever this kind of object has it."""
    spec = _mapping(document.get("spec"))
    for key in (
        "jobTemplate",
        "spec",
        "leaderWorkerTemplate",
        "leaderTemplate",
        "workerTemplate",
        "template",
        "spec",
        "predictor",
    ):
        inner = _mapping(spec.get(key))
        spec = inner if inner and "containers" not in spec else spec
    return spec


def _runs_vllm(container: Mapping[str, Any]) -> bool:
    words = [*_texts(container.get("command")), *_texts(container.get("args"))]
    image = str(container.get("image", "")).partition("@")[0].partition(":")[0]
    return any(image.endswith(name) for name in _IMAGES) or any("vllm" in word for word in words)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
