"""From the words of a command line to the arguments that vLLM would see."""
