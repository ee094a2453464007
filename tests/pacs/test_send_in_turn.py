"""What waits is sent in turn to a peer that answers as it is told: counts, reasons, and what is asked first."""

from __future__ import annotations

import pytest

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.pacs.peer import Outcome, Unreachable
from fusion3d_gui.pacs.query import StudyQuery
from fusion3d_gui.pacs.queues.outbox import Outbox
from fusion3d_gui.pacs.queues.send import Sent, send_waiting
from fusion3d_gui.pacs.queues.withdraw import (
    TITLE,
    withdraw,
    withdrawable,
    withdrawable_of_study,
)
from tests.pacs.small_objects import (
    CT,
    SERIES,
    STUDY,
    AnsweringPeer,
    node,
    small_object,
    small_objects,
)


@pytest.fixture
def outbox(tmp_path) -> Outbox:
    return Outbox(tmp_path / "outbox")


def states(outbox: Outbox) -> list[str]:
    """From the first item on."""
    return [item.state for item in reversed(outbox.items())]


def test_each_outcome_is_counted_and_each_reason_told_once(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 6), node(), STUDY)
    paths = [outbox.path_of(item) for item in reversed(outbox.items())]
    peer = AnsweringPeer(
        [
            Outcome("accepted"),
            Outcome("refused", "not taken"),
            Outcome("failed", "no room"),
            Outcome("refused", "not taken"),
            Outcome("accepted", "with a warning"),
            Outcome("failed", "no room"),
        ]
    )
    told: list[tuple[float, str]] = []
    done = send_waiting(
        outbox, [node()], lambda to: peer, lambda done, said: told.append((done, said))
    )
    assert done == Sent(2, 2, 2, ["not taken", "no room", "with a warning"])
    assert states(outbox) == ["accepted", "refused", "waiting", "refused", "accepted", "waiting"]
    assert told == [(0.0, f"{n} accepted") for n in (1, 1, 1, 1, 2, 2)]
    assert peer.sent == [paths]
    # A first attempt asks but for the patient, and once for a study.
    assert peer.asked == [("studies", StudyQuery(study_uid=STUDY))]
    # Copies that nothing waits for are gone.
    assert [path.exists() for path in paths] == [False, False, True, False, False, True]
    assert send_waiting(outbox, [node()], lambda to: peer) == Sent(0, 0, 0, [])


def test_each_node_is_sent_its_own_and_others_wait(outbox, tmp_path):
    files = small_objects(tmp_path, 2)
    for name in ("P", "Q", "R"):
        outbox.add(files, node(name), STUDY)
    peers = {name: AnsweringPeer() for name in ("P", "Q")}
    done = send_waiting(outbox, [node("P"), node("Q")], lambda to: peers[to.name])
    assert done == Sent(4, 0, 0, [])
    assert [len(peer.sent[0]) for peer in peers.values()] == [2, 2]
    assert states(outbox) == ["accepted"] * 4 + ["waiting"] * 2


def test_more_than_a_batch_is_sent_in_batches(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 23), node(), STUDY)
    peer = AnsweringPeer()
    assert send_waiting(outbox, [node()], lambda to: peer) == Sent(23, 0, 0, [])
    assert [len(each) for each in peer.sent] == [20, 3]


def test_a_node_out_of_reach_ends_the_attempt_and_all_of_it_waits(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 22), node(), STUDY)
    peer = AnsweringPeer([Outcome("accepted"), Unreachable("P: the line broke")])
    connected = []

    def connect(to):
        connected.append(to.name)
        return peer

    done = send_waiting(outbox, [node()], connect)
    assert done == Sent(1, 0, 19, ["P: the line broke"])
    assert connected == ["P"]
    assert states(outbox) == ["accepted"] + ["waiting"] * 21
    assert [item.attempts for item in reversed(outbox.items())] == [1] * 20 + [0] * 2


def test_a_peer_that_cannot_be_made_fails_all(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 2), node(), STUDY)

    def connect(to):
        raise UserError("P: the password is missing")

    done = send_waiting(outbox, [node()], connect)
    assert done == Sent(0, 0, 2, ["P: the password is missing"])
    assert {item.reason for item in outbox.items()} == {"P: the password is missing"}


def test_a_cancel_gives_back_what_was_not_tried(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 3), node(), STUDY)

    def progress(done: float, said: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        send_waiting(outbox, [node()], lambda to: AnsweringPeer(), progress)
    assert states(outbox) == ["accepted", "waiting", "waiting"]
    assert [item.next_s for item in outbox.items()] == [0.0] * 3


def test_after_a_failure_it_is_asked_whether_the_object_is_there(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 2), node(), STUDY)
    for item in outbox.claim("P", 9):
        outbox.settle(item, Outcome("failed", "no answer"))
    outbox.retry_now()
    peer = AnsweringPeer(has=[f"{SERIES}.1"])
    done = send_waiting(outbox, [node()], lambda to: peer)
    assert done == Sent(2, 0, 0, ["it was there already"])
    second, first = outbox.items()
    assert (first.reason, second.reason) == ("it was there already", "")
    assert [len(each) for each in peer.sent] == [1]
    assert peer.asked == [
        ("has", STUDY, SERIES, f"{SERIES}.1"),
        ("has", STUDY, SERIES, f"{SERIES}.2"),
        ("studies", StudyQuery(study_uid=STUDY)),
    ]


@pytest.mark.parametrize(
    ("patients", "accepted"),
    [([], 2), (["P-1"], 2), (["P-2", "P-1"], 2), (["P-2"], 0), ([""], 0)],
)
def test_a_study_goes_to_the_same_patient_only(outbox, tmp_path, patients, accepted):
    outbox.add(small_objects(tmp_path, 2), node(), STUDY)
    peer = AnsweringPeer(patients=patients)
    done = send_waiting(outbox, [node()], lambda to: peer)
    told = [] if accepted else ["the study of this UID belongs to another patient there"]
    assert done == Sent(accepted, 2 - accepted, 0, told)
    assert sum(map(len, peer.sent)) == accepted and len(peer.asked) == 1


def test_two_studies_are_asked_for_each(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 1), node(), STUDY)
    other = small_object(tmp_path / "o.dcm", "1.2.9.1", StudyInstanceUID="1.2.9", PatientID="P-9")
    outbox.add([other], node(), "1.2.9")
    peer = AnsweringPeer(patients=["P-9"])
    done = send_waiting(outbox, [node()], lambda to: peer)
    assert (done.accepted, done.refused) == (1, 1) and states(outbox) == ["refused", "accepted"]
    assert [query.study_uid for _, query in peer.asked] == [STUDY, "1.2.9"]


def test_what_only_test_systems_may_have_and_what_is_damaged_is_refused(outbox, tmp_path):
    files = small_objects(tmp_path, 3)
    outbox.add(files[:1], node(is_test=True), STUDY, only_test="a test")
    outbox.add(files[1:], node(), STUDY)
    outbox.path_of(outbox.items()[0]).write_bytes(b"damaged")
    peer = AnsweringPeer()
    done = send_waiting(outbox, [node()], lambda to: peer)
    assert done == Sent(
        *(1, 2, 0),
        [
            "the node is not marked as a test system any more: a test",
            "its copy in the queue is damaged",
        ],
    )
    assert states(outbox) == ["refused", "accepted", "refused"]


def test_a_test_system_gets_what_only_it_may_have(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 1), node(is_test=True), STUDY, only_test="a test")
    done = send_waiting(outbox, [node(is_test=True)], lambda to: AnsweringPeer())
    assert done == Sent(1, 0, 0, [])


# -- commitment -----------------------------------------------------------------------------------


def test_a_node_is_asked_to_commit_to_what_it_accepted(outbox, tmp_path):
    files = small_objects(tmp_path, 3)
    outbox.add(files, node("Q"), STUDY)
    send_waiting(outbox, [node("Q")], lambda to: AnsweringPeer())
    outbox.add(files, node(), STUDY)
    peer = AnsweringPeer([Outcome("accepted"), Outcome("refused", "no")], commits={f"{SERIES}.1"})
    done = send_waiting(outbox, [node(commitment=True)], lambda to: peer)
    told = "P: it does not commit to 1 of what it accepted"
    assert done == Sent(2, 1, 0, ["no", told])
    assert peer.asked[-1] == ("commit", {f"{SERIES}.1": CT, f"{SERIES}.3": CT})
    assert states(outbox) == ["accepted"] * 3 + ["committed", "refused", "accepted"]
    # What is open is asked for again, and nothing else.
    peer = AnsweringPeer()
    assert send_waiting(outbox, [node(commitment=True)], lambda to: peer) == Sent()
    assert peer.asked == [("commit", {f"{SERIES}.3": CT})]
    assert send_waiting(outbox, [node(commitment=True)], lambda to: peer) == Sent()
    assert len(peer.asked) == 1


def test_a_node_without_commitment_is_not_asked_and_a_failure_is_told(outbox, tmp_path):
    outbox.add(small_objects(tmp_path, 1), node(), STUDY)
    peer = AnsweringPeer(commits=UserError("P: no answer"))
    assert send_waiting(outbox, [node()], lambda to: peer) == Sent(1, 0, 0, [])
    assert send_waiting(outbox, [node(commitment=True)], lambda to: peer) == Sent(
        *(0, 0, 0), ["P: no answer"]
    )
    assert states(outbox) == ["accepted"]


def test_commitment_is_asked_for_within_a_day(outbox, tmp_path, clock):
    outbox.add(small_objects(tmp_path, 1), node(), STUDY)
    send_waiting(outbox, [node()], lambda to: AnsweringPeer())
    peer = AnsweringPeer(commits=set())
    clock.now += 86_399.5
    send_waiting(outbox, [node(commitment=True)], lambda to: peer)
    assert len(peer.asked) == 1
    clock.now += 1.0
    send_waiting(outbox, [node(commitment=True)], lambda to: peer)
    assert len(peer.asked) == 1


# -- withdrawing ----------------------------------------------------------------------------------


def test_what_is_withdrawn_is_of_one_sending_one_study_and_one_node(outbox, tmp_path, clock):
    files = small_objects(tmp_path, 3)
    other = small_object(tmp_path / "o.dcm", "1.2.9.1", StudyInstanceUID="1.2.9")
    for name in ("P", "Q"):
        outbox.add(files[:2], node(name), STUDY)
        outbox.add([other], node(name), "1.2.9")
    clock.now += 1
    outbox.add(files[2:], node(), STUDY, title="Later")
    for name in ("P", "Q"):
        send_waiting(outbox, [node(name)], lambda to: AnsweringPeer())
    items = outbox.items()
    first = items[-1]
    assert [each.id for each in withdrawable(items, first)] == [2, 1]
    assert [each.id for each in withdrawable_of_study(items, node(), STUDY)] == [7, 2, 1]
    assert [each.id for each in withdrawable_of_study(items, node("Q"), "1.2.9")] == [6]
    one = withdrawable_of_study(items, node(), STUDY, [first.uid])
    assert one == [first]
    for uids in ([first.uid, "9.9"], ["9.9"]):
        with pytest.raises(UserError) as error:
            withdrawable_of_study(items, node(), STUDY, uids)
        assert error.value.problem == (
            "P: it has not accepted from here what is to be withdrawn, or it is withdrawn already"
        )
        assert error.value.remedy == "See: fusion3d pacs queue."
    with pytest.raises(UserError, match="nothing of this study"):
        withdraw(outbox, node("Q"), one)

    clock.now += 1
    copy = withdraw(outbox, node(), one)
    note = outbox.items()[0]
    assert (note.title, note.only_test, note.study_uid) == (TITLE, "", STUDY)
    assert outbox.path_of(note) == copy and note.patient_id == "P-1"
    assert withdrawable(outbox.items(), first) == [items[-2]]
    send_waiting(outbox, [node()], lambda to: AnsweringPeer())
    # A note withdraws nothing that stays, and is itself none of what is withdrawn.
    assert withdrawable(outbox.items(), outbox.items()[0]) == []
    assert [each.id for each in withdrawable_of_study(outbox.items(), node(), STUDY)] == [7, 2]
    with pytest.raises(UserError) as error:
        withdraw(outbox, node(), one)
    assert error.value.problem == "P: the node has it not, or it was withdrawn already"


def test_a_note_is_for_test_systems_where_one_of_its_objects_is(outbox, tmp_path):
    files = small_objects(tmp_path, 2)
    outbox.add(files[:1], node(is_test=True), STUDY)
    outbox.add(files[1:], node(is_test=True), STUDY, only_test="a test")
    send_waiting(outbox, [node(is_test=True)], lambda to: AnsweringPeer())
    items = withdrawable_of_study(outbox.items(), node(), STUDY)
    withdraw(outbox, node(is_test=True), items)
    assert outbox.items()[0].only_test == "a test"
