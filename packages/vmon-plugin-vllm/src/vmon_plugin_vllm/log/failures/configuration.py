"""Failures of the configuration: sizes and features that do not go together."""

from __future__ import annotations

from vmon_plugin_vllm.log.failures.rule import FailureRule, config

INVALID_SETTING = config(
    r"^(?P<setting>[^:]+): (?:Value error, |Assertion failed, )?(?P<problem>.*)$",
    "config.invalid_value",
    "vLLM refuses its setting {setting}: {problem}.",
    "Correct the setting that the message names.",
)
"""For what pydantic says in several lines, put together as `SETTING: PROBLEM`."""

_PARALLEL = (
    config(
        r"attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<ranks>\d+)\)",
        "config.parallel_layout",
        "The model's {heads} attention heads cannot be divided among {ranks} tensor-parallel ranks.",
        "Set --tensor-parallel-size to a divisor of {heads}.",
    ),
    config(
        r"World size \((?P<ranks>\d+)\) is larger than the number of available GPUs \((?P<gpus>\d+)\)",
        "config.parallel_layout",
        "The launch wants {ranks} GPUs and sees {gpus}.",
        "Lower --tensor-parallel-size or --pipeline-parallel-size to {gpus} GPUs in all, or make more of them visible "
        "(CUDA_VISIBLE_DEVICES).",
    ),
    config(
        r"Pipeline parallelism is not supported",
        "config.parallel_layout",
        "This model cannot be cut into pipeline stages.",
        "Leave --pipeline-parallel-size out, and use --tensor-parallel-size instead.",
    ),
    config(
        r"(?P<size>\w+=\d+|[\w ]+ \(\d+\)) must be divisible by (?P<divisor>\w+=\d+|[\w `-]*parallel[\w `-]*\(\d+\))",
        "config.parallel_layout",
        "The parallel sizes do not go together: {size} cannot be divided by {divisor}.",
        "Change one of the two sizes.",
    ),
    config(
        r"Invalid data-parallel launch options: (?P<problem>.+?\.)(?:\s|$)",
        "config.parallel_layout",
        "The parallel sizes do not go together: {problem}",
        "Make --nnodes divide the product of the parallel sizes, and --node-rank smaller than --nnodes.",
    ),
    config(
        r"data_parallel_size_local \((?P<here>\d+)\) must be <= data_parallel_size \((?P<all>\d+)\)",
        "config.parallel_layout",
        "{here} data-parallel ranks are to run on this node, and there are only {all} in all.",
        "Lower --data-parallel-size-local, or raise --data-parallel-size.",
    ),
    config(
        r"Decode context parallelism for GQA/MQA requires|`--decode-context-parallel-size` \(\d+\) exceeds",
        "config.parallel_layout",
        "Decode context parallelism needs more tensor-parallel ranks than the model has KV heads.",
        "Lower --decode-context-parallel-size, or raise --tensor-parallel-size.",
    ),
    config(
        r"Number of experts in the model must be greater than 0 when expert parallelism",
        "config.expert_parallel",
        "Expert parallelism was asked for, and the model has no experts.",
        "Leave --enable-expert-parallel out.",
    ),
    config(
        r"Failed to import Ray: (?P<problem>[^.]+)|Using Ray backend requires installation of ray",
        "config.ray_missing",
        "Ray is to start the workers, and it is not installed.",
        "`pip install ray`, or leave --distributed-executor-backend ray out.",
    ),
    config(
        r"Not enough allowed NUMA nodes to bind threads of (?P<workers>\d+)",
        "config.cpu_binding",
        "{workers} CPU workers want a NUMA node of their own, and there are fewer.",
        "Set VLLM_CPU_OMP_THREADS_BIND=nobind, or lower --tensor-parallel-size.",
    ),
)

_LENGTHS = (
    config(
        r"max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len"
        r" \((?:max_position_embeddings=)?(?P<limit>\d+)",
        "config.max_model_len",
        "--max-model-len {asked} is longer than the {limit} tokens that the model was made for.",
        "Set --max-model-len {limit} or less; VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 only for a model that can do more.",
    ),
    config(
        r"max_num_batched_tokens \((?P<tokens>\d+)\) is smaller than max_model_len \((?P<length>\d+)\)",
        "config.max_num_batched_tokens",
        "Without chunked prefill a whole prompt of up to {length} tokens must fit into one batch of {tokens}.",
        "Set --max-num-batched-tokens {length} or more, or leave --no-enable-chunked-prefill out.",
    ),
    config(
        r"max_num_batched_tokens \((?P<tokens>\d+)\) must be greater than or equal to max_num_seqs"
        r" \((?P<sequences>\d+)\)",
        "config.max_num_batched_tokens",
        "A batch of {tokens} tokens is too small for {sequences} sequences, each of which needs one at least.",
        "Set --max-num-seqs {tokens} or less, or raise --max-num-batched-tokens.",
    ),
    config(
        r"No common block size for (?P<size>\d+) \((?P<backends>.*?)\)\.",
        "config.block_size",
        "The attention backend cannot work with KV cache blocks of {size} tokens: {backends}.",
        "Leave --block-size out, or take a size that the message names.",
    ),
)

_FEATURES = (
    config(
        r"Sleep mode is not supported on current platform",
        "config.sleep_mode_unsupported",
        "Sleep mode was asked for, and this platform cannot sleep.",
        "Leave --enable-sleep-mode out: it needs a GPU.",
    ),
    config(
        r"Unknown quantization method: (?P<method>[\w.-]+)",
        "config.quantization",
        "This version of vLLM knows no quantization {method}.",
        "Leave --quantization out (the model says what it is), or take a method that the message names.",
    ),
    config(
        r"model config \((?P<model>[\w.-]+)\) does not match .*`quantization` argument \((?P<asked>[\w.-]+)\)",
        "config.quantization",
        "The weights are quantized by {model}, and --quantization asks for {asked}.",
        "Leave --quantization out, or set it to {model}.",
    ),
    config(
        r"Cannot find the config file for (?P<method>[\w.-]+)",
        "config.quantization",
        "--quantization asks for {method}, and the model's files hold no such weights.",
        "Leave --quantization out, or use a model that was quantized by {method}.",
    ),
    config(
        r"Cannot find any of \[(?P<keys>[^\]]*)\] in the model's quantization config",
        "config.quantization",
        "The model's quantization_config lacks {keys}, which its method needs.",
        "Download config.json again, or leave --quantization out.",
    ),
    config(
        r"[Qq]uantization method (?P<method>.+?) is not supported for the current GPU\."
        r" Minimum capability: (?P<least>\d+)\. Current capability: (?P<found>-?\d+)",
        "config.quantization",
        "Quantization {method} needs compute capability {least} (times ten), and the GPU has {found}.",
        "Use another GPU, or the model without this quantization.",
    ),
    config(
        r"(?P<method>[\w.-]+) quantization is currently not supported in (?P<device>[\w-]+)"
        r"|[Qq]uantization method .* is not supported",
        "config.quantization",
        "Quantization {method} does not work on {device}.",
        "Use the model without this quantization, or another device.",
    ),
    config(
        r"Bfloat16 is only supported on GPUs with compute capability of at least 8\.0"
        r"|model type (?P<model>\S+) does not support float16",
        "config.dtype",
        "The GPU or the model cannot compute in the --dtype that was asked for.",
        "Set --dtype to what the message names: half for a GPU older than compute capability 8.0, else auto.",
    ),
    config(
        r"Selected backend (?P<backend>\S+) is not valid for|No valid attention backend found for (?P<device>\S+)",
        "config.attention_backend",
        "No attention backend, or not the one that was asked for, can serve this model on this device.",
        "Leave --attention-backend out; the reasons behind the message name the setting that rules the others out.",
    ),
    config(
        r"Load format `(?P<format>[^`]*)` is not supported",
        "config.load_format",
        "This version of vLLM has no loader for the format {format}.",
        "Leave --load-format out.",
    ),
    config(
        r"This model does not support `--runner (?P<runner>\w+)`",
        "config.runner",
        "The model cannot be run as --runner {runner}.",
        "Leave --runner out.",
    ),
    config(
        r"num_speculative_tokens must be provided",
        "config.speculative",
        "Speculative decoding was asked for without saying how many tokens to guess.",
        'Add "num_speculative_tokens" to --speculative-config.',
    ),
    config(
        r"Unsupported connector type: (?P<name>\S+)",
        "config.kv_connector",
        "This version of vLLM has no KV connector {name}.",
        'Correct "kv_connector" in --kv-transfer-config.',
    ),
    config(
        r"--enable-auto-tool-choice requires --tool-call-parser",
        "config.tool_parser",
        "Automatic tool choice needs a parser for the model's tool calls, and none is named.",
        "Add --tool-call-parser, or leave --enable-auto-tool-choice out.",
    ),
    config(
        r"invalid tool call parser: (?P<parser>\S+)",
        "config.tool_parser",
        "This version of vLLM has no tool call parser {parser}.",
        "Set --tool-call-parser to one of those that the message names.",
    ),
    config(
        r"[Rr]easoning parser '(?P<parser>[^']*)' not found",
        "config.reasoning_parser",
        "This version of vLLM has no reasoning parser {parser}.",
        "Set --reasoning-parser to one of those that the message names.",
    ),
    config(
        r"chat template string \((?P<path>[^)]*)\) appears path-like, but doesn't exist",
        "config.chat_template",
        "The chat template {path} does not exist.",
        "Correct the path after --chat-template.",
    ),
    config(
        r"Loading lora (?P<name>\S+) failed: (?P<problem>[^']+)",
        "config.lora",
        "The LoRA adapter {name} cannot be loaded: {problem}.",
        "Correct its path after --lora-modules.",
    ),
    config(
        r"LoRA rank (?P<rank>\d+) is greater than max_lora_rank (?P<most>\d+)",
        "config.lora",
        "The LoRA adapter has rank {rank}, and the server makes room for {most}.",
        "Set --max-lora-rank {rank}.",
    ),
    config(
        r"No such file or directory \(at .*load_cert_chain",
        "config.tls_files",
        "The TLS certificate or its key does not exist.",
        "Correct the paths after --ssl-certfile and --ssl-keyfile.",
    ),
)

FAILURES: tuple[FailureRule, ...] = (*_PARALLEL, *_LENGTHS, *_FEATURES)
"""Special ones before general ones."""
