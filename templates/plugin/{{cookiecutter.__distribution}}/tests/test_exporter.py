"""What is written out."""

from __future__ import annotations

import json

from vmon_core.records import Frame, Sample
from vmon_core.testing import FakeHost

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.__module }}.plugin import NAME, {{ cookiecutter.__class }}Plugin


def test_frames_are_written_now_and_then(vmon_host: FakeHost) -> None:
    """The second one comes too soon."""
    vmon_host.configure(NAME, {{ cookiecutter.__class }}Config, {"export_every": 5})
    plugin = {{ cookiecutter.__class }}Plugin()
    plugin.vmon_start(vmon_host)
    for time in (1.0, 2.0, 6.0):
        plugin.vmon_export(Frame(time, samples=(Sample("room.temperature", 21.0, time),)))
    written = (vmon_host.data_dir / "frames.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in written] == [
        {"time": 1.0, "samples": {"room.temperature": 21.0}},
        {"time": 6.0, "samples": {"room.temperature": 21.0}},
    ]
