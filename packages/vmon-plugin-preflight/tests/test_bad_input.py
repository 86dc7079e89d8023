"""Whatever a command, a file or a folder holds, it ends in verdicts that can be shown, in time."""

from __future__ import annotations

import json
import os
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from vmon_core.plugin import LaunchRequest
from vmon_plugin_preflight.manifest.rules import check_manifest
from vmon_plugin_preflight.model import weights
from vmon_plugin_preflight.prediction import predict
from vmon_plugin_preflight.regular import read_regular
from vmon_plugin_preflight.verdicts import plain
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch
    from vmon_core.records import CompatibilityCheck

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_attention_heads": 4}
DEEP = 900
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
HUGE = "9" * 4000


def ask(root: Path, *words: str) -> dict[str, CompatibilityCheck]:
    """What is predicted of `vllm serve` with these words, by code; whatever is told can be shown."""
    request = LaunchRequest(command=("vllm", "serve", *words), environment={}, directory=root, patience=60.0)
    found = predict(request, (), root)
    for check in found:
        text = f"{check.summary}{check.fix}{''.join(check.evidence)}"
        assert text.isprintable(), check
        assert len(text) < 10_000, check
        assert "the rule failed" not in text, check
    return {check.code: check for check in found}


def model(root: Path, config: object, **files: str) -> None:
    """Write a model to the folder `/m` of the machine."""
    write_tree(root / "m", {"config.json": json.dumps(config), **files})


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({**LLAMA, "rope_scaling": {"rope_type": [], "factor": 2}}, id="rope"),
        pytest.param({**LLAMA, "architectures": ["\udfff\x1b[31m", "x" * 100_000, *("Y" * 50_000)]}, id="names"),
        pytest.param({**LLAMA, "hidden_size": 10**300, "num_hidden_layers": 10**300}, id="numbers"),
    ],
)
def test_a_configuration_of_nonsense(tmp_path: Path, config: object) -> None:
    """Types, sizes and characters that nobody expects."""
    model(tmp_path, config)
    assert "model.config" in ask(tmp_path, "/m")


def test_a_configuration_inside_of_itself(tmp_path: Path) -> None:
    """Parts of parts of parts."""
    text = '{"text_config":' * DEEP + "{}" + "}" * DEEP
    write_tree(tmp_path / "m", {"config.json": text})
    assert "model.config" in ask(tmp_path, "/m")


@pytest.mark.parametrize("shape", [[10**4000], [10**18] * 200])
def test_a_tensor_larger_than_any_file(tmp_path: Path, shape: list[int]) -> None:
    """The header lies."""
    header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 8]}}).encode()
    model(tmp_path, LLAMA)
    (tmp_path / "m/model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    assert "larger than any file" in ask(tmp_path, "/m")["model.damaged"].summary


def test_a_layer_with_an_endless_number(tmp_path: Path) -> None:
    """Its name is no layer's."""
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    header = json.dumps({f"model.layers.{HUGE}9999.x": entry}).encode()
    model(tmp_path, LLAMA)
    (tmp_path / "m/model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    assert "model.tensors" in ask(tmp_path, "/m")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json", "tokenizer_config.json"])
def test_a_pipe_is_not_read(tmp_path: Path, name: str) -> None:
    """Its reading would wait for a writer."""
    model(tmp_path, LLAMA, **{"model.safetensors": "", "tokenizer.json": "{}"})
    (tmp_path / "m" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "m" / name)
    assert ask(tmp_path, "/m")


def test_pipes_as_options(tmp_path: Path) -> None:
    """VLLM would read a configuration from a pipe, so nothing is said about it."""
    model(tmp_path, LLAMA)
    os.mkfifo(tmp_path / "p.yaml")
    assert str(ask(tmp_path, "/m", "--config", "/p.yaml")["arguments.config_file"].verdict) == "not_evaluated"
    assert "serving.tls" in ask(tmp_path, "/m", "--ssl-certfile", "/p.yaml")


def test_a_device_has_no_end(tmp_path: Path) -> None:
    """Nor is it read up to the limit."""
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="no regular file"):
        read_regular(tmp_path / "zero", 1)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["x" * 100_000], id="model"),
        pytest.param(["/m", "--" + "x" * 100_000], id="option"),
        pytest.param(["/m", "--port", HUGE * 20], id="port"),
        pytest.param(["/m", "--max-model-len", HUGE], id="integer"),
        pytest.param(["/m", "--max-model-len", "9" * 400 + ".5k"], id="float"),
        pytest.param(["/m", "--hf-overrides" + ".a" * 20_000, "1"], id="dots"),
        pytest.param(["/m", "--hf-overrides", '{"a":' * 20_000 + "1" + "}" * 20_000], id="json"),
        pytest.param(["/m", os.fsdecode(b"--\xff=\xfe")], id="bytes"),
        pytest.param(["/m", "--help"], id="help"),
    ],
)
def test_words_of_nonsense(tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """They end in a verdict, and nothing else is printed."""
    model(tmp_path, LLAMA)
    assert ask(tmp_path, *words)
    assert capsys.readouterr() == ("", "")


def test_a_document_that_grows_is_given_up(tmp_path: Path) -> None:
    """A billion values out of a few hundred bytes, as options and as a manifest."""
    write_tree(tmp_path, {"b.yaml": f"{BOMB}port: *i\n"})
    assert "too many values" in ask(tmp_path, "/m", "--config", "/b.yaml")["arguments.config_file"].summary
    (check,) = check_manifest(tmp_path / "b.yaml")
    assert "too many values" in check.summary


def test_a_manifest_with_an_endless_sleep(tmp_path: Path) -> None:
    """How long it takes cannot be read."""
    hook = {"preStop": {"exec": {"command": ["sh", "-c", f"sleep {HUGE}9999"]}}}
    pod = {"kind": "Pod", "spec": {"containers": [{"image": "vllm/vllm-openai", "args": ["m"], "lifecycle": hook}]}}
    write_tree(tmp_path, {"m.yaml": json.dumps(pod)})
    found = {check.code: str(check.verdict) for check in check_manifest(tmp_path / "m.yaml")}
    assert found["manifest.shutdown"] == "not_evaluated"


def test_a_value_behind_a_misspelt_option_is_not_shown(make_launch: MakeLaunch) -> None:
    """It may be a secret."""
    from vmon_plugin_preflight.rules.arguments import unknown  # noqa: PLC0415 (the only test that needs it)

    launch = make_launch("m", "--api-keyy", "s3cret", "--hf-tokn=s3cret")
    found = repr(list(unknown.run(launch)))
    assert "--hf-tokn" in found
    assert "s3cret" not in found


def test_a_value_of_an_ambiguous_option_is_not_shown(tmp_path: Path) -> None:
    """Likewise."""
    found = ask(tmp_path, "/m", "--api=s3cret")
    assert "--api could match" in found["arguments.ambiguous"].summary
    assert "s3cret" not in repr(found)


def test_a_file_system_that_hangs_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its headers are told to be unread, and the threads that wait for it do not keep Python from its end."""
    gate = threading.Event()
    monkeypatch.setattr(weights, "_PATIENCE", 0.05)
    monkeypatch.setattr(weights, "_read", lambda _: gate.wait() and "late")
    write_tree(tmp_path, {"model.safetensors": ""})
    found = weights.read_weights(tmp_path)
    waiting = [thread for thread in threading.enumerate() if thread.name == "vmon-headers"]
    gate.set()
    assert found.unread == ("model.safetensors",)
    assert all(thread.daemon for thread in waiting)
    for thread in waiting:
        thread.join()


def test_what_is_shown_has_an_end() -> None:
    """A megabyte is cut."""
    assert plain("x" * 1_000_000).endswith("... (1000000 characters)")


def test_a_generation_config_that_is_nowhere(tmp_path: Path) -> None:
    """VLLM takes its path for a repository of the hub, and its own words for what they are."""
    model(tmp_path, LLAMA)
    assert str(ask(tmp_path, "/m", "--generation-config", "/no/such")["model.location"].verdict) == "failure"
    assert str(ask(tmp_path, "/m", "--generation-config", "vllm")["model.location"].verdict) == "ok"
