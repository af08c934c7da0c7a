"""What reviewers asked agents, and what these answered: part of a request, saved with its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, update

from approvals.domain.model import ApprovalRequest, PersonId, Question
from approvals.storage.frame import Group
from approvals.storage.tables import IS_PENDING, IS_REAL, requests
from approvals.storage.tables_talk import questions


class Questions(Group):
    """Statements about questions."""

    def of(self, request_ids: Sequence[str]) -> Mapping[str, tuple[Question, ...]]:
        """The questions of some requests, each in their order."""
        found: dict[str, tuple[Question, ...]] = {}
        if not request_ids:
            return found
        asked = select(questions).where(questions.c.request_id.in_(request_ids))
        for row in self._run(asked.order_by(questions.c.request_id, questions.c.ordinal)).mappings():
            # Once the key was destroyed, nobody can say any more what was asked and answered.
            cells = self._tx.cells_of([row["request_id"]]).get(row["request_id"])
            one = Question(
                by=PersonId(row["by"]),
                via=row["via"],
                at=row["at"],
                text="" if cells is None else cells.open(questions.c.text, row["text"]) or "",
                told_at=row["told_at"],
                answer=None if cells is None else cells.open(questions.c.answer, row["answer"]),
                answered_at=row["answered_at"],
            )
            found[row["request_id"]] = (*found.get(row["request_id"], ()), one)
        return found

    def save(self, before: ApprovalRequest, after: ApprovalRequest) -> None:
        """What one step asked or answered."""
        for ordinal, one in enumerate(after.questions):
            if ordinal >= len(before.questions):
                row = {"by": one.by, "via": one.via, "at": one.at, "text": one.text}
                sealed = self._tx.cells(after.id).row(questions, row)
                self._run(questions.insert().values(request_id=after.id, ordinal=ordinal, **sealed))
            elif one != before.questions[ordinal]:
                at = (questions.c.request_id == after.id, questions.c.ordinal == ordinal)
                said = self._tx.cells(after.id).row(questions, {"answer": one.answer, "answered_at": one.answered_at})
                self._run(update(questions).where(*at).values(said))

    def told(self, request_id: str, at: datetime) -> None:
        """The agent has been given the oldest question that is open."""
        untold = questions.c.request_id == request_id, questions.c.answered_at.is_(None)
        oldest = select(questions.c.ordinal).where(*untold).order_by(questions.c.ordinal).limit(1).scalar_subquery()
        first = (*untold, questions.c.told_at.is_(None), questions.c.ordinal == oldest)
        self._run(update(questions).where(*first).values(told_at=at))

    def waits_for(self, agent: str) -> bool:
        """Has this agent a question to answer?"""
        theirs = select(requests.c.id).join(questions, questions.c.request_id == requests.c.id)
        is_open = (questions.c.answered_at.is_(None), requests.c.agent == agent, IS_PENDING, IS_REAL)
        return self._run(theirs.where(*is_open).limit(1)).first() is not None
