"""``fusion3d pacs …``: nodes, echo, find, get, send and withdraw from the command line."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion3d_gui.cli.network.listen_command import add_listen_arguments, listen
from fusion3d_gui.cli.terminal import print_json, say, terminal_progress
from fusion3d_gui.errors import UserError

if TYPE_CHECKING:
    from fusion3d_gui.pacs.nodes.node import Node
    from fusion3d_gui.pacs.queues.outbox import Outbox

_SORTS = ("date", "patient", "patient_id", "description", "modality", "accession")


def add_pacs_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the actions and their options."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)

    def action(name: str, text: str, *, node: bool = True) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text, description=text)
        if node:
            added.add_argument("node", metavar="NODE", help="name of a node")
        return added

    action("nodes", "list the nodes", node=False)
    add = action("add", "add a node, or change it")
    add.add_argument("--dimse", metavar="AET@HOST:PORT", help="a node reached by DIMSE")
    add.add_argument("--web", metavar="URL", help="a node reached by DICOMweb")
    add.add_argument("--own-ae-title", metavar="AET", help="title by which to call (FUSION3D)")
    add.add_argument("--move", type=int, metavar="PORT", help="fetch by C-MOVE to this port here")
    add.add_argument("--own-host", metavar="HOST", help="with --move: address to listen on")
    add.add_argument("--tls", action="store_true", help="with --dimse: encrypt the line")
    add.add_argument("--user", metavar="NAME", help="with --web: sign on by name and password")
    add.add_argument("--token", action="store_true", help="with --web: sign on by a bearer token")
    add.add_argument("--authority", type=Path, metavar="FILE.pem", help="authority to trust")
    add.add_argument("--certificate", type=Path, metavar="FILE.pem", help="certificate to show")
    add.add_argument("--key", type=Path, metavar="FILE.pem", help="its key")
    add.add_argument("--test", action="store_true", help="mark it as a test system")
    add.add_argument("--commitment", action="store_true", help="ask it to commit to what it stores")
    add.add_argument("--wait", type=float, metavar="S", help="seconds to wait for an answer (30)")
    action("secret", "keep a node's password or token in the system's keyring")
    action("remove", "remove a node, and its secret")
    action("echo", "test a node")
    find = action("find", "find studies, or the series of one")
    find.add_argument("--patient", default="", metavar="NAME", help="begin of the patient's name")
    find.add_argument("--id", default="", metavar="ID", help="patient's ID")
    find.add_argument("--accession", default="", metavar="NUMBER", help="accession number")
    find.add_argument("--from", dest="first", default="", metavar="DATE", help="first date")
    find.add_argument("--to", dest="last", default="", metavar="DATE", help="last date")
    find.add_argument("--modality", default="", metavar="CT|MR|…", help="modality in the study")
    find.add_argument("--description", default="", metavar="TEXT", help="part of the description")
    find.add_argument("--study", default="", metavar="UID", help="list the series of this study")
    find.add_argument("--limit", type=int, default=200, metavar="N", help="most studies (200)")
    find.add_argument("--sort", choices=_SORTS, default="date", help="order of studies (date)")
    find.add_argument("--json", action="store_true", help="print JSON")
    get = action("get", "fetch series")
    get.add_argument("study", metavar="STUDY", help="UID of the study")
    get.add_argument("series", nargs="*", metavar="SERIES", help="UIDs of its series; default all")
    get.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    send = action("send", "send DICOM files, or try again what waits")
    send.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="files, or folders of them"
    )
    send.add_argument("--study", metavar="UID", help="study that they must belong to")
    send.add_argument("--keep-trying", action="store_true", help="go on until nothing waits")
    withdraw = action("withdraw", "withdraw what a node was sent, by a note that names it")
    withdraw.add_argument("study", metavar="STUDY", help="UID of its study")
    withdraw.add_argument("objects", nargs="*", metavar="UID", help="its objects; default all")
    withdraw.add_argument(
        "--why",
        choices=("safety", "quality"),
        default="safety",
        help="it must not be read any more (safety), or is of no use (quality)",
    )
    add_listen_arguments(
        action("listen", "predict series that are pushed to this computer", node=False)
    )
    action("queue", "list what waits to be sent and what was sent", node=False)


def pacs(options: Namespace) -> int:
    """``fusion3d pacs``: run an action."""
    return _ACTIONS[options.action](options)


def _nodes(options: Namespace) -> int:
    from fusion3d_gui.pacs.nodes.node_file import node_file_path, read_nodes

    for node in read_nodes(node_file_path()):
        say(f"{node.name:<20} {node.address}{'  (test system)' if node.is_test else ''}")
    return 0


def _add(options: Namespace) -> int:
    from fusion3d_gui.pacs.nodes.node import Node
    from fusion3d_gui.pacs.nodes.node_file import node_file_path, read_nodes, write_nodes

    if (options.dimse is None) == (options.web is None):
        raise UserError("a node is reached by either --dimse or --web")
    values: dict[str, Any] = {"name": options.node, "way": "dimse" if options.dimse else "dicomweb"}
    if options.dimse:
        title, at, place = options.dimse.rpartition("@")
        host, colon, port = place.rpartition(":")
        if not at or not colon or not port.isdecimal():
            raise UserError(
                f"{options.dimse} is not AET@HOST:PORT", remedy="E.g. PACS@10.0.0.7:104."
            )
        values |= {"ae_title": title, "host": host.strip("[]"), "port": int(port)}
    else:
        values["url"] = options.web
    if options.user and options.token:
        raise UserError("sign on by either --user or --token")
    if options.user:
        values |= {"authentication": "basic", "user": options.user}
    if options.token:
        values["authentication"] = "bearer"
    if options.move is not None:
        values |= {"retrieval": "move", "own_port": options.move}
    given = {
        "own_ae_title": options.own_ae_title,
        "own_host": options.own_host,
        "authority": options.authority,
        "certificate": options.certificate,
        "key": options.key,
        "answer_s": options.wait,
        "tls": options.tls or None,
        "is_test": options.test or None,
        "commitment": options.commitment or None,
    }
    node = Node(**values, **{name: value for name, value in given.items() if value is not None})
    for path in (node.authority, node.certificate, node.key):
        if path is not None and not path.is_file():
            raise UserError("there is no such file", path=path)
    absolute = {
        name: value.absolute()
        for name in ("authority", "certificate", "key")
        if (value := getattr(node, name)) is not None
    }
    path = node_file_path()
    others = [each for each in read_nodes(path) if each.name != node.name]
    write_nodes(path, [*others, replace(node, **absolute)])
    say(f"{node.name} is {node.address}.")
    if node.needs_secret:
        say(f"Keep its password or token with: fusion3d pacs secret {node.name}")
    return 0


def _secret(options: Namespace) -> int:
    from fusion3d_gui.pacs.nodes.secret import keep_secret

    node = _node(options.node)
    if not node.needs_secret:
        raise UserError(f"{node.name} needs neither a password nor a token")
    if sys.stdin.isatty():
        secret = getpass.getpass("Password or token: ")
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise UserError("no password or token was given")
    keep_secret(node.name, secret)
    say("It is in the system's keyring.")
    return 0


def _remove(options: Namespace) -> int:
    from fusion3d_gui.pacs.nodes.node_file import node_file_path, read_nodes, write_nodes
    from fusion3d_gui.pacs.nodes.secret import keep_secret

    node = _node(options.node)
    path = node_file_path()
    write_nodes(path, [each for each in read_nodes(path) if each.name != node.name])
    if node.needs_secret:
        keep_secret(node.name, "")
    return 0


def _echo(options: Namespace) -> int:
    from fusion3d_gui.pacs.connect import connect

    node = _node(options.node)
    began = time.monotonic()
    connect(node).echo()
    say(f"{node.name} answers ({1000 * (time.monotonic() - began):.0f} ms).")
    return 0


def _find(options: Namespace) -> int:
    from fusion3d_gui.pacs.connect import connect
    from fusion3d_gui.pacs.query import StudyQuery, sorted_series, sorted_studies

    query = StudyQuery(
        patient=options.patient,
        patient_id=options.id,
        accession=options.accession,
        first_date=options.first,
        last_date=options.last,
        modality=options.modality,
        description=options.description,
        study_uid=options.study,
        limit=options.limit,
    )
    peer = connect(_node(options.node))
    progress = terminal_progress()
    if options.study:
        series = sorted_series(peer.find_series(options.study, progress))
        if options.json:
            print_json({"series": [vars(each) for each in series]})
            return 0
        for each in series:
            count = "" if each.instance_count is None else f"{each.instance_count:,} images"
            say(f"{each.modality:<6} {count:>14}  {each.description:<40}  {each.uid}")
        return 0
    found = peer.find_studies(query, progress)
    studies = sorted_studies(found[: query.limit], options.sort, descending=options.sort == "date")
    more = len(found) > query.limit
    if options.json:
        print_json({"studies": [vars(each) for each in studies], "more": more})
        return 0
    for study in studies:
        modalities = "/".join(study.modalities)
        say(
            f"{study.shown_date:<10}  {study.shown_patient:<28}  {study.patient_id:<14}"
            f"  {modalities:<8}  {study.description:<32}  {study.uid}"
        )
    if more:
        say(f"notice: there are more; only {query.limit:,} are listed.", error=True)
    return 0


def _get(options: Namespace) -> int:
    from fusion3d_gui.pacs.connect import connect
    from fusion3d_gui.pacs.fetch.retrieve import retrieve_several
    from fusion3d_gui.pacs.query import is_uid

    for uid in (options.study, *options.series):
        if not is_uid(uid):
            raise UserError(f"{uid} is no UID", remedy="List them with: fusion3d pacs find.")
    node = _node(options.node)
    peer = connect(node)
    progress = terminal_progress()
    series = options.series or [each.uid for each in peer.find_series(options.study, progress)]
    if not series:
        raise UserError(f"{node.name}: it has no series of this study")
    wanted = [(options.study, uid) for uid in series]
    for each in retrieve_several(peer, node.name, wanted, options.out, progress):
        folder = options.out / each.study_uid / each.uid
        say(f"{len(each.paths):,} images, {each.new_count:,} of them new: {folder}")
    return 0


def _send(options: Namespace) -> int:
    from fusion3d_gui.cli.audit import log_left
    from fusion3d_gui.pacs.queues.outbox import Outbox, outbox_folder

    node = _node(options.node)
    outbox = Outbox(outbox_folder())
    if options.files:
        if not options.study:
            raise UserError(
                "--study is missing",
                remedy="Name the study to which the results belong, by its UID.",
            )
        files = [file for path in options.files for file in _files_of(path)]
        added, known = outbox.add(files, node, options.study)
        if added:
            log_left([("DICOM object", file) for file in files], "pacs")
        say(f"{added:,} put into the queue{f', {known:,} were in it' if known else ''}.")
    return _send_waiting(outbox, node, keep_trying=options.keep_trying)


def _send_waiting(outbox: Outbox, node: Node, *, keep_trying: bool = False) -> int:
    from fusion3d_gui.pacs.connect import connect
    from fusion3d_gui.pacs.queues.send import send_waiting

    outbox.retry_now(node.name)
    while True:
        done = send_waiting(outbox, [node], connect, terminal_progress())
        waiting = [
            each for each in outbox.items() if each.node == node.name and each.state == "waiting"
        ]
        if not keep_trying or not waiting:
            break
        time.sleep(max(0.2, min(each.next_s for each in waiting) - time.time()))
    say(f"{done.accepted:,} accepted, {done.refused:,} refused, {len(waiting):,} waiting.")
    for reason in done.reasons:
        say(f"notice: {reason}", error=True)
    if done.refused or waiting:
        raise UserError("not everything was accepted", remedy="See: fusion3d pacs queue.")
    return 0


def _withdraw(options: Namespace) -> int:
    from fusion3d_gui.cli.audit import log_left
    from fusion3d_gui.pacs.queues.outbox import Outbox, outbox_folder
    from fusion3d_gui.pacs.queues.withdraw import withdraw, withdrawable_of_study

    node = _node(options.node)
    outbox = Outbox(outbox_folder())
    items = withdrawable_of_study(outbox.items(), node, options.study, options.objects)
    note = withdraw(outbox, node, items, options.why)
    log_left([("withdrawal", note)], "pacs", {"withdraws": len(items)})
    say(f"{len(items):,} objects withdrawn.")
    return _send_waiting(outbox, node)


def _queue(options: Namespace) -> int:
    from fusion3d_gui.pacs.queues.outbox import Outbox, outbox_folder

    for item in Outbox(outbox_folder()).items():
        say(f"{item.shown_state:<11} {item.node:<16} {item.uid:<64} {item.reason}".rstrip())
    return 0


def _node(name: str) -> Any:
    from fusion3d_gui.pacs.nodes.node_file import named_node, node_file_path, read_nodes

    return named_node(read_nodes(node_file_path()), name)


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file())
    if not path.exists():
        raise UserError("there is no such file or folder", path=path)
    return [path]


_ACTIONS: Mapping[str, Callable[[Namespace], int]] = {
    "nodes": _nodes,
    "add": _add,
    "secret": _secret,
    "remove": _remove,
    "echo": _echo,
    "find": _find,
    "get": _get,
    "send": _send,
    "withdraw": _withdraw,
    "listen": listen,
    "queue": _queue,
}
