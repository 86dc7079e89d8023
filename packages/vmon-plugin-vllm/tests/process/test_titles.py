"""Roles and names from process titles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vmon_core.evidence import Role
from vmon_plugin_vllm.process.titles import Identity, Ranks, identify, main_identity

SPAWN = (
    "python3.11 -B -c from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=32) --multiprocessing-fork"
)
MAIN = main_identity("python3.11 /venv/bin/vllm serve tiny")
ENGINE = Identity(Role.ENGINE_CORE, "EngineCore", title="VLLM::EngineCore")
TRACES = Path(__file__).parents[4] / "tests" / "traces"


@pytest.mark.parametrize(
    ("title", "role", "name", "ranks"),
    [
        ("VLLM::EngineCore", Role.ENGINE_CORE, "EngineCore", Ranks()),
        ("VLLM::EngineCore_DP0", Role.ENGINE_CORE, "EngineCore_DP0", Ranks(dp=0)),
        ("VLLM::Worker", Role.WORKER, "Worker", Ranks()),
        ("VLLM::Worker_TP1", Role.WORKER, "Worker_TP1", Ranks(tp=1)),
        ("VLLM::Worker_DP0_PP1_TP0_EP3", Role.WORKER, "Worker_DP0_PP1_TP0_EP3", Ranks(dp=0, pp=1, tp=0, ep=3)),
        ("VLLM::Worker_PCP1_DCP12", Role.WORKER, "Worker_PCP1_DCP12", Ranks(pcp=1, dcp=12)),
        ("VLLM::APIServer_1", Role.API_SERVER, "APIServer_1", Ranks()),
        ("VLLM::APIServer_DP3", Role.API_SERVER, "APIServer_DP3", Ranks(dp=3)),
        ("VLLM::DPCoordinator", Role.COORDINATOR, "DPCoordinator", Ranks()),
        ("prod-7::Worker_TP0", Role.WORKER, "Worker_TP0", Ranks(tp=0)),
    ],
)
def test_reads_the_titles_that_vllm_sets(title: str, role: Role, name: str, ranks: Ranks) -> None:
    """Each form of title gives role, name and ranks, under any prefix."""
    assert identify(title) == Identity(role, name, ranks, title)


@pytest.mark.parametrize(
    ("comm", "role", "name"),
    [
        ("VLLM::EngineCor", Role.ENGINE_CORE, "EngineCore"),
        ("VLLM::Worker_TP", Role.WORKER, "Worker"),
        ("VLLM::Worker", Role.WORKER, "Worker"),
        ("VLLM::DPCoordin", Role.COORDINATOR, "DPCoordinator"),
        ("VLLM::APIServer", Role.API_SERVER, "APIServer"),
        ("VLLM::Work", Role.HELPER, "helper"),
        ("cc1plus", Role.COMPILER, "cc1plus"),
        ("kworker/0:1", Role.HELPER, "helper"),
    ],
)
def test_falls_back_to_the_short_name_of_a_dying_process(comm: str, role: Role, name: str) -> None:
    """A process without a readable title is known by its short name, if that is not ambiguous."""
    identity = identify("", comm)
    assert (identity.role, identity.name) == (role, name)


@pytest.mark.parametrize(
    "title",
    [
        "g++ -O3 a.cpp",
        "/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus -quiet",
        "/usr/bin/x86_64-linux-gnu-g++-12 a.cpp",
        "/usr/bin/ld -plugin x",
        "/usr/lib/gcc/x/collect2 -plugin",
        "clang-18 -c k.c",
        "/usr/local/cuda/bin/nvcc -arch=sm_90 k.cu",
        "ptxas-blackwell --gpu-name sm_100",
        "/usr/local/cuda/nvvm/bin/cicc x",
        "ninja -v -j 8",
    ],
)
def test_recognises_compilers(title: str) -> None:
    """Compilers, assemblers, linkers and ninja are compilers."""
    assert identify(title).role is Role.COMPILER


@pytest.mark.parametrize(
    "title",
    [
        "/venv/bin/python3.11 -B -c from multiprocessing.resource_tracker import main;main(31)",
        "/venv/bin/python /venv/lib/torch/_inductor/compile_worker/__main__.py --pickler=x",
        "/bin/sh -c pip show oneccl",
        "grep -w cc",
        "cmake --version",
        "openssl sha512 x",
        "python -m vllm.model_executor.models.registry",
        "VLLM::Sidecar",
        "",
    ],
)
def test_everything_else_is_a_helper(title: str) -> None:
    """What is not certain is a helper; so is inductor's pool, which lives on when nothing compiles."""
    assert identify(title, "python3.11", MAIN).role is Role.HELPER


def test_spawned_children_are_known_by_their_parent() -> None:
    """Before the title is set, a child of the main process is the engine core, and a child of that a worker."""
    assert identify(SPAWN, parent=MAIN).role is Role.ENGINE_CORE
    assert identify(SPAWN, parent=ENGINE).role is Role.WORKER
    assert identify(SPAWN).role is Role.HELPER


@pytest.mark.parametrize("option", ["-dp 2", "--data-parallel-size=2", "--api-server-count 4", "--api_server_count 4"])
def test_spawned_children_of_a_server_with_several_kinds_stay_helpers(option: str) -> None:
    """With data parallelism or several API servers a spawned child may be any of three things."""
    assert identify(SPAWN, parent=main_identity(f"vllm serve tiny {option}")).role is Role.HELPER


@pytest.mark.parametrize("parent", [MAIN, ENGINE])
def test_a_fork_that_still_shows_its_parents_title_is_a_helper(parent: Identity) -> None:
    """Between fork and exec a child is no second engine core; its end would look like a crash."""
    assert identify(parent.title, parent=parent).role is Role.HELPER


def test_a_server_below_a_wrapper_is_its_api_server() -> None:
    """Under `uv run` the main process is uv; the server is a child, and its child the engine core."""
    server = identify("/venv/bin/python /venv/bin/vllm serve tiny", parent=main_identity("uv run vllm serve tiny"))
    assert server.role is Role.API_SERVER
    assert identify(SPAWN, parent=server).role is Role.ENGINE_CORE


@pytest.mark.parametrize(
    ("trace", "names"),
    [
        ("tp2", {"EngineCore", "Worker_TP0", "Worker_TP1"}),
        ("dp2", {"EngineCore_DP0", "EngineCore_DP1", "Worker", "APIServer_0", "APIServer_1", "DPCoordinator"}),
        ("pp2", {"EngineCore", "Worker_PP0", "Worker_PP1"}),
        ("compile_cold", {"EngineCore", "Worker"}),
    ],
)
def test_names_every_process_of_recorded_runs(trace: str, names: set[str]) -> None:
    """In recordings of a real vLLM all named processes are recognised, and no other process is taken for one."""
    found: dict[int, Identity] = {}
    everybody: set[str] = set()
    for line in (TRACES / trace / "procs.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["event"] in {"new", "title"} and row["title"]:
            identity = identify(row["title"], row["comm"], found.get(row["ppid"])) if found else MAIN
            found[row["pid"]] = identity
            everybody.add(identity.name) if "::" in row["title"] else None
    assert names <= everybody
    assert everybody <= names | {"Worker", "helper"}
