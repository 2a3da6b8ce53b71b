"""The transactions of what changes who gets in: they look once more at who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from app.identity.access import check
from app.identity.asking import Shown, who_asks_now
from app.identity.people import one_at_a_time
from app.sessions import WriteSession


def look_again(request: Request, session: Session) -> None:
    """Let a request go on in its transaction only if it may still do what it asks for; raises what the gate raises.

    Between the gate and the transaction lies a wait for whoever writes just then: an admin, perhaps, who lets this very
    person in no more.
    """
    one_at_a_time(session)
    found = request.state.found
    check(found, who_asks_now(session, Shown.by(request), found))


def sure_session(request: Request, session: WriteSession) -> Session:
    """A write transaction in which whoever asks may do so until it ends."""
    look_again(request, session)
    return session


SureSession = Annotated[Session, Depends(sure_session, scope="function")]
