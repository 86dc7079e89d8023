"""Rules about the API server: parsers, templates, certificates, adapters, and what it opens to whom."""

from __future__ import annotations

import glob
import os
import sys
from typing import TYPE_CHECKING

from vmon_plugin_preflight.model.location import Place, locate
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

_TEMPLATE_MARKS = frozenset("{}\n")
"""What has one of these is a template itself and not a path, to vLLM."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@rule("serving.tool_parser")
def tool_parser(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Automatic tool choice needs a parser that exists."""
    code, name = "serving.tool_parser", launch.arguments.get("tool_call_parser", str)
    if not launch.arguments.get("enable_auto_tool_choice", bool):
        return
    known = launch.arguments.table.tool_parsers
    if not name:
        fix = "--tool-call-parser hermes, or that of the model's family"
        yield failure(code, "--enable-auto-tool-choice needs --tool-call-parser", fix=fix)
    else:
        yield _named(launch, code, "tool_call_parser", name, known, "tool_parser_plugin")


@rule("serving.reasoning_parser")
def reasoning_parser(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A parser of reasoning must exist."""
    name = launch.arguments.get("reasoning_parser", str)
    if name:
        known = launch.arguments.table.reasoning_parsers
        yield _named(launch, "serving.reasoning_parser", "reasoning_parser", name, known, "reasoning_parser_plugin")


def _named(  # noqa: PLR0913, PLR0917 (each is another thing, and there are two callers)
    launch: Launch, code: str, dest: str, name: str, known: tuple[str, ...], plugin: str
) -> CompatibilityCheck:
    flag = launch.arguments.flag(dest)
    if name in known:
        return ok(code, f"{flag} {name} is built in")
    if launch.arguments.get(plugin, str):
        return not_evaluated(code, f"whether the plugin of {launch.arguments.flag(plugin)} has {name!r} cannot be seen")
    if not launch.arguments.known:
        return not_evaluated(code, f"nobody recorded whether this version has {flag} {name}")
    return failure(code, f"{flag} {name} is none of the built-in ones", fix=f"{flag} {'|'.join(known)}")


@rule("serving.chat_template")
def chat_template(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A chat template that looks like a path must be there."""
    code, given = "serving.chat_template", launch.arguments.get("chat_template", str)
    if not given or _TEMPLATE_MARKS & set(given):
        return
    package = launch.installation.package
    built_in = package and (package / "transformers_utils/chat_templates" / given).is_file()
    if launch.path(given).exists() or built_in:
        yield ok(code, f"the chat template {given} is there")
    else:
        yield failure(code, f"--chat-template {given} is no file here", fix="correct the path")


@rule("serving.tls")
def tls(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Certificate and key must be there, and readable."""
    for dest in ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs"):
        name = launch.arguments.get(dest, str)
        if not name:
            continue
        flag = launch.arguments.flag(dest)
        try:
            if not launch.path(name).is_fifo():  # whose opening waits for a writer
                launch.path(name).open("rb").close()
        except OSError as error:
            yield failure("serving.tls", f"{flag} {name}: {error.strerror}", fix=f"correct the path of {flag}")
        else:
            yield ok("serving.tls", f"{flag} {name} is readable")
    if launch.arguments.get("ssl_keyfile", str) and not launch.arguments.get("ssl_certfile", str):
        yield warning(
            "serving.tls", "--ssl-keyfile without --ssl-certfile serves plain HTTP", fix="--ssl-certfile FILE"
        )


@rule("serving.lora")
def lora(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The folders of adapters must hold one; names of a hub cannot be looked at."""
    for module in launch.arguments.get("lora_modules", list) or ():
        name, path = str(module.get("name", "")), str(module.get("path", ""))
        yield _adapter(launch, name, path)
    if launch.arguments.given("lora_modules") and not launch.arguments.get("enable_lora", bool):
        yield failure("serving.lora", "--lora-modules needs --enable-lora", fix="--enable-lora")


def _adapter(launch: Launch, name: str, path: str) -> CompatibilityCheck:
    code, folder = "serving.lora", launch.path(path)
    if (folder / "adapter_config.json").is_file():
        return ok(code, f"adapter {name} is in {path}")
    if folder.is_dir():
        return failure(code, f"{path} of adapter {name} has no adapter_config.json", fix="give the adapter's folder")
    if path.startswith(("/", ".", "~")):
        return failure(code, f"{path} of adapter {name} is no folder here", fix="correct the path")
    return not_evaluated(code, f"whether adapter {name} ({path}) can be had needs the network")


_WITH_DRAFT = (None, "draft_model", "eagle", "eagle3")


@rule("serving.speculative")
def speculative(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Speculation by n-grams needs the number of tokens; a draft model may tell it itself."""
    given = launch.arguments.get("speculative_config", dict)
    if given is None:
        return
    if given.get("method") in _WITH_DRAFT and isinstance(given.get("model"), str):
        draft = locate(given["model"], None, launch.environment, launch.path)
        if draft.place is Place.INVALID and draft.name != "[ngram]":  # which vLLM takes for a method
            yield failure("serving.speculative", f"the draft model: {draft.detail}", fix="correct its path")
    if given.get("method") in {"ngram", "ngram_gpu"}:
        code, number = "serving.speculative", given.get("num_speculative_tokens")
        if not isinstance(number, int) or number < 1:
            fix = "--speculative-config.num_speculative_tokens 3"
            yield failure(code, "--speculative-config needs num_speculative_tokens of at least 1", fix=fix)
        else:
            yield ok(code, f"{number} tokens are speculated on")


@rule("serving.connector")
def connector(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A KV connector must be built in, or say which module it is in."""
    given = launch.arguments.get("kv_transfer_config", dict)
    if given is None:
        return
    name, known = given.get("kv_connector"), launch.arguments.table.kv_connectors
    if name in known:
        yield ok("serving.connector", f"the KV connector {name} is built in")
    elif given.get("kv_connector_module_path") or not launch.arguments.known or name is None:
        yield not_evaluated("serving.connector", f"the KV connector {name} comes from elsewhere")
    else:
        fix = f"--kv-transfer-config.kv_connector {'|'.join(known)}"
        yield failure("serving.connector", f"there is no KV connector {name!r}", fix=fix)


_EXECUTORS = ("mp", "ray", "uni", "external_launcher")


@rule("serving.executor")
def executor(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Ray must be installed next to vLLM when it is to start the workers; an own class is given with its module."""
    package = launch.installation.package
    given = launch.arguments.get("distributed_executor_backend", str)
    if given and given not in _EXECUTORS and "." not in given and launch.arguments.known:
        summary = f"there is no executor {given!r}, and it is no MODULE.CLASS"
        yield failure("serving.executor", summary, fix=f"--distributed-executor-backend {'|'.join(_EXECUTORS)}")
    if launch.arguments.get("distributed_executor_backend", str) != "ray" or package is None:
        return
    if (package.parent / "ray").is_dir():
        yield ok("serving.executor", "Ray is installed next to vLLM")
    else:
        fix = "install ray in vLLM's environment, or --distributed-executor-backend mp"
        yield failure("serving.executor", "Ray is not installed next to vLLM", fix=fix)


_CLASSES = ("logits_processors", "worker_cls", "worker_extension_cls", "scheduler_cls")


@rule("serving.middleware")
def middleware(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The module of a middleware is imported when the model is loaded already."""
    for name in launch.arguments.get("middleware", list) or ():
        yield _importable(launch, "serving.middleware", "--middleware", str(name))


@rule("serving.classes")
def classes(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Classes that take the place of vLLM's own are imported by the engine or its workers, after half a minute."""
    for dest in _CLASSES:
        if launch.arguments.given(dest):
            given = launch.arguments.get(dest, object)
            for name in given if isinstance(given, list) else [given]:
                yield _importable(launch, "serving.classes", launch.arguments.flag(dest), str(name))


def _importable(launch: Launch, code: str, flag: str, name: str) -> CompatibilityCheck:
    """Whether Python would find the module of `name`, which is written `module.Thing` or `module:Thing`."""
    package, top = launch.installation.package, name.partition(":")[0].partition(".")[0]
    if package is None or any(package.parent.glob("__editable__*")):
        return not_evaluated(code, f"where {flag} {name} would come from cannot be seen")
    if top in sys.stdlib_module_names or any(_has_module(p, top) for p in _import_path(launch, package.parent)):
        return ok(code, f"there is a module {top} for {flag} {name}")
    fix = "install it in vLLM's environment, or name its folder in PYTHONPATH"
    return failure(code, f"no module {top} for {flag} {name}", fix=fix)


def _import_path(launch: Launch, site: Path) -> list[Path]:
    """Where Python would look: vLLM's environment, PYTHONPATH, and perhaps the working directory."""
    named = launch.environment.get("PYTHONPATH", "").split(os.pathsep)
    return [site, launch.path("."), *(launch.path(folder) for folder in named if folder)]


def _has_module(folder: Path, name: str) -> bool:
    return (folder / name).is_dir() or any(folder.glob(f"{glob.escape(name)}.*"))


@rule("serving.headless")
def headless(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A node without an API server serves nobody by itself."""
    none = launch.arguments.get("api_server_count", int) == 0
    if none or launch.arguments.get("headless", bool):
        words = "--api-server-count 0" if none else "--headless"
        summary = f"{words}: this command starts no API server, and nothing gets ready before another node has one"
        yield warning("serving.headless", summary, fix=f"remove {words} where this is the only node")


@rule("serving.exposed")
def exposed(launch: Launch) -> Iterator[CompatibilityCheck]:
    """What is open to everybody who reaches the port."""
    if launch.arguments.get("uds", str) or (launch.arguments.get("host", str) or "") in _LOOPBACK:
        return
    fix = "--host 127.0.0.1 behind a proxy, or a network policy"
    for name in ("VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
        if launch.switch(name):
            yield warning("serving.exposed", f"{name} opens control to everybody who reaches the port", fix=fix)
    if launch.arguments.given("api_key") or launch.environment.get("VLLM_API_KEY"):
        summary = "the API key guards /v1, /v2 and /inference only: /metrics, /invocations and others stay open"
        yield warning("serving.exposed", summary, fix=fix)


@rule("serving.statistics")
def statistics(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Without its statistics a server cannot be watched."""
    if launch.arguments.get("disable_log_stats", bool):
        summary = "--disable-log-stats takes nearly all metrics away: a hang is seen late, load not at all"
        yield warning("serving.statistics", summary, fix="remove --disable-log-stats")


RULES = (
    tool_parser,
    reasoning_parser,
    chat_template,
    tls,
    lora,
    speculative,
    connector,
    executor,
    middleware,
    classes,
    headless,
    exposed,
    statistics,
)
