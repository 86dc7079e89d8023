"""vmon: watches a vLLM deployment from its first log line to verified clean-up."""
