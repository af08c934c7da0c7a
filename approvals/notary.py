"""Signs the head of the audit chain from time to time, and certifies requests.

A chain shows that nothing in it was changed, not that its end is still there: that is what signed heads are for, and
why a copy of each should leave the machine (`audit.checkpoints` in the configuration). Every replica runs one;
whoever comes second to the same head signs nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from approvals.domain import receipt
from approvals.domain.audit import Checkpoint, head_bytes, stamp
from approvals.domain.model import ApprovalRequest
from approvals.signing import Signer
from approvals.storage.engine import Database
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
AT_LEAST_EVERY = timedelta(minutes=1)
ENTRIES = 1_000
"""So many new entries are signed at once, however young the last signature is."""


class Notary:
    """Signs for the service. `file` gets a line for each signed head; None keeps them in the database alone."""

    def __init__(self, db: Database, signer: Signer, file: Path | None = None) -> None:
        self.signer, self.file = signer, file
        self._db = db

    async def run(self) -> None:
        """Sign what has grown, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> Checkpoint | None:
        """Sign the head if it is time to."""
        if not await self._db.read(_due):
            return None
        return await self.sign()

    async def sign(self) -> Checkpoint | None:
        """Sign the head as it stands; None when it is signed already, or there is none."""
        made = await self._db.write(self._sign)
        if made is not None and self.file is not None:
            await asyncio.to_thread(_append, self.file, made)
        return made

    def certify(self, tx: Tx, request: ApprovalRequest) -> bytes:
        """The receipt of a request that has been decided; of one that was destroyed, the one written before."""
        if request.destroyed is not None and (kept := tx.sealed.receipt(request.id)) is not None:
            return kept
        (last,) = tx.audit.newest(request=request.id, limit=1)
        payload = receipt.statement(request, salt=self.signer.salt(request.id), last=last)
        signature = self.signer.sign(receipt.signing_bytes(payload))
        return receipt.envelope(payload, key=self.signer.public.id, signature=signature)

    def _sign(self, tx: Tx) -> Checkpoint | None:
        seq, head = tx.audit.head()
        if seq == 0:
            return None
        checkpoint = Checkpoint(
            seq=seq,
            head=head,
            at=tx.now,
            key=self.signer.public.id,
            signature=self.signer.sign(head_bytes(seq, head, tx.now)).hex(),
        )
        return checkpoint if tx.audit.sign(checkpoint) else None


def line(checkpoint: Checkpoint) -> str:
    """A signed head as one line of JSON, as it is exported."""
    return json.dumps({"kind": "checkpoint", **asdict(checkpoint), "at": stamp(checkpoint.at)})


def _due(tx: Tx) -> bool:
    seq, _ = tx.audit.head()
    last = tx.audit.last_checkpoint()
    if last is None:
        return seq > 0
    return seq > last.seq and (tx.now - last.at >= AT_LEAST_EVERY or seq - last.seq >= ENTRIES)


def _append(file: Path, checkpoint: Checkpoint) -> None:
    # What cannot be written here is still signed in the database; the next one is tried anew.
    try:
        with file.open("a", encoding="ascii") as stream:
            stream.write(line(checkpoint) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as err:
        log.warning("signed head not written", extra={"file": str(file), "error": str(err)})
