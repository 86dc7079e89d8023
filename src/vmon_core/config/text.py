"""The configuration written out: the explained default file, and the one in force."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from enum import Enum, IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.config.model import Config, GuardrailConfig, PluginsConfig
from vmon_core.config.options import Duration, Pause, Size, write_duration, write_size
from vmon_core.redaction import redact_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTRODUCTION = """\
The configuration of vmon, with every setting at its default.
The first of these files is read: --config FILE, $VMON_CONFIG, ./vmon.toml, vmon.toml in the user's config folder.
Durations are written as "250ms", "5s", "2m", "1h" or "30d", sizes as "200MB" or "1GiB"."""

_PLUGIN_TABLES = """
# A plugin's settings stand in a table of its own. Secrets are named rather than written.
# [plugins.NAME]
# token = { env = "TOKEN" }
# password = { file = "/run/secrets/password" }
"""


def default_text() -> str:
    """Write the complete default file, with a comment for each setting.

    Returns:
        TOML that reads back as the defaults.
    """
    tables = [f for f in attrs.fields(Config) if attrs.has(type(getattr(Config(), f.name)))]
    parts = [_comment(_INTRODUCTION)]
    parts += [_table(f"[{field.name}]", type(getattr(Config(), field.name))) for field in tables]
    parts += [_PLUGIN_TABLES, _commented_out(_table("[[guardrails]]", GuardrailConfig))]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def to_dict(config: Config) -> dict[str, Any]:
    """Give the configuration in force as plain data, defaults included.

    Returns:
        Tables as in the file, durations in seconds and sizes in bytes; secrets are redacted. `source` names the file.
    """
    data = {f.name: getattr(config, f.name) for f in attrs.fields(Config)}
    plain: dict[str, Any] = {name: _plain(value) for name, value in data.items()}
    plain["monitor"]["data_dir"] = str(config.data_dir)
    plain["journal"]["path"] = str(config.journal_path)
    plain["plugins"] |= {name: redact_mapping(table) for name, table in plain["plugins"].pop("tables").items()}
    plain["guardrails"] = [{**g, "parameters": redact_mapping(g["parameters"])} for g in plain["guardrails"]]
    return plain


def to_toml(config: Config) -> str:
    """Write the configuration in force as TOML, without comments; secrets are redacted."""
    data = to_dict(config)
    source = data.pop("source")
    guardrails = data.pop("guardrails")
    lines = [f"# from {source or 'no file: these are the defaults'}"]
    for name, table in data.items():
        lines += ["", f"[{name}]", *_assignments(table)]
    for guardrail in guardrails:
        lines += ["", "[[guardrails]]", *_assignments(guardrail)]
    return "\n".join(lines) + "\n"


# --- the default file ---


def _table(header: str, kind: type) -> str:
    summary = (kind.__doc__ or "").partition("\n")[0]
    lines = [_comment(summary).rstrip("\n"), header]
    for field in _settings(kind):
        lines += [_comment(field.metadata["comment"]).rstrip("\n"), _setting(field)]
    return "\n".join(lines) + "\n"


def _settings(kind: type) -> list[attrs.Attribute[Any]]:
    """The settings that a table explains; the plugins' own tables are none of ours."""
    fields = attrs.fields(attrs.resolve_types(kind))
    return [field for field in fields if (kind, field.name) != (PluginsConfig, "tables")]


def _setting(field: attrs.Attribute[Any]) -> str:
    example = field.metadata.get("example")
    if example:
        return f"# {field.name} = {example}"
    return f"{field.name} = {_toml(_plain(_written(field.default, field.type)))}"


def _written(value: Any, kind: object) -> Any:  # noqa: ANN401 (any setting's value)
    """A value as people write it: durations and sizes with their unit."""
    if kind in (Duration, Pause):
        return write_duration(value)
    return write_size(value) if kind is Size else value


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for part in text.splitlines() for line in textwrap.wrap(part, 116))


def _commented_out(text: str) -> str:
    return "".join(line if line.startswith("#") else f"# {line}" for line in text.splitlines(keepends=True))


# --- values ---


def _plain(value: Any) -> Any:  # noqa: ANN401 (any setting's value)
    """A setting's value as JSON and TOML know it."""
    if attrs.has(type(value)):
        return {f.name: _plain(getattr(value, f.name)) for f in attrs.fields(type(value))}
    if isinstance(value, Enum):
        return value.name.lower() if isinstance(value, IntEnum) else value.value
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _assignments(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{_key(name)} = {_toml(value)}" for name, value in table.items() if value is not None)


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else _toml(name)


def _toml(value: Any) -> str:  # noqa: ANN401 (plain data)
    if isinstance(value, dict):
        return "{ " + ", ".join(_assignments(value)) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else str(value)
