"""Rules about the size of a step: how many tokens and sequences the scheduler may take at once.

`SchedulerConfig.verify_max_model_len` of vLLM 0.32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_preflight.fit.memory import length_of
from vmon_plugin_preflight.fit.plan import read_plan
from vmon_plugin_preflight.launch import Platform
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

_DEFAULT_ON_CPU = 2048  # for each rank: `EngineArgs.get_batch_defaults`
_LARGEST_DEFAULT = 16384  # on the largest GPUs


@rule("batch.tokens")
def tokens(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A prompt that is not cut into chunks must fit into one step."""
    batched, config = launch.arguments.get("max_num_batched_tokens", int), launch.subject.config
    length = length_of(launch, config) if config is not None else launch.arguments.get("max_model_len", int)
    chunked = launch.arguments.get("enable_chunked_prefill", bool)
    if batched is None or length is None or chunked is not False:
        return
    words = f"--max-num-batched-tokens {batched}, and requests of up to {length} tokens that are not cut into chunks"
    if batched < length:
        fix = f"--max-num-batched-tokens {length}, or leave out --no-enable-chunked-prefill"
        yield failure("batch.tokens", f"too few tokens for a step: {words}", fix=fix)
    else:
        yield ok("batch.tokens", words)


@rule("batch.sequences")
def sequences(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A step has at least one token for each sequence."""
    wanted, batched = launch.arguments.get("max_num_seqs", int), launch.arguments.get("max_num_batched_tokens", int)
    if wanted is None:
        return
    most = batched if batched is not None else _most_by_default(launch)
    words = f"{wanted} sequences, and {'' if batched is not None else 'at most '}{most} tokens in a step"
    if wanted > most:
        yield failure("batch.sequences", words, fix=f"--max-num-batched-tokens {wanted}, or a smaller --max-num-seqs")
    else:
        yield ok("batch.sequences", words)


def _most_by_default(launch: Launch) -> int:
    """The most tokens that vLLM would choose itself; without chunks as many as the longest request has."""
    length = launch.arguments.get("max_model_len", int) or 0
    on_cpu = launch.platform is Platform.CPU
    return max(_DEFAULT_ON_CPU * read_plan(launch.arguments).world if on_cpu else _LARGEST_DEFAULT, length)


RULES = (tokens, sequences)
