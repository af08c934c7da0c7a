"""Layers of policies: several that each narrow, as one. Organisation, then server, then agent (policy.md 3.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from gateway.policy.model import Policy


def layered(*stacks: Iterable[Policy]) -> tuple[Policy, ...]:
    """Layers of several origins, outer ones first. What comes twice is one layer, or its limits would count twice."""
    return tuple({policy.name: policy for stack in stacks for policy in stack}.values())


def narrowed(policies: tuple[Policy, ...], by: tuple[Policy, ...]) -> tuple[Policy, ...]:
    """The layers of a server narrowed by more. A server without any stays without: everything is denied there."""
    return layered(policies, by) if policies and by else policies


def version_of(layers: Sequence[Policy]) -> str:
    """The version that a ruling and a binding name: one policy's own, or the hash of its layers'."""
    return layers[0].version if len(layers) == 1 else _joined(tuple(layer.version for layer in layers))


@lru_cache(maxsize=256)
def _joined(versions: tuple[str, ...]) -> str:
    return hashlib.sha256(b"placet/layers/1\x00" + "\n".join(versions).encode()).hexdigest()
