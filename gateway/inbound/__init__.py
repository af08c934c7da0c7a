"""Bytes in, bytes out: the agents' side of the gateway."""
