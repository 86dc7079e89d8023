"""The model of one launch with all that its files tell; each file is read once, when a rule first asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from vmon_plugin_preflight.model.config import ConfigError, ModelConfig, merge, read_json
from vmon_plugin_preflight.model.location import Location, Place, is_offline, locate
from vmon_plugin_preflight.model.registry import Registry
from vmon_plugin_preflight.model.weights import Weights, read_weights

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_plugin_preflight.launch import Launch


class Subject:
    """What `launch` would serve.

    Attributes:
        launch: the launch.
        problem: why there is no `config`, "" while nobody asked or all is well.
        damaged: whether the configuration is there and cannot be understood.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.problem = ""
        self.damaged = False

    @cached_property
    def location(self) -> Location:
        """Where the model's files are."""
        launch = self.launch
        return locate(launch.model, launch.arguments.get("revision", str), launch.environment, launch.path)

    @cached_property
    def config_location(self) -> Location:
        """Where its configuration is, which may be another model's."""
        launch, path = self.launch, self.launch.arguments.get("hf_config_path", str)
        if not path:
            return self.location
        return locate(path, launch.arguments.get("revision", str), launch.environment, launch.path)

    @cached_property
    def tokenizer_location(self) -> Location:
        """Where its tokenizer is, which may be another model's."""
        launch, name = self.launch, self.launch.arguments.get("tokenizer", str)
        if not name or name == launch.model:
            return self.location
        return locate(name, launch.arguments.get("tokenizer_revision", str), launch.environment, launch.path)

    @cached_property
    def mistral(self) -> bool:
        """Whether vLLM would read the files that Mistral's own software reads, and not those of Transformers."""
        folder = self.config_location.folder
        given = self.launch.arguments.get("config_format", str) or "auto"
        if given != "auto" or folder is None:
            return given == "mistral"
        return (folder / "params.json").is_file() and any(folder.glob("consolidated*.safetensors"))

    @cached_property
    def config(self) -> ModelConfig | None:
        """The configuration, with what the command line overrides; None when `problem` says why."""
        folder = self.config_location.folder
        if folder is None or self.config_location.place is Place.FILE:
            self.problem = "the model's files are not on this machine"
        elif self.mistral:
            self.problem = "vmon does not read the configurations of Mistral's own format"
        else:
            return self._read(folder)
        return None

    def _read(self, folder: Path) -> ModelConfig | None:
        """Read `config.json`, and the quantization that older ModelOpt wrote next to it."""
        try:
            document: dict[str, Any] = read_json(folder / "config.json")
            extra = folder / "hf_quant_config.json"
            if "quantization_config" not in document and extra.is_file():
                document["quantization_config"] = read_json(extra)
        except (ConfigError, OSError) as error:
            partial = self.config_location.place is Place.CACHED and not is_offline(self.launch.environment)
            self.problem, self.damaged = str(error), not (partial and isinstance(error, FileNotFoundError))
            return None
        return ModelConfig(merge(document, self.launch.arguments.get("hf_overrides", dict) or {}))

    @cached_property
    def load_format(self) -> str:
        """How the weights are to be loaded."""
        return (self.launch.arguments.get("load_format", str) or "auto").lower()

    @cached_property
    def weights(self) -> Weights | None:
        """The weight files; None when they are not on this machine."""
        place, folder = self.location.place, self.location.folder
        if folder is None or place not in {Place.FOLDER, Place.CACHED}:
            return None
        return read_weights(folder, self.load_format)

    @cached_property
    def registry(self) -> Registry | None:
        """What the vLLM that will run knows; None when it was not found."""
        package = self.launch.installation.package
        return None if package is None else Registry(package.parent)
