"""What went wrong, how bad it is, and who says so: the lines of a traceback read together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.evidence import FailureSeen
from vmon_plugin_vllm.log.blocks import KEPT_BLOCKS, Blocks, Fate
from vmon_plugin_vllm.log.lines import LogRecord
from vmon_plugin_vllm.log.reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Iterable

READY = "INFO:     Application startup complete."
WORKER = "(Worker pid=5) ERROR 11-24 03:01:34 [multiproc_executor.py:953] "
ENGINE = "(EngineCore pid=4) ERROR 11-24 03:01:34 [core.py:1750] "
OUT_OF_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
MAIN = '  File "/opt/vllm/bin/vllm", line 8, in <module>'


def failures(lines: Iterable[str]) -> list[FailureSeen]:
    """What a reader finds in these lines."""
    reader = LogReader()
    return [seen for line in lines for seen in reader.feed(line, 1.0) if isinstance(seen, FailureSeen)]


def record(prefix: str, heading: str, last: str, *, frame: str = '  File "x.py", line 1, in f') -> list[str]:
    """The lines of a record: a heading, if any, and a traceback that ends with `last`."""
    trace = ["Traceback (most recent call last):", frame, "    raise_it()", "    ^^^^^^^^^^", last]
    return [prefix + line for line in ([heading, *trace] if heading else trace)]


@pytest.mark.parametrize(
    "source",
    ["assert param_data.shape == loaded_weight.shape", "assert loaded_weight.shape[output_dim] == self.org_vocab_size"],
)
def test_source_line_explains_a_bare_assertion(source: str) -> None:
    """An assertion without words is explained by what it asserted."""
    lines = record(WORKER, "WorkerProc failed to start.", "AssertionError")
    lines[3] = f"{WORKER}    {source}"
    assert [(f.code, f.cause) for f in failures(lines) if f.weight > 1] == [
        ("model.weights_mismatch", f"AssertionError: {source}")
    ]


def test_failed_call_is_not_fatal() -> None:
    """Worker and engine live on after a control call that failed, whatever it failed of."""
    lines = record(WORKER, "WorkerProc hit an exception.", OUT_OF_MEMORY)
    lines += record(ENGINE, "Invocation of collective_rpc method failed", f"RuntimeError: {OUT_OF_MEMORY}")
    assert [(f.code, f.fatal) for f in failures(lines)] == [("memory.gpu_exhausted", False)] * 2
    assert failures(record(WORKER, "WorkerProc hit an exception.", "AttributeError: no_such_method")) == []


def test_failed_step_ends_the_engine() -> None:
    """The engine says that it gives up, and the worker says why."""
    lines = record(WORKER, "WorkerProc hit an exception.", OUT_OF_MEMORY)
    lines += record(
        ENGINE, "EngineCore encountered a fatal error.", f"RuntimeError: Worker failed with '{OUT_OF_MEMORY}'"
    )
    assert [(f.code, f.depth, f.fatal) for f in failures(lines) if f.weight > 1] == [
        ("memory.gpu_exhausted", 2, False),
        ("memory.gpu_exhausted", 1, True),
    ]


def test_next_record_of_the_same_process_is_judged_anew() -> None:
    """The fate that a heading tells ends with its record."""
    lines = record(WORKER, "WorkerProc hit an exception.", OUT_OF_MEMORY)
    elsewhere = WORKER.replace("multiproc_executor.py:953", "other.py:1")
    assert [f.fatal for f in failures([*lines, f"{elsewhere}{OUT_OF_MEMORY}"])] == [False, True]


@pytest.mark.parametrize(
    ("prefix", "heading", "code", "depth"),
    [
        (WORKER, "WorkerProc failed to start.", "worker.exception", 2),
        (WORKER, "WorkerProc failed.", "worker.exception", 2),
        (ENGINE, "EngineCore failed to start.", "engine.exception", 1),
        (ENGINE, "EngineCore encountered a fatal error.", "engine.exception", 1),
    ],
)
def test_exception_without_a_name(prefix: str, heading: str, code: str, depth: int) -> None:
    """What no rule knows is told with its own words, and outweighs its heading."""
    found = failures(record(prefix, heading, "KeyError: 'lm_head.weight'"))
    best = min(found, key=lambda f: (-f.weight, -f.depth))
    assert (best.code, best.depth, best.weight, best.fatal) == (code, depth, 2, True)
    assert best.cause == "KeyError: 'lm_head.weight'"


def test_uncaught_exception_of_the_main_process() -> None:
    """A raw traceback that begins at the program's entry ends it; the last exception of a chain counts."""
    chain = record("", "", "OSError: first", frame='  File "x.py", line 1, in inner')
    chain += ["", "During handling of the above exception, another exception occurred:", ""]
    chain += record("", "", "ImportError: libcudart.so.12: no such file", frame=MAIN)
    assert [(f.code, f.cause, f.fatal) for f in failures(chain)] == [
        ("main.exception", "ImportError: libcudart.so.12: no such file", True)
    ]


@pytest.mark.parametrize("frame", ['  File "<string>", line 1, in <module>', '  File "threading.py", line 9, in run'])
def test_tracebacks_of_helpers_and_threads_are_no_end(frame: str) -> None:
    """The server outlives its helpers, and most of its threads."""
    assert failures(record("", "", "KeyError: 7", frame=frame)) == []


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "SystemExit: 0", "asyncio.exceptions.CancelledError"])
def test_wanted_ends_are_no_failures(name: str) -> None:
    """Whoever interrupts a server wants it to end."""
    assert failures(record("", "", name, frame=MAIN)) == []


def test_failed_request_is_no_failure_of_the_server() -> None:
    """A handler may fail with any words; the traceback after it is judged again."""
    request = record("", "ERROR:    Exception in ASGI application", OUT_OF_MEMORY)
    request += ["", "During handling of the above exception, another exception occurred:", ""]
    request += record("", "", OUT_OF_MEMORY)
    assert failures([READY, *request]) == []
    assert [f.code for f in failures([READY, *request, *record("", "", OUT_OF_MEMORY)])] == ["memory.gpu_exhausted"]


def test_after_the_start_an_api_server_only_answers() -> None:
    """A model that is not found ends a start; later it is the answer to somebody's request."""
    line = "(APIServer pid=1) ERROR 11-24 03:01:34 [x.py:9] HFValidationError: Repo id must be in the form 'repo': 'x'"
    again = "(APIServer pid=9) INFO 11-24 03:01:34 [utils.py:286] non-default args: {}"
    found = failures([line, READY, line, again, line])
    assert [(f.code, f.fatal) for f in found] == [
        ("model.not_found", True),
        ("model.not_found", False),
        ("model.not_found", True),
    ]


def test_setting_that_is_refused_is_named() -> None:
    """Pydantic tells the class, the setting and what is wrong in three lines."""
    lines = record("", "", "pydantic_core._pydantic_core.ValidationError: 1 validation error for CacheConfig")
    lines += [
        "gpu_memory_utilization",
        "  Input should be less than or equal to 1 [type=less_than_equal, input_value=2]",
    ]
    best = max(failures(lines), key=lambda f: f.weight)
    assert (best.code, best.weight) == ("config.invalid_value", 3)
    assert best.cause == "CacheConfig.gpu_memory_utilization: Input should be less than or equal to 1"


def test_request_that_is_refused_is_no_failure() -> None:
    """Only the server's own configuration is its failure."""
    assert failures(["pydantic_core.ValidationError: 1 validation error for ChatCompletionRequest"]) == []


def test_json_records_are_read_as_blocks() -> None:
    """The JSON formatter puts heading and traceback into one record; the next record is another block."""
    common = {"levelname": "ERROR", "vllm_process_name": "Worker", "process": 5, "name": "x"}
    trace = "\n".join(record("", "", OUT_OF_MEMORY))
    survived = {**common, "asctime": "1", "message": "WorkerProc hit an exception.", "exc_info": trace}
    fatal = {**common, "asctime": "2", "message": OUT_OF_MEMORY}
    assert [f.fatal for f in failures(map(json.dumps, [survived, fatal]))] == [False, True]


def test_processes_do_not_disturb_each_other() -> None:
    """Two tracebacks line by line in turns are two tracebacks."""
    worker = record(WORKER, "WorkerProc failed to start.", "KeyError: 1")
    engine = record(ENGINE, "Invocation of x method failed", "ValueError: 2")
    mixed = [line for pair in zip(worker, engine, strict=True) for line in pair]
    assert [f.cause for f in failures(mixed) if f.weight > 1] == ["KeyError: 1"]


def test_forged_writers_do_not_fill_the_memory() -> None:
    """A log that names ever new processes costs a bounded amount of memory."""
    blocks = Blocks()
    for pid in range(3 * KEPT_BLOCKS):
        assert blocks.place(LogRecord("x", "Worker", pid, "ERROR", "a:1")).fate is Fate.UNKNOWN
    assert len(blocks._open) <= KEPT_BLOCKS


PIECES = st.sampled_from(
    [*record(WORKER, "WorkerProc failed.", "KeyError"), *record("", "ERROR:    Exception in ASGI application", "E: x")]
)


@given(st.lists(PIECES | st.text(max_size=20)))
def test_any_lines_in_any_order(lines: list[str]) -> None:
    """Cut, mixed and repeated blocks break nothing, and every failure has a cause that can be shown."""
    assert all(f.cause and f.cause.isprintable() for f in failures(lines))
