"""Failures of the model: its name, its files, and what they hold."""

from __future__ import annotations

from vmon_core.evidence import FailureCategory
from vmon_plugin_vllm.log.failures.rule import DEATH, FailureRule, config

_NAME = (
    config(
        r"Repo id must be in the form [^:]*: '(?P<name>[^']*)'",
        "model.not_found",
        "There is no folder {name}, so vLLM took it for a name on the hub, where it cannot be one.",
        "Correct the path, or the name in the form OWNER/MODEL.",
    ),
    config(
        r"(?P<name>\S+) is not a local folder and is not a valid model identifier"
        r"|Repository Not Found for url: (?P<url>\S+)|RepositoryNotFoundError: ",
        "model.not_found",
        "There is no such folder, and the hub shows no model of that name.",
        "Correct the name; for a private model set HF_TOKEN.",
    ),
    FailureRule(
        pattern=r"Cannot find an appropriate cached snapshot folder|outgoing traffic has been disabled"
        r"|LocalEntryNotFoundError: |couldn't connect to '?https://huggingface\.co",
        code="model.not_cached_offline",
        category=FailureCategory.CONFIG,
        explanation="The model is not in the local cache, and the hub cannot be asked for it.",
        fix="Download it first (`hf download MODEL`), or go online: unset HF_HUB_OFFLINE.",
        again="once the model is in the cache",
    ),
    FailureRule(
        pattern=r"429 Client Error|Too Many Requests",
        code="model.hub_rate_limited",
        category=FailureCategory.TRANSIENT,
        explanation="The hub refuses to send more files for now.",
        fix="Wait some minutes, and set HF_TOKEN: requests with a token may be more.",
        again="after some minutes",
    ),
    config(
        r"gated repo|Access to model (?P<name>\S+) is restricted|40[13] Client Error",
        "model.gated",
        "The hub gives this model only to users who were granted access.",
        "Ask for access on the model's page, and set HF_TOKEN.",
    ),
    config(
        r"(?P<revision>\S+) is not a valid git identifier|RevisionNotFoundError: |Invalid rev id",
        "model.revision_not_found",
        "The model has no such revision.",
        "Correct --revision, or leave it out.",
    ),
    FailureRule(
        pattern=r"Max retries exceeded with url|Temporary failure in name resolution|(?:Connect|Read)Timeout: ",
        code="network.unreachable",
        category=FailureCategory.TRANSIENT,
        explanation="A server on the network, such as the hub, did not answer.",
        fix="Look at the network and proxy settings (HTTPS_PROXY), or download the model first.",
        again="once the network works",
    ),
)

_CONFIGURATION = (
    config(
        r"config file at '(?P<path>[^']*)' is not a valid JSON file",
        "model.config_unreadable",
        "The file {path} is no valid JSON.",
        "Download that file again.",
    ),
    FailureRule(
        pattern=r"JSONDecodeError: (?P<problem>.+)",
        code="model.config_unreadable",
        category=FailureCategory.CONFIG,
        explanation="A file of the model (config.json, the tokenizer's) is no valid JSON: {problem}.",
        fix="Download the model's configuration files again.",
        weight=DEATH,  # the line that names the file says more
    ),
    config(
        r"Invalid repository ID or local directory specified: '(?P<path>[^']*)'",
        "model.no_config",
        "There is no config.json (nor params.json) in {path}.",
        "Name a folder with a complete model, or download its configuration files.",
    ),
    config(
        r"model type `(?P<type>[^`]*)` but Transformers does not recognize",
        "model.unknown_architecture",
        "The installed transformers does not know the model type {type} of config.json.",
        "Update transformers (and vLLM), or correct model_type in config.json.",
    ),
    config(
        r"Unrecognized model in (?P<path>\S+?)\.? Should have",
        "model.unknown_architecture",
        "The config.json in {path} names no model type.",
        "Download config.json again, or name a folder with a model that transformers knows.",
    ),
    config(
        r"Model architectures \[(?P<names>[^\]]*)\] are not supported|has no vLLM implementation",
        "model.unknown_architecture",
        "This version of vLLM cannot run the architecture {names} of config.json.",
        "Update vLLM, or use another model.",
    ),
    config(
        r"object has no attribute '\w+' \(at .*config_dict",
        "model.config_unreadable",
        "config.json holds something else than the settings of a model.",
        "Download config.json again.",
    ),
    config(
        r"Unknown RoPE scaling type (?P<type>\S+)",
        "model.rope_scaling",
        "This version of vLLM cannot scale positions by {type}, as config.json asks.",
        "Update vLLM, or correct rope_parameters in config.json (or by --hf-overrides).",
    ),
    config(
        r"hidden size \((?P<size>\d+)\) is not a multiple of the number of attention heads \((?P<heads>\d+)\)",
        "model.config_inconsistent",
        "config.json contradicts itself: a hidden size of {size} cannot be shared by {heads} attention heads.",
        "Download config.json again, or undo what was changed in it (also by --hf-overrides).",
    ),
    config(
        r"num_heads \((?P<heads>\d+)\) is not divisible by num_kv_heads \((?P<kv_heads>\d+)\)",
        "model.config_inconsistent",
        "config.json contradicts itself: {heads} attention heads cannot share {kv_heads} KV heads.",
        "Download config.json again, or undo what was changed in it (also by --hf-overrides).",
    ),
    FailureRule(
        pattern=r"StrictDataclass\w*Error: (?P<problem>.+)",
        code="model.config_inconsistent",
        category=FailureCategory.CONFIG,
        explanation="config.json holds a value that transformers refuses: {problem}",
        fix="Download config.json again, or undo what was changed in it (also by --hf-overrides).",
        weight=DEATH,  # the line after it says which
    ),
    config(
        r"trust_remote_code=True|contains custom code which must be executed",
        "model.remote_code",
        "The model brings Python code of its own, which vLLM runs only when told to.",
        "Read that code, then add --trust-remote-code.",
    ),
    config(
        r"Couldn't instantiate the backend tokenizer|Can't load tokenizer for '(?P<path>[^']*)'",
        "model.tokenizer",
        "The model's folder holds no tokenizer that can be loaded.",
        "Download the tokenizer's files, or name another folder by --tokenizer.",
    ),
)

_WEIGHTS = (
    config(
        r"Cannot find any model weights with `(?P<path>[^`]*)`",
        "model.no_weights",
        "There are no weights in {path}.",
        "Download the model's weights into that folder.",
    ),
    config(
        r"Weight files referenced in index but missing: \{(?P<files>[^}]*)\}",
        "model.shards_missing",
        "The index names weight files that are not there: {files}.",
        "Download the missing files; the download was not finished.",
    ),
    config(
        r"SafetensorError: (?:.*?: )?(?P<problem>.+)",
        "model.weights_corrupt",
        "A weight file is cut short or damaged: {problem}.",
        "Download the weights again.",
    ),
    config(
        r"(?P<problem>PytorchStreamReader failed.*|invalid load key.*)",
        "model.weights_corrupt",
        "A weight file is cut short or damaged: {problem}.",
        "Download the weights again.",
    ),
    config(
        r"(?P<problem>size mismatch for .+|start \(\d+\) \+ length \(\d+\) exceeds dimension size \(\d+\)"
        r"|(?:Attempted|Tried) to load weights? .* parameter.*|.*were not initialized from checkpoint.*"
        r"|shape mismatch.*"
        r"|There is no module or parameter named '[^']*'|assert .*loaded_weight\.(?:shape|size).*)",
        "model.weights_mismatch",
        "Weights and config.json do not fit each other: {problem}.",
        "Download config.json and weights of the same model again.",
    ),
)

FAILURES: tuple[FailureRule, ...] = (*_NAME, *_CONFIGURATION, *_WEIGHTS)
"""Special ones before general ones."""
