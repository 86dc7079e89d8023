"""Rules about where the model is, whether its files are there and whether they are whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vmon_plugin_preflight.model.location import Location, Place, is_offline, locate
from vmon_plugin_preflight.regular import read_regular
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch
    from vmon_plugin_preflight.model.subject import Subject
    from vmon_plugin_preflight.model.weights import Weights

_DEFAULT_LOADER = {"auto", "hf", "safetensors", "fastsafetensors", "instanttensor", "mistral", "pt", "npcache"}
_OTHER_LOADERS = {
    "dummy",
    "ipc_cache",
    "modelexpress",
    "runai_streamer",
    "runai_streamer_sharded",
    "sharded_state",
    "tensorizer",
}
_SHOWN = 3  # files that a message names
_LARGEST = 64 << 20  # bytes of a tokenizer's configuration
_PARSED = 2 << 20  # bytes of a JSON file that are parsed as a whole; of a larger one only the ends are looked at


@rule("model.location")
def location(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The model must be on this machine, or be allowed to come from the network."""
    subject = launch.subject
    yield _located("model.location", subject.location, launch, "the model")
    if subject.config_location is not subject.location:
        yield _located("model.location", subject.config_location, launch, "--hf-config-path")
    generation = launch.arguments.get("generation_config", str)
    if generation not in {None, "", "auto", "vllm"}:
        found = locate(str(generation), None, launch.environment, launch.path)
        if found.place is Place.INVALID:
            yield _located("model.location", found, launch, "--generation-config")


def _located(code: str, found: Location, launch: Launch, what: str) -> CompatibilityCheck:
    """Say where something is."""
    match found.place:
        case Place.FOLDER | Place.CACHED:
            return ok(code, f"{what} is in {found.folder}", found.detail)
        case Place.INVALID:
            return failure(
                code, f"{what}: {found.detail}", fix="correct the path; vLLM takes it for a repository of the hub"
            )
        case Place.ABSENT if is_offline(launch.environment):
            summary = f"{what} {found.name} is not in the cache, and the environment forbids to download it"
            return failure(code, summary, found.detail, fix=f"hf download {found.name}, or unset HF_HUB_OFFLINE")
        case Place.ABSENT:
            return not_evaluated(code, f"{what} {found.name} would be downloaded", found.detail)
        case Place.FILE:
            return _single_file(code, found, launch, what)
    return not_evaluated(code, f"{what} {found.name} is in {found.detail}")


def _single_file(code: str, found: Location, launch: Launch, what: str) -> CompatibilityCheck:
    """Say that vLLM itself takes folders; a plugin may take files, such as GGUF."""
    registry = launch.subject.registry
    if registry is None or registry.plugins:
        return not_evaluated(code, f"{what} is {found.detail}, which only a plugin of vLLM could take")
    return failure(
        code, f"{what} is {found.detail}, and vLLM takes folders", fix="give the folder that holds config.json"
    )


@rule("model.load_format")
def load_format(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The way to load must be one that vLLM has."""
    chosen = launch.subject.load_format
    if chosen in _DEFAULT_LOADER | _OTHER_LOADERS:
        return
    registry = launch.subject.registry
    if registry is None or registry.plugins or not launch.arguments.known:
        yield not_evaluated("model.load_format", f"{chosen} is no format of vLLM 0.32; a plugin may add it")
        return
    formats = ", ".join(sorted(_DEFAULT_LOADER | _OTHER_LOADERS))
    yield failure("model.load_format", f"vLLM cannot load the format {chosen}", fix=f"--load-format, one of {formats}")


@rule("model.weights", "model.shards", "model.damaged")
def weights(launch: Launch) -> Iterator[CompatibilityCheck]:
    """All weight files must be there and whole."""
    subject = launch.subject
    if subject.load_format not in _DEFAULT_LOADER:
        yield not_evaluated("model.weights", f"--load-format {subject.load_format} looks for weights in its own way")
    elif subject.weights is None:
        yield not_evaluated("model.weights", "the weights are not on this machine")
    else:
        yield from _judge(subject, subject.weights)


def _judge(subject: Subject, found: Weights) -> Iterator[CompatibilityCheck]:
    """Say whether the files can be loaded."""
    if not found.files and not found.missing:
        yield _nothing(subject, found)
        return
    sizes = f"{len(found.files)} files, {sum(found.files.values()) / 2**30:.2f} GiB"
    yield ok("model.weights", f"{sizes} of weights", f"in {found.folder}")
    if found.unusable:
        yield failure("model.shards", found.unusable, fix="download the index again")
    elif found.missing:
        yield _missing(subject, found)
    elif found.index:
        yield ok("model.shards", f"every file that the index names is there ({len(found.files)})")
    if found.damaged:
        yield _damaged(found)
    elif found.headers:
        yield ok("model.damaged", f"the headers of {len(found.headers)} files are well", *_unread(found))
    elif found.unread:
        yield not_evaluated("model.damaged", "no header could be read in time", *_unread(found))


def _nothing(subject: Subject, found: Weights) -> CompatibilityCheck:
    """There are no weights: fatal for a folder; a cache may still be filled."""
    summary = f"{found.folder} holds no weights for --load-format {subject.load_format}"
    if subject.location.place is Place.CACHED and not is_offline(subject.launch.environment):
        return not_evaluated("model.weights", f"{summary}; they would be downloaded")
    return failure("model.weights", summary, fix="download the weights, or --load-format dummy for random ones")


def _missing(subject: Subject, found: Weights) -> CompatibilityCheck:
    """A file that the index names is not there."""
    summary = f"{len(found.missing)} of {len(set(found.index.values()))} files of the index are missing"
    if subject.location.place is Place.CACHED and not is_offline(subject.launch.environment):
        return not_evaluated("model.shards", f"{summary}; they would be downloaded", _few(found.missing))
    return failure("model.shards", summary, _few(found.missing), fix=f"download {found.missing[0]} again")


def _damaged(found: Weights) -> CompatibilityCheck:
    """A file is not what it should be."""
    reasons = [f"{name} {reason}" for name, reason in found.damaged.items()]
    summary = f"{len(reasons)} of {len(found.files)} files are damaged: {reasons[0]}"
    return failure(
        "model.damaged", summary, *reasons[1:_SHOWN], *_unread(found), fix=f"download {next(iter(found.damaged))} again"
    )


def _unread(found: Weights) -> Iterable[str]:
    """What was not looked at."""
    if found.unread:
        yield f"{len(found.unread)} of {len(found.files)} headers were not read: a sample must do within a second"


def _few(names: tuple[str, ...]) -> str:
    """Name a few files.

    >>> _few(("a", "b", "c", "d"))
    'a, b, c and 1 more'
    """
    shown = ", ".join(names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


@rule("model.tokenizer")
def tokenizer(launch: Launch) -> Iterator[CompatibilityCheck]:
    """There must be a tokenizer, unless it is not wanted."""
    subject, code = launch.subject, "model.tokenizer"
    if launch.arguments.get("skip_tokenizer_init", bool):
        yield ok(code, "--skip-tokenizer-init: none is needed")
        return
    found = subject.tokenizer_location
    if found.place not in {Place.FOLDER, Place.CACHED}:
        if found is not subject.location:
            yield _located(code, found, launch, "the tokenizer")
        return
    yield from _tokenizer_files(code, found, launch)


_TOKENIZERS = (
    "tokenizer.json",
    "*.model",
    "vocab.json",
    "vocab.txt",
    "*.tiktoken",
    "tekken.json",
    "*.tekken.json",
    "vocab.*",
)


def _tokenizer_files(code: str, found: Location, launch: Launch) -> Iterator[CompatibilityCheck]:
    """Look for the files that tokenizers are made of."""
    folder = found.folder
    if folder is None:
        return
    files = [path for pattern in _TOKENIZERS for path in sorted(folder.glob(pattern)) if path.is_file()]
    if not files:
        special = (folder / "tokenizer_config.json").is_file() or any(folder.glob("tokenization_*.py"))
        if special:
            yield not_evaluated(code, f"{folder} has a tokenizer of its own kind, without a vocabulary")
        elif found.place is Place.CACHED and not is_offline(launch.environment):
            yield not_evaluated(code, "the tokenizer would be downloaded")
        else:
            yield failure(code, f"{folder} holds no tokenizer", fix="--tokenizer FOLDER, or --skip-tokenizer-init")
        return
    broken = [path.name for path in files if not _is_whole(path)]
    if broken:
        yield failure(
            code, f"{', '.join(broken)} in {folder} cannot be read as what it should be", fix="download it again"
        )
    else:
        yield ok(code, f"{files[0].name} in {folder}")


def _is_whole(path: Path) -> bool:
    """Whether a file may be what its name says: an empty one is not, nor a pointer of Git LFS in place of JSON."""
    size = path.stat().st_size
    if path.suffix != ".json" or size == 0:
        return size > 0
    if size <= _PARSED:
        try:
            return isinstance(json.loads(path.read_bytes()), dict)
        except (ValueError, RecursionError):
            return False
    with path.open("rb") as file:
        begin = file.read(64).lstrip()
        file.seek(-64, 2)
        return begin.startswith(b"{") and file.read().rstrip().endswith(b"}")


@rule("model.chat_template")
def chat_template(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Without a template, vLLM starts and refuses chat requests, which only some models are for."""
    folder = launch.subject.tokenizer_location.folder
    if (
        launch.arguments.get("chat_template", str)
        or launch.arguments.get("skip_tokenizer_init", bool)
        or folder is None
    ):
        return
    if any(folder.glob("chat_template*")) or any(folder.glob("tekken.json")):
        return
    try:
        template = b'"chat_template"' in read_regular(folder / "tokenizer_config.json", _LARGEST)
    except OSError:
        template = False
    if not template:
        yield ok("model.chat_template", "there is no chat template: /v1/chat/completions will answer with an error")


RULES = (location, load_format, weights, tokenizer, chat_template)
