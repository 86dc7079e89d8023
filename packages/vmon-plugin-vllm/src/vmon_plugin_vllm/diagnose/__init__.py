"""What vmon can and cannot see of a server: versions, metrics, messages, endpoints, and the rules that rest on them."""
