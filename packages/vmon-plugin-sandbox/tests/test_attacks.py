"""What an agent that was talked into it would try with the plugins that it may make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.dynamic import CodeRejectedError

if TYPE_CHECKING:
    from conftest import Bench

AGENT = "mcp"


def test_a_version_of_the_operators_is_no_way_to_what_only_the_operator_may(bench: Bench) -> None:
    """A name that was the operator's once, and is free now, does not give its old versions away."""
    bench.manager.create_guardrail("limit", "", "return True", "restart")
    with pytest.raises(CodeRejectedError, match="belongs to 'operator'"):
        bench.manager.code.remove("limit", AGENT)
    with pytest.raises(CodeRejectedError, match="belongs to 'operator'"):
        bench.manager.code.back_out("limit", 1, AGENT)
    bench.manager.remove_plugin("limit")
    with pytest.raises(CodeRejectedError, match="belongs to 'operator'"):
        bench.manager.code.back_out("limit", None, AGENT)
    bench.manager.create_guardrail("limit", "", "return True", "notify", owner=AGENT)
    with pytest.raises(CodeRejectedError, match="belongs to 'operator'"):
        bench.manager.code.back_out("limit", 1, AGENT)
    assert bench.status("limit")["actions"] == ("notify",)


def test_the_operator_takes_over_what_it_replaces_and_gives_back(bench: Bench) -> None:
    """With the operator's code go the operator's rights; an earlier version comes back in its maker's name."""
    bench.manager.create_guardrail("limit", "", "return True", "notify", owner=AGENT)
    assert bench.manager.create_guardrail("limit", "", "return True", "restart").owner == "operator"
    assert bench.refused("limit", "guardrail", "return False", actions=["notify"], owner=AGENT)
    back = bench.manager.back_out_plugin("limit")
    assert (back.owner, back.actions, back.version) == (AGENT, ("notify",), 3)
