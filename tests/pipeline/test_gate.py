"""The gate: who may act, and that a refusal always wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.pipeline.gate import Gate
from vmon_core.records import Action, GateMode, Ruling, Verdict

if TYPE_CHECKING:
    from pathlib import Path


def action(mode: GateMode | None = None) -> Action:
    """A proposal to notify."""
    return Action(id="1", kind="notify", target="t", reason="r", policy="p", time=0.0, mode=mode)


@pytest.mark.parametrize(
    ("mode", "ruling"),
    [
        (GateMode.OFF, Ruling.DENY),
        (GateMode.OBSERVE, Ruling.HOLD),
        (GateMode.SUGGEST, Ruling.HOLD),
        (GateMode.APPROVE, Ruling.HOLD),
        (GateMode.AUTO, Ruling.ALLOW),
    ],
)
def test_mode_decides(mode: GateMode, ruling: Ruling) -> None:
    """Only mode auto lets an action through."""
    assert Gate(mode).rule(action()).ruling is ruling


def test_default_observes() -> None:
    """A gate that nobody configured does nothing."""
    assert Gate().rule(action()).ruling is Ruling.HOLD


def test_policy_outranks_kind_and_kind_outranks_gate() -> None:
    """The most specific mode applies."""
    gate = Gate(GateMode.OBSERVE, {"notify": GateMode.AUTO})
    assert gate.rule(action()).ruling is Ruling.ALLOW
    assert gate.rule(action(GateMode.OFF)).ruling is Ruling.DENY


def test_kill_switch_stops_everything(tmp_path: Path) -> None:
    """While the kill switch exists nothing is done."""
    switch = tmp_path / "off"
    gate = Gate(GateMode.AUTO, kill_switch=switch)
    assert gate.rule(action()).ruling is Ruling.ALLOW
    switch.touch()
    assert gate.rule(action()).ruling is Ruling.DENY


@given(st.sampled_from(GateMode), st.lists(st.sampled_from(Ruling)))
def test_strictest_ruling_wins(mode: GateMode, rulings: list[Ruling]) -> None:
    """One refusal is enough, whoever else allows it."""
    gate = Gate(mode)
    own = gate.rule(action()).ruling
    final = gate.rule(action(), [Verdict(ruling=r, reason="") for r in rulings]).ruling
    order = [Ruling.ALLOW, Ruling.HOLD, Ruling.DENY]
    assert final is max([own, *rulings], key=order.index)


@pytest.mark.parametrize(
    ("own", "user", "effective"),
    [
        (GateMode.AUTO, GateMode.OBSERVE, GateMode.OBSERVE),
        (GateMode.APPROVE, GateMode.OFF, GateMode.OFF),
        (GateMode.OBSERVE, GateMode.AUTO, GateMode.OBSERVE),
        (None, GateMode.AUTO, GateMode.AUTO),
    ],
)
def test_plugin_goes_no_further_than_the_user_allows(own: GateMode | None, user: GateMode, effective: GateMode) -> None:
    """It may hold its proposal back; it may not let it through."""
    action = Action(id="1", kind="restart", target="t", reason="r", policy="p", time=0.0, mode=own)
    for gate in (Gate(user), Gate(GateMode.SUGGEST, {"restart": user})):
        assert gate.mode_of(gate.bounded(action)) is effective
