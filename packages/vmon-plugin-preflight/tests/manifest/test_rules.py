"""What is said about Kubernetes manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vmon_core.plugin import LaunchRequest
from vmon_plugin_preflight.manifest.reading import read_pods
from vmon_plugin_preflight.manifest.rules import CODES, check_manifest
from vmon_plugin_preflight.prediction import predict

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {
    "image": "vllm/vllm-openai:v0.32.0",
    "args": ["m", "-tp", "2", "--shutdown-timeout", "60"],
    "startupProbe": {"periodSeconds": 10, "failureThreshold": 90},
    "livenessProbe": {"timeoutSeconds": 5, "failureThreshold": 3},
    "lifecycle": {"preStop": {"exec": {"command": ["sleep", "15"]}}},
    "volumeMounts": [{"mountPath": "/dev/shm", "name": "shm"}],  # noqa: S108 (a path in a pod)
}
"""A container in which everything is in order."""


def manifest(folder: Path, spec: dict[str, Any] | None = None, service: str = "llm", **container: Any) -> Path:
    """Write a deployment and a service; what is given differs from the good one, None leaves out."""
    changed = {k: v for k, v in (GOOD | container).items() if v is not None}
    pod = {"terminationGracePeriodSeconds": 120, "containers": [{"name": "sidecar"}, changed], **(spec or {})}
    deployment = {"kind": "Deployment", "metadata": {"name": "llm"}, "spec": {"template": {"spec": pod}}}
    file = folder / "m.yaml"
    file.write_text(yaml.safe_dump_all([deployment, {"kind": "Service", "metadata": {"name": service}}]))
    return file


def found(path: Path) -> dict[str, str]:
    """Codes and verdicts that are not ok."""
    return {c.code: str(c.verdict) for c in check_manifest(path) if str(c.verdict) != "ok"}


def test_a_good_one_is_in_order(tmp_path: Path) -> None:
    """Every rule has looked at it."""
    checks = check_manifest(manifest(tmp_path))
    assert {c.code: str(c.verdict) for c in checks} == dict.fromkeys(set(CODES) - {"manifest.unreadable"}, "ok")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"startupProbe": {"failureThreshold": 6}}, {"manifest.startup": "warning"}),
        ({"startupProbe": None}, {"manifest.startup": "warning"}),
        ({"startupProbe": None, "livenessProbe": None}, {}),
        ({"spec": {"terminationGracePeriodSeconds": 60}}, {"manifest.shutdown": "warning"}),
        ({"lifecycle": {"preStop": {"sleep": {"seconds": 90}}}}, {"manifest.shutdown": "warning"}),
        ({"lifecycle": {"preStop": {"httpGet": {"path": "/"}}}}, {"manifest.shutdown": "not_evaluated"}),
        ({"livenessProbe": {"periodSeconds": 10}}, {"manifest.liveness": "warning"}),
        ({"volumeMounts": None}, {"manifest.shared_memory": "failure"}),
        ({"volumeMounts": None, "spec": {"hostIPC": True}}, {}),
        ({"volumeMounts": None, "args": ["m"]}, {}),
        ({"service": "vllm"}, {"manifest.service_name": "failure"}),
        ({"service": "vllm", "spec": {"enableServiceLinks": False}}, {}),
        (
            {"command": ["sh", "-c", "vllm serve m"]},
            {"manifest.shutdown": "not_evaluated", "manifest.shared_memory": "not_evaluated"},
        ),
    ],
)
def test_what_does_not_add_up(tmp_path: Path, change: dict[str, Any], expected: dict[str, str]) -> None:
    """Each defect alone."""
    assert found(manifest(tmp_path, **change)) == expected


@pytest.mark.parametrize("text", ["", "a: [", "\x00", "- 1", "kind: Deployment", "kind: List\nitems: 3"])
def test_what_is_no_manifest_could_not_be_told(tmp_path: Path, text: str) -> None:
    """Empty, broken, or of another kind."""
    file = tmp_path / "m.yaml"
    file.write_text(text)
    assert found(file) == {"manifest.unreadable": "not_evaluated"}


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    """Nor one that is not there."""
    file = tmp_path / "m.yaml"
    with file.open("wb") as big:
        big.truncate(5_000_000)
    assert found(file) == found(tmp_path / "none") == {"manifest.unreadable": "not_evaluated"}


@pytest.mark.parametrize("path", [["spec"], ["spec", "jobTemplate", "spec", "template", "spec"], ["spec", "predictor"]])
def test_pods_are_found_wherever_they_are(tmp_path: Path, path: list[str]) -> None:
    """In a pod, a cron job, an inference service; also in a list."""
    inner: Any = {"containers": [GOOD]}
    for key in reversed(path):
        inner = {key: inner}
    file = tmp_path / "m.yaml"
    file.write_text(yaml.safe_dump({"kind": "List", "items": [{"kind": "Any", **inner}]}))
    (pod,) = read_pods(file)
    assert pod.command[:3] == ("vllm", "serve", "m")


def test_a_manifest_alone_is_enough(tmp_path: Path) -> None:
    """Without a command, nothing is said about this machine."""
    request = LaunchRequest(command=(), environment={}, directory=tmp_path, manifest=manifest(tmp_path))
    assert {c.code.partition(".")[0] for c in predict(request, (), tmp_path)} == {"manifest"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "x"]), inner, max_size=4),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON))
def test_no_container_breaks_it(tmp_path: Path, container: dict[str, Any]) -> None:
    """Whatever stands in the fields, there is a verdict."""
    assert check_manifest(manifest(tmp_path, **container))
