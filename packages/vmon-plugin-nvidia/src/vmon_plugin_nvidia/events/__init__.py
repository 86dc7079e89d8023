"""What happens to GPUs: told by NVML's events and by the kernel log, merged, and explained by a table of Xids."""
