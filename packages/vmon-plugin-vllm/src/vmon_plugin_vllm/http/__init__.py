"""Asking a server how it is, without ever hurting it or believing too much."""
