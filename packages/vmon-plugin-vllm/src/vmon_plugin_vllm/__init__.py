"""The vllm plugin of vmon."""
