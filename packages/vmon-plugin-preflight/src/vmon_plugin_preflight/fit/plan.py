"""The parallel layout of a launch: how many ranks there are, and which layers each stage has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from vmon_plugin_preflight.command.arguments import Arguments


@attrs.frozen(kw_only=True)
class Plan:
    """How the work is divided.

    Attributes:
        tensor, pipeline, prefill_context, decode_context, data: parallel sizes; decode context parallelism uses the
            ranks that tensor and prefill context parallelism have.
        data_local: replicas on this node, None when vLLM derives it.
        nodes: machines; node_rank: the number of this one.
        expert: whether experts are spread over the ranks.
        external: whether each replica is started on its own, so that this launch starts only one.
    """

    tensor: int = 1
    pipeline: int = 1
    prefill_context: int = 1
    decode_context: int = 1
    data: int = 1
    data_local: int | None = None
    nodes: int = 1
    node_rank: int = 0
    expert: bool = False
    external: bool = False

    @property
    def world(self) -> int:
        """Ranks of one replica."""
        return self.tensor * self.pipeline * self.prefill_context

    @property
    def local_ranks(self) -> int:
        """Ranks that this launch puts on this machine.

        >>> Plan(tensor=2, pipeline=2, data=2).local_ranks, Plan(tensor=8, pipeline=2, nodes=2).local_ranks
        (8, 8)
        """
        if self.nodes > 1:
            return self.world * self.data // self.nodes
        replicas = 1 if self.external else self.data if self.data_local is None else self.data_local
        return self.world * replicas

    @property
    def expert_ranks(self) -> int:
        """Ranks that share the experts of a layer: with data parallelism those of all replicas."""
        return self.tensor * self.prefill_context * self.data


def read_plan(arguments: Arguments) -> Plan:
    """Read the layout from the command line."""
    return Plan(
        tensor=arguments.size("tensor_parallel_size"),
        pipeline=arguments.size("pipeline_parallel_size"),
        prefill_context=arguments.size("prefill_context_parallel_size"),
        decode_context=arguments.size("decode_context_parallel_size"),
        data=arguments.size("data_parallel_size"),
        data_local=arguments.get("data_parallel_size_local", int),
        nodes=arguments.size("nnodes"),
        node_rank=arguments.get("node_rank", int) or 0,
        expert=arguments.get("enable_expert_parallel", bool) or False,
        external=arguments.get("data_parallel_external_lb", bool)
        or arguments.get("data_parallel_rank", int) is not None,
    )


def partition(layers: int, stages: int, given: str | None = None) -> tuple[int, ...]:
    """How many layers each stage has, as `get_pp_indices` of vLLM 0.32 divides them.

    Args:
        layers: of the model.
        stages: of the pipeline.
        given: the value of `VLLM_PP_LAYER_PARTITION`, None when it is not set.

    Returns:
        A number for each stage: equal ones, and those that are left over to the stages before the last.

    Raises:
        ValueError: `given` does not fit.

    >>> partition(31, 4)
    (8, 8, 8, 7)
    """
    if given is not None:
        return _given(layers, stages, given)
    counts = [layers // stages] * stages
    for position in range(2, layers % stages + 2):
        counts[-position] += 1
    return tuple(counts)


def _given(layers: int, stages: int, text: str) -> tuple[int, ...]:
    """The partition that somebody wrote."""
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError:
        message = f"VLLM_PP_LAYER_PARTITION={text} is no list of numbers"
        raise ValueError(message) from None
    if len(counts) != stages:
        message = f"VLLM_PP_LAYER_PARTITION={text} has {len(counts)} stages, and --pipeline-parallel-size is {stages}"
        raise ValueError(message)
    if sum(counts) != layers:
        message = f"VLLM_PP_LAYER_PARTITION={text} has {sum(counts)} layers, and the model has {layers}"
        raise ValueError(message)
    return counts
