"""Failures of devices, links and peers, at the start and later."""

from __future__ import annotations

from vmon_core.evidence import FailureCategory
from vmon_plugin_vllm.log.failures.rule import FailureRule, Remedy

_AGAIN = "when it does not come back at once"
_CAPTURE = (Remedy.CAPTURE_EVIDENCE, Remedy.RESTART_ENGINE)

_LINKS = (
    FailureRule(
        pattern=r"Watchdog caught collective operation timeout|ncclRemoteError|NCCL.* timed? ?out",
        code="nccl.timeout",
        category=FailureCategory.TRANSIENT,
        explanation="A rank waited in a collective operation for another one, which did not come.",
        fix="Look for the rank that is silent, hung or dead: each node's log, GPU and network.",
        again=_AGAIN,
        remedies=(Remedy.CAPTURE_EVIDENCE, Remedy.RESTART_GANG),
    ),
    FailureRule(
        pattern=r"Failed to load NCCL library from (?P<path>\S+)",
        code="nccl.library",
        category=FailureCategory.CONFIG,
        explanation="The NCCL library {path} cannot be loaded.",
        fix="Install nvidia-nccl (or RCCL) for this torch, or set VLLM_NCCL_SO_PATH.",
    ),
    FailureRule(
        pattern=r"(?:NCCL error: ?|(?=nccl(?:UnhandledCuda|System|Internal)Error))(?P<problem>.+)",
        code="nccl.error",
        category=FailureCategory.TRANSIENT,
        explanation="The GPUs could not talk to each other: {problem}.",
        fix="Start with NCCL_DEBUG=INFO to see which link fails; check NCCL_SOCKET_IFNAME, /dev/shm and P2P.",
        again=_AGAIN,
        remedies=(Remedy.RESTART_GANG,),
    ),
    FailureRule(
        pattern=r"DistStoreError: Timed out after (?P<seconds>\d+) seconds waiting for clients\. (?P<joined>\d+/\d+)",
        code="distributed.rendezvous",
        category=FailureCategory.TRANSIENT,
        explanation="The ranks did not find each other: {joined} had joined after {seconds} s.",
        fix="Check that each rank was started, and --master-addr, VLLM_HOST_IP and the firewall between the nodes.",
        again="once all ranks are started and reach each other",
        remedies=(Remedy.RESTART_GANG,),
    ),
    FailureRule(
        pattern=r"DistNetworkError|connectFullMesh failed",
        code="distributed.rendezvous",
        category=FailureCategory.TRANSIENT,
        explanation="A rank could not connect to another one.",
        fix="Check --master-addr, VLLM_HOST_IP, GLOO_SOCKET_IFNAME and the firewall between the nodes.",
        again="once all ranks are started and reach each other",
        remedies=(Remedy.RESTART_GANG,),
    ),
    FailureRule(
        pattern=r"Failing (?P<requests>\d+) request\(s\) due to KV load failure",
        code="kv_transfer.failed",
        category=FailureCategory.TRANSIENT,
        explanation="The KV cache of {requests} requests could not be fetched from its peer.",
        fix="Look at the KV connector's peer and network; kv_load_failure_policy=recompute keeps such requests alive.",
        again=_AGAIN,
        fatal=False,
    ),
    FailureRule(
        pattern=r"Fault detected in EP all2all communication.*?(?:Mask: (?P<mask>\[[^\]]*\]))?$",
        code="ep.rank_unreachable",
        category=FailureCategory.TRANSIENT,
        explanation="An expert-parallel rank does not answer; the mask of those that do is {mask}.",
        fix="Look at the log, GPU and network of the ranks that the mask names.",
        again=_AGAIN,
        remedies=(Remedy.RESTART_GANG,),
        fatal=False,
    ),
)

_DEVICES = (
    FailureRule(
        pattern=r"uncorrectable ECC|Xid (?:\(.*?\): )?(?P<xid>\d+)|GPU is lost|fallen off the bus",
        code="gpu.fault",
        category=FailureCategory.HARDWARE,
        explanation="The GPU, its memory or its bus failed.",
        fix="`vmon devices` and the kernel log (Xid) say which GPU and what would help; keep work away from it.",
        remedies=(Remedy.CAPTURE_EVIDENCE, Remedy.QUARANTINE),
    ),
    FailureRule(
        pattern=r"CUDA error: (?P<problem>an illegal memory access|unspecified launch failure|misaligned address"
        r"|an illegal instruction)",
        code="gpu.fault",
        category=FailureCategory.BUG,
        explanation="A kernel went wrong on the GPU ({problem}): a defect of the software, or of the device.",
        fix="When the kernel log shows an Xid other than 13 and 31, suspect the GPU; else report it to vLLM with "
        "CUDA_LAUNCH_BLOCKING=1.",
        again=_AGAIN,
        remedies=_CAPTURE,
    ),
    FailureRule(
        pattern=r"CUDA error: device-side assert triggered",
        code="gpu.assertion",
        category=FailureCategory.BUG,
        explanation="A kernel was given values that it cannot work with, such as a token beyond the vocabulary.",
        fix="Check that tokenizer and model belong together; start with CUDA_LAUNCH_BLOCKING=1 to see the kernel.",
        again=_AGAIN,
        remedies=_CAPTURE,
    ),
    FailureRule(
        pattern=r"NaNs detected in logits",
        code="model.corrupt_output",
        category=FailureCategory.HARDWARE,
        explanation="The model computes values that are no numbers; its answers are wrong.",
        fix="Compare the weights with their source, and look for GPU memory errors (ECC, Xid).",
        remedies=(Remedy.QUARANTINE,),
        fatal=False,
    ),
)

_SILENCE = (
    FailureRule(
        pattern=r"RPC call to (?P<method>\w+) timed out",
        code="rpc.timeout",
        category=FailureCategory.TRANSIENT,
        explanation="A worker did not answer the call {method} within VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS.",
        fix="Find out what the worker waits for: its stack next time (py-spy), its GPU, its peers.",
        again=_AGAIN,
        remedies=_CAPTURE,
    ),
    FailureRule(
        pattern=r"Timed out waiting for engine core processes to start(?:.*Waited (?P<seconds>\d+)s)?",
        code="engine.start_timeout",
        category=FailureCategory.TRANSIENT,
        explanation="The engine was not ready after {seconds} s, as long as the API server waits for it.",
        fix="Find the slow phase (`vmon report`); raise VLLM_ENGINE_READY_TIMEOUT_S when it only needs longer.",
        again="when what was slow is cached now: a download, compiled kernels",
        remedies=_CAPTURE,
    ),
    FailureRule(
        pattern=r"Did not receive response from front-end process within (?P<time>[\w ]+)",
        code="engine.start_timeout",
        category=FailureCategory.TRANSIENT,
        explanation="The engine core waited {time} for its API server, which did not answer.",
        fix="Look for what holds up or killed the API server; between nodes, at the firewall.",
        again=_AGAIN,
        remedies=_CAPTURE,
    ),
)

FAILURES: tuple[FailureRule, ...] = (*_LINKS, *_DEVICES, *_SILENCE)
"""Special ones before general ones."""
