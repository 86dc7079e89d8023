"""The table of Xids: what each number means and what helps; data that a user can override."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs

from vmon_core.errors import VmonError
from vmon_core.evidence import Recovery

CLASSES = frozenset({"application", "hardware", "memory", "link", "power", "driver", "information"})
"""Whose fault an Xid is."""

_FIELDS = frozenset({"name", "class", "recovery", "source", "text"})


@attrs.frozen(kw_only=True)
class Xid:
    """One number.

    Attributes:
        code: the number.
        name: a few words.
        category: whose fault it is, one of `CLASSES`.
        recovery: what helps, where the driver does not say.
        source: where that is from, a key of the file's `[sources]`.
        text: one sentence.
    """

    code: int
    name: str
    category: str = "hardware"
    recovery: Recovery = Recovery.UNKNOWN
    source: str = ""
    text: str = ""


@attrs.frozen
class Catalogue:
    """All numbers that are known.

    Attributes:
        version: of the table that comes with this package.
        xids: the entries by their number.
    """

    version: str
    xids: Mapping[int, Xid]

    def find(self, code: int) -> Xid:
        """The entry of a number; for one that nobody knows, an entry that says so.

        >>> load().find(79).recovery.value, load().find(9999).recovery.value
        ('reboot_node', 'unknown')
        """
        return self.xids.get(code) or Xid(code=code, name="unknown", text="The table does not know this number.")


def load(overrides: str = "") -> Catalogue:
    """Read the table.

    Args:
        overrides: the path of a TOML file of the same form, whose entries take the place of ours; "" for none.

    Raises:
        VmonError: the file cannot be read, or an entry is wrong; the message says which and why.
    """
    ours = tomllib.loads((files(__package__) / "xids.toml").read_text(encoding="utf-8"))
    theirs = _read(overrides) if overrides else {}
    entries = {**_entries(ours, "xids.toml"), **_entries(theirs, overrides)}
    return Catalogue(str(ours["version"]), entries)


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"the table of Xids {path} cannot be read: {error}"
        raise VmonError(msg) from None


def _entries(table: Mapping[str, Any], path: str) -> dict[int, Xid]:
    entries = table.get("xid", {})
    if not isinstance(entries, dict):
        msg = f"{path}: [xid] must be a table of numbers"
        raise VmonError(msg)
    return {int(code): _entry(code, fields, path) for code, fields in entries.items() if _is_number(code, path)}


def _is_number(code: str, path: str) -> bool:
    if code.isascii() and code.isdigit():
        return True
    msg = f"{path}: {code!r} is no Xid: write a number, such as 79"
    raise VmonError(msg)


def _entry(code: str, fields: object, path: str) -> Xid:
    """Read one entry; a recovery or class that does not exist must not pass for one that asks for nothing."""
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        msg = f"{path}: the entry of Xid {code} must be a table of texts"
        raise VmonError(msg)
    category, recovery = fields.get("class", "hardware"), fields.get("recovery", Recovery.UNKNOWN)
    wrong = [
        *(f"it has no {name!r}" for name in sorted(fields.keys() - _FIELDS)),
        *([] if category in CLASSES else [f"class is one of {', '.join(sorted(CLASSES))}, not {category!r}"]),
        *([] if recovery in set(Recovery) else [f"recovery is one of {', '.join(Recovery)}, not {recovery!r}"]),
    ]
    if wrong:
        msg = f"{path}: Xid {code}: {'; '.join(wrong)}"
        raise VmonError(msg)
    return Xid(
        code=int(code),
        name=fields.get("name", f"Xid {code}"),
        category=category,
        recovery=Recovery(recovery),
        source=fields.get("source", path),
        text=fields.get("text", ""),
    )
