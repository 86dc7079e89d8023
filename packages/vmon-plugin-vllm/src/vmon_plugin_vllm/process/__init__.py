"""The processes of a vLLM server: launching, finding, watching and burying them."""
