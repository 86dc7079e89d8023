"""Plugins that come and change while vmon runs a real vLLM on CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.vllm.person import configure

from vmon_testkit.traffic import Traffic

if TYPE_CHECKING:
    from tests.vllm.person import Server

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

BEAT = """
from vmon_core.plugin import PluginInfo, every, hookimpl
from vmon_core.records import Sample


class Beat:
    def __init__(self):
        self.beats = 0

    @hookimpl
    def vmon_plugin_info(self):
        return PluginInfo(name="beat", version="VERSION")

    @hookimpl
    @every("200ms")
    def vmon_collect(self, tick):
        self.beats += 1
        return [Sample("beat.count", float(self.beats), tick.time)]

    @hookimpl
    def vmon_state(self):
        return {"beats": self.beats}

    @hookimpl
    def vmon_restore(self, state):
        self.beats = state["beats"]


plugin = Beat()
"""

COLLECTOR = "return {'busy': get_metric('vllm.requests.running') or 0}"
GUARDRAIL = "return checkpoint.metrics.get('busy', 0) > 0"


def test_code_strings_and_a_reload_under_traffic(server: Server) -> None:
    """Code that is made while the server serves sees its figures and is held by the gate; a reload keeps the count."""
    folder = server.home / "plugins"
    folder.mkdir()
    (folder / "beat.py").write_text(BEAT.replace("VERSION", "1.0"))
    configure(server.home, f'[plugins]\nfolders = ["{folder}"]\n')
    with server.run() as vmon:
        vmon.wait_for_state("IDLE")
        make(server, "busy", "collector", COLLECTOR, "--interval", "1")
        make(server, "too-busy", "guardrail", GUARDRAIL, "--action", "notify")
        with Traffic(server.url, concurrency=1, max_tokens=200, model="tiny"):
            proposed = vmon.wait_for(lambda e: e.get("policy") == "code.too-busy", timeout=60)
            assert (proposed["kind"], proposed["verdict"]["ruling"]) == ("notify", "hold")
            before = beats(server)
            (folder / "beat.py").write_text(BEAT.replace("VERSION", "2.0"))
            (reloaded,), code = server.ask("plugins", "reload", "beat", "--json")
            assert (reloaded["new"], code) == ("2.0", 0)
            assert beats(server) >= before > 0
        costs, code = server.ask("plugins", "top", "--once", "--json")
        assert {"beat", "sandbox", "system", "vllm"} <= {cost["plugin"] for cost in costs}
        assert code == 0
        print({cost["plugin"]: cost for cost in costs})
        vmon.interrupt()
        assert vmon.report(120)["leftovers"] == []
        assert vmon.exit_code() == 0
    assert server.processes("") == []


def make(server: Server, name: str, kind: str, code: str, *options: str) -> None:
    """Create a code plugin in the running monitor."""
    (made,), exit_code = server.ask("plugins", "create", name, "--type", kind, "-e", code, *options, "--json")
    assert (made["version"], exit_code) == (1, 0), made


def beats(server: Server) -> Any:
    """What the running monitor knows of the count."""
    code = "return {'beats': get_metric('beat.count') or 0}"
    (trial,), exit_code = server.ask("plugins", "try", "--type", "collector", "-e", code, "--json")
    assert (trial["problems"], exit_code) == ([], 0)
    return trial["value"]["beats"]
