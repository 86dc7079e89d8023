"""The token's file: private, kept, and refused when others may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.errors import VmonError
from vmon_plugin_mcp.tokens import own_token, read_token

if TYPE_CHECKING:
    from pathlib import Path


def test_generated_token_is_private_and_kept(tmp_path: Path) -> None:
    """Only the owner can read it, and the next start has the same one."""
    path = tmp_path / "state" / "mcp-token"
    token = own_token(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(token) >= 43
    assert own_token(path) == token == read_token(path)
    assert own_token(tmp_path / "other") != token


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The message names the fix."""
    path = tmp_path / "token"
    own_token(path)
    path.chmod(mode)
    with pytest.raises(VmonError, match=r"chmod 600"):
        read_token(path)


@pytest.mark.parametrize("content", ["", "short", "two words that are long enough", "\x00" * 40, "é" * 40])
def test_what_is_no_token_is_refused(tmp_path: Path, content: str) -> None:
    """An empty token would let everybody in."""
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(VmonError, match="token file"):
        read_token(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A mistyped path does not become a new token."""
    with pytest.raises(VmonError, match="cannot be read"):
        read_token(tmp_path / "none")
