"""From bytes to records, in every form that vLLM, uvicorn and Python write."""

from __future__ import annotations

import pytest

from vmon_plugin_vllm.log.lines import LogRecord, parse_line

HEAD = "11-24 03:01:34 [core.py:133]"


@pytest.mark.parametrize("prefix", ["", "[node-3] ", "[node-3]", "a (b) c "])
@pytest.mark.parametrize(
    ("process", "depth"),
    [
        ("APIServer", 0),
        ("ApiServer_0", 0),
        ("MainProcess", 0),
        ("VLLM_DP_Coordinator", 0),
        ("EngineCore", 1),
        ("EngineCore_DP1", 1),
        ("Worker", 2),
        ("Worker_TP0", 2),
        ("Worker_PP0_TP1", 2),
        ("VllmWorker-0", 2),
    ],
)
def test_writer_is_known(prefix: str, process: str, depth: int) -> None:
    """Each process signs its lines; users may put something before that."""
    record = parse_line(f"{prefix}({process} pid=42) ERROR {HEAD} it broke")
    assert record == LogRecord("it broke", process, 42, "ERROR", "core.py:133")
    assert record.depth == depth


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ("INFO:     Shutting down", LogRecord("Shutting down", level="INFO")),
        ("WARNING:  ASGI", LogRecord("ASGI", level="WARNING")),
        ("ERROR:    Exception in ASGI application", LogRecord("Exception in ASGI application", level="ERROR")),
        (f"WARNING {HEAD} early", LogRecord("early", level="WARNING", place="core.py:133")),
        (f"(Worker pid=7) INFO {HEAD} ", LogRecord("", "Worker", 7, "INFO", "core.py:133")),
        (f"(Worker pid=7) INFO {HEAD}", LogRecord("", "Worker", 7, "INFO", "core.py:133")),
        (
            "(Worker pid=7) INFO 11-24 03:01:34 [v1/engine/core.py:9] x\r",
            LogRecord("x", "Worker", 7, "INFO", "v1/engine/core.py:9"),
        ),
        ("(Worker pid=7) ValueError: x", LogRecord("ValueError: x", "Worker", 7)),
        ("nothing (Worker pid=7) of ours", LogRecord("nothing (Worker pid=7) of ours")),
        ("{'not': 'json'}", LogRecord("{'not': 'json'}")),
        ('{"message": 7}', LogRecord('{"message": 7}')),
        (
            '{"message": "m", "process": 7, "processName": "Main", "levelname": "INFO", "asctime": "3:01", "name": ""}',
            LogRecord("m", "Main", 7, "INFO", "3:01 "),
        ),
    ],
)
def test_form_is_known(line: str, record: LogRecord) -> None:
    """Every form gives the same record; what has none is kept as it is."""
    assert parse_line(line) == record
