"""Power actions over the fake library: done, undone, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pynvml
import pytest

from vmon_core.records import Action
from vmon_plugin_nvidia.power import ACTIONS
from vmon_plugin_nvidia.power.actions import PowerActions
from vmon_plugin_nvidia.power.ledger import Ledger, Setting
from vmon_testkit.nvml import Error, FakeNvml, Gpu, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def fake() -> Iterator[FakeNvml]:
    """Two H100s, and NVML initialised over them."""
    with FakeNvml(Scenario(gpus=(Gpu(), Gpu()))) as machine:
        pynvml.nvmlInit()
        yield machine


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty one."""
    return Ledger(tmp_path / "settings.json")


def do(ledger: Ledger, kind: str, **parameters: Any) -> tuple[str, str]:
    """Carry out one action as a new process would: only the ledger remembers."""
    action = Action(id="1", kind=f"nvidia.{kind}", target="t", reason="r", policy="p", time=1.0, parameters=parameters)
    outcome = PowerActions(pynvml, ledger).carry_out(action)
    assert outcome.action == "1"
    return outcome.status.value, outcome.detail


def test_set_and_restore(fake: FakeNvml, ledger: Ledger) -> None:
    """The limit of before comes back, however often ours was changed."""
    assert do(ledger, "set_power_limit", gpu=1, watts=500) == (
        *("done", "the power limit of nvidia:1 was set from 700 to 500 W"),
    )
    assert do(ledger, "set_power_limit", gpu=1, watts=400.0)[0] == "done"
    assert [g.power_limit for g in fake.scenario.gpus] == [700_000, 400_000]
    assert do(ledger, "restore_power_limit", gpu=1) == ("done", "the power limit of nvidia:1 is 700 W again")
    assert fake.scenario.gpus[1].power_limit == 700_000
    assert do(ledger, "restore_power_limit", gpu=1)[0] == "skipped"


def test_limit_of_somebody_else_is_left_alone(fake: FakeNvml, ledger: Ledger) -> None:
    """Restoring over it would undo their decision."""
    do(ledger, "set_power_limit", gpu=0, watts=500)
    fake.change(gpu=0, power_limit=300_000)
    status, detail = do(ledger, "restore_power_limit", gpu=0)
    assert (status, "somebody else" in detail) == ("skipped", True)
    assert fake.scenario.gpus[0].power_limit == 300_000


def test_limit_that_is_in_force_is_not_set(fake: FakeNvml, ledger: Ledger) -> None:
    """So nothing is there to be restored."""
    assert do(ledger, "set_power_limit", gpu=0, watts=700)[0] == "skipped"
    assert do(ledger, "restore_power_limit", gpu=0)[0] == "skipped"


def test_lock_and_reset(fake: FakeNvml, ledger: Ledger) -> None:
    """Locked clocks cannot be read, so only those that we locked are reset."""
    assert do(ledger, "reset_clocks", gpu=0) == ("skipped", "vmon has not locked the clocks of nvidia:0")
    assert do(ledger, "lock_clocks", gpu=0, min_mhz=1000, max_mhz=1200)[0] == "done"
    assert fake.scenario.gpus[0].locked_clocks == (1000, 1200)
    assert do(ledger, "reset_clocks", gpu=0)[0] == "done"
    assert fake.scenario.gpus[0].locked_clocks == (0, 0)


@pytest.mark.parametrize(
    ("kind", "parameters", "detail"),
    [
        ("set_power_limit", {"gpu": 0, "watts": 100}, "100 W is outside what nvidia:0 permits, 200 to 700 W"),
        ("set_power_limit", {"gpu": 0, "watts": 701}, "701 W is outside"),
        ("set_power_limit", {"gpu": 0, "watts": "much"}, "'watts' must be a number, not 'much'"),
        ("set_power_limit", {"gpu": 0, "watts": float("nan")}, "'watts' must be a number"),
        ("set_power_limit", {"gpu": 0}, "'watts' is missing"),
        ("set_power_limit", {"watts": 500}, "'gpu' is missing"),
        ("set_power_limit", {"gpu": 2, "watts": 500}, "there is no GPU 2: this machine has 2"),
        ("set_power_limit", {"gpu": 0.5, "watts": 500}, "'gpu' must be a whole number"),
        ("set_power_limit", {"gpu": True, "watts": 500}, "'gpu' must be a number"),
        ("lock_clocks", {"gpu": 0, "min_mhz": 1200, "max_mhz": 1000}, "no range"),
        ("lock_clocks", {"gpu": 0, "min_mhz": 1000, "max_mhz": 9000}, "no range"),
    ],
)
def test_refused(fake: FakeNvml, ledger: Ledger, kind: str, parameters: dict[str, Any], detail: str) -> None:
    """Out of bounds or out of sense: a failed outcome that says why, and nothing is changed."""
    before = fake.scenario
    status, said = do(ledger, kind, **parameters)
    assert (status, detail in said) == ("failed", True), said
    assert fake.scenario == before


@pytest.mark.parametrize("kind", sorted(ACTIONS))
def test_no_permission(kind: str, ledger: Ledger) -> None:
    """A monitor that is not root may read only; what was not done is not noted either."""
    setters = ("SetPowerManagementLimit", "SetGpuLockedClocks", "ResetGpuLockedClocks")
    with FakeNvml(Scenario(errors={f"nvmlDevice{name}": Error.NO_PERMISSION for name in setters})) as fake:
        pynvml.nvmlInit()
        uuid = pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(0))
        if not kind.startswith(("nvidia.set", "nvidia.lock")):
            ledger.keep(uuid, "power limit", Setting((700_000,), (600_000,)))
            ledger.keep(uuid, "clocks", Setting((1000, 1200)))
        known = ledger.find(uuid, "power limit"), ledger.find(uuid, "clocks")
        before = fake.scenario
        said = do(ledger, kind.removeprefix("nvidia."), gpu=0, watts=500, min_mhz=1000, max_mhz=1200)
        assert said == ("failed", "the driver does not permit it: power limits and clocks can be changed by root only")
        assert (ledger.find(uuid, "power limit"), ledger.find(uuid, "clocks")) == known
        assert fake.scenario == before


def test_lost_gpu(fake: FakeNvml, ledger: Ledger) -> None:
    """The driver's own words are in the outcome."""
    fake.change(gpu=0, lost=True)
    status, detail = do(ledger, "set_power_limit", gpu=0, watts=500)
    assert (status, detail.startswith("the driver refuses: ")) == ("failed", True)


def test_full_disk_changes_nothing(fake: FakeNvml, tmp_path: Path) -> None:
    """What could not be undone is not done."""
    status, detail = do(Ledger(tmp_path / "missing" / "settings.json"), "set_power_limit", gpu=0, watts=500)
    assert (status, "nothing was changed" in detail) == ("failed", True)
    assert fake.scenario.gpus[0].power_limit == 700_000


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 7}', '{"GPU power limit": [["x"], null]}'])
def test_damaged_ledger_is_empty(tmp_path: Path, text: str) -> None:
    """What is not known to be ours is left alone."""
    file = tmp_path / "settings.json"
    file.write_text(text)
    assert Ledger(file).find("GPU", "power limit") is None


def test_what_was_set_before_a_reboot_is_not_ours(fake: FakeNvml, tmp_path: Path) -> None:
    """A reboot frees clocks and resets limits: what is set now was set by somebody else, even to the same value."""
    boot, path = tmp_path / "boot_id", tmp_path / "settings.json"
    boot.write_text("yesterday\n")
    ledger = Ledger(path, boot)
    do(ledger, "lock_clocks", gpu=0, min_mhz=300, max_mhz=900)
    do(ledger, "set_power_limit", gpu=0, watts=500)
    boot.write_text("today\n")
    for kind in ("reset_clocks", "restore_power_limit"):
        assert do(Ledger(path, boot), kind, gpu=0)[0] == "skipped"
    assert fake.scenario.gpus[0].locked_clocks == (300, 900)
    assert fake.scenario.gpus[0].power_limit == 500_000
