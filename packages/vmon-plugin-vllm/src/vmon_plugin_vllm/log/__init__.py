"""Reading a vLLM server's log: from bytes to evidence."""
