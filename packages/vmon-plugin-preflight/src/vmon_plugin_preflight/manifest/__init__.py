"""A Kubernetes manifest: what it says about probes, times, memory and the command of a server."""
