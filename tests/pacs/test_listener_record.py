"""Who listens is recorded while its process lives, with the last caller that was not let in."""

from __future__ import annotations

import pytest

from fusion3d_gui.pacs.queues.inbox import Inbox
from fusion3d_gui.pacs.queues.listener_record import (
    ListenerRecord,
    forget_listening,
    record_listening,
    record_problem,
    running_listener,
)


@pytest.fixture
def inbox(tmp_path) -> Inbox:
    return Inbox(tmp_path / "inbox")


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_record_comes_back_as_it_was_written(inbox, clock, encrypted):
    assert running_listener(inbox) is None
    record_listening(inbox, ListenerRecord("OLD", "::1", 1, not encrypted, "gone"))
    record = ListenerRecord("FUSION3D", "127.0.0.1", 11112, encrypted, "PACS")
    record_listening(inbox, record)
    assert running_listener(inbox) == record
    record_problem(inbox, "a sentence")
    assert running_listener(inbox) == ListenerRecord(
        *("FUSION3D", "127.0.0.1", 11112, encrypted, "PACS"), "a sentence", clock.now
    )
    forget_listening(inbox)
    assert running_listener(inbox) is None
    record_problem(inbox, "of nobody")
    assert running_listener(inbox) is None


def test_each_can_be_the_first_to_use_the_table(tmp_path):
    record_problem(Inbox(tmp_path / "a"), "a sentence")
    forget_listening(Inbox(tmp_path / "b"))
    inbox = Inbox(tmp_path / "c")
    record_listening(inbox, ListenerRecord("A", "h", 1, False, ""))
    assert running_listener(inbox) == ListenerRecord("A", "h", 1, False, "", "", 0.0)


def test_a_listener_whose_process_is_gone_listens_no_more(inbox):
    record_listening(inbox, ListenerRecord("A", "h", 1, False, ""))
    with inbox.database() as database:
        database.execute("UPDATE listener SET process = '4194303999-5'")
    assert running_listener(inbox) is None


@pytest.mark.parametrize(
    ("encrypted", "target", "sentence"),
    [
        (False, "", "A listens on h, port 104; every result is held."),
        (True, "", "A listens on h, port 104, encrypted lines only; every result is held."),
        (False, "PACS", "A listens on h, port 104; results go to PACS."),
    ],
)
def test_who_listens_where_is_one_sentence(encrypted, target, sentence):
    assert ListenerRecord("A", "h", 104, encrypted, target).sentence == sentence
