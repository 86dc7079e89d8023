"""What a vLLM server says on /metrics: parsing, names, counters and histograms."""
