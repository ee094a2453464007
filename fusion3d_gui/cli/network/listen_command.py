"""``fusion3d pacs listen``: the listening node, and what it holds for a person."""

from __future__ import annotations

import argparse
import signal
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.cli.terminal import print_json, say, terminal_progress
from fusion3d_gui.errors import UserError

if TYPE_CHECKING:
    from fusion3d_gui.inference.predictor import Predictor
    from fusion3d_gui.pacs.nodes.tls import ListeningTls
    from fusion3d_gui.pacs.queues.inbox import Inbox, InboxSeries
    from fusion3d_gui.pacs.queues.listener_record import ListenerRecord
    from fusion3d_gui.serve.listener import ListenerHooks

_TIME = "%Y-%m-%d %H:%M:%S"
#: States as the operator reads them.
_STATES = {
    "arriving": "received",
    "waiting": "received",
    "predicting": "predicting",
    "predicted": "predicting",
    "sending": "sending",
    "sent": "sent",
    "held": "held",
}


def add_listen_arguments(listen: argparse.ArgumentParser) -> None:
    """Define the options."""
    listen.add_argument("--model", type=Path, metavar="DIR", help="model bundle that predicts")
    listen.add_argument(
        "--allow", action="append", default=[], metavar="AET", help="sender let in; repeatable"
    )
    listen.add_argument(
        "--to", metavar="NODE", help="send results that fit to this node; without it all are held"
    )
    listen.add_argument("--ae-title", default="FUSION3D", metavar="AET", help="own (FUSION3D)")
    listen.add_argument(
        "--host", default="127.0.0.1", metavar="HOST", help="address to listen on (127.0.0.1)"
    )
    listen.add_argument("--port", type=int, default=11113, metavar="PORT", help="port (11113)")
    listen.add_argument(
        "--associations", type=int, default=4, metavar="N", help="senders at once (4)"
    )
    listen.add_argument(
        "--quiet",
        type=float,
        default=30.0,
        metavar="S",
        help="seconds until a series is whole (30)",
    )
    listen.add_argument(
        "--largest-mb", type=int, default=512, metavar="MB", help="largest object (512)"
    )
    listen.add_argument(
        "--most-gb", type=float, default=20.0, metavar="GB", help="images kept at most (20)"
    )
    listen.add_argument(
        "--tls-cert",
        type=Path,
        metavar="PEM",
        help="take encrypted lines only, by this certificate",
    )
    listen.add_argument("--tls-key", type=Path, metavar="PEM", help="its key")
    listen.add_argument(
        "--tls-ca",
        type=Path,
        metavar="PEM",
        help="let in only senders that show a certificate of this authority",
    )
    listen.add_argument("--status", action="store_true", help="print the queue, and end")
    listen.add_argument("--json", action="store_true", help="with --status: print JSON")
    listen.add_argument("--again", type=int, metavar="N", help="predict held series N once more")
    listen.add_argument("--drop", type=int, metavar="N", help="delete held series N")
    listen.add_argument("--device", default="auto", help=argparse.SUPPRESS)
    listen.add_argument("--engine", default="auto", help=argparse.SUPPRESS)


def listen(options: Namespace) -> int:
    """Listen until interrupted; or print or change the queue."""
    from fusion3d_gui.pacs.queues.inbox import Inbox, inbox_folder

    inbox = Inbox(inbox_folder())
    if options.again is not None:
        inbox.try_again(options.again)
    elif options.drop is not None:
        inbox.drop(options.drop)
    elif options.status:
        from fusion3d_gui.pacs.queues.listener_record import running_listener

        _print_status(
            running_listener(inbox), inbox.series(), inbox.images_of, as_json=options.json
        )
    else:
        _run(options, inbox)
    return 0


def _run(options: Namespace, inbox: Inbox) -> None:
    if options.model is None:
        raise UserError("--model is missing", remedy="Name the folder of a model bundle.")
    from fusion3d_gui.model.bundle.bundle_info import BundleInfo
    from fusion3d_gui.pacs.connect import connect
    from fusion3d_gui.pacs.nodes.node_file import named_node, node_file_path, read_nodes
    from fusion3d_gui.pacs.queues.outbox import Outbox, outbox_folder
    from fusion3d_gui.serve.intake import InboxBounds
    from fusion3d_gui.serve.listener import Listener
    from fusion3d_gui.serve.receiver import ListeningPlace
    from fusion3d_gui.serve.series_job import check_headless

    info = BundleInfo.read(options.model)
    check_headless(info)
    if not 0.1 <= options.quiet <= 3600:
        raise UserError("--quiet must be 0.1 to 3600 seconds")
    if not (1 <= options.associations <= 100 and 1 <= options.largest_mb <= 4096):
        raise UserError("--associations must be 1 to 100, --largest-mb 1 to 4096")
    place = ListeningPlace(
        options.ae_title,
        options.host,
        options.port,
        tuple(options.allow),
        options.associations,
        options.largest_mb << 20,
        tls=_tls(options),
    )
    target = None if options.to is None else named_node(read_nodes(node_file_path()), options.to)
    listener = Listener(
        place,
        InboxBounds(most_bytes=int(options.most_gb * 1e9)),
        options.quiet,
        inbox,
        Outbox(outbox_folder()),
        target,
        connect,
        _hooks(info.name, info.version),
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: listener.stop())
    say(f"{RESEARCH_USE_ONLY}.")

    def load() -> Predictor:
        from fusion3d_gui.inference.first_check import check_once
        from fusion3d_gui.inference.predictor import load_predictor

        return load_predictor(
            options.model,
            options.device,
            terminal_progress(),
            engine=options.engine,
            check=check_once,
        )

    listener.run(load)


def _tls(options: Namespace) -> ListeningTls | None:
    from fusion3d_gui.pacs.nodes.tls import ListeningTls

    if options.tls_cert is None and options.tls_key is None and options.tls_ca is None:
        return None
    if options.tls_cert is None or options.tls_key is None:
        raise UserError(
            "an encrypted line needs a certificate and its key",
            remedy="Name both: --tls-cert and --tls-key.",
        )
    return ListeningTls(options.tls_cert, options.tls_key, options.tls_ca)


def _hooks(bundle: str, version: str) -> ListenerHooks:
    """Lines on the terminal, and entries of the audit log."""
    from fusion3d_gui.cli.audit import log_left, log_prediction
    from fusion3d_gui.report.audit.entry import ModelSaid
    from fusion3d_gui.serve.listener import ListenerHooks
    from fusion3d_gui.serve.series_job import Held, SeriesResult

    asked = {"listener": True}

    def predicted(made: SeriesResult) -> None:
        prediction = made.result.prediction
        log_prediction(
            prediction.volume_sha256,
            ModelSaid(bundle, version, prediction.weights_sha256),
            asked,
            {
                "probability": prediction.probability,
                "class": prediction.class_name,
                "threshold": prediction.threshold,
                "fit": prediction.fit.fit,
            },
        )

    def held(why: Held) -> None:
        if why.fit is not None:
            answered = {"probability": None, "fit": why.fit.fit}
            log_prediction(why.scan_sha256, ModelSaid(bundle, version), asked, answered)

    def left(files: Sequence[Path]) -> None:
        log_left([("DICOM object", file) for file in files], "pacs")

    def told(line: str) -> None:
        say(f"{time.strftime(_TIME)}  {line}")

    return ListenerHooks(told, predicted, held, left)


def _print_status(
    listener: ListenerRecord | None,
    listed: Sequence[InboxSeries],
    images_of: Callable[[int], Path],
    *,
    as_json: bool,
) -> None:
    """Print who listens, and the queue: numbers, counts and reasons; neither names nor UIDs."""
    rows = [
        {
            "number": each.id,
            "state": _STATES[each.state],
            "failed": bool(each.failed),
            "reason": each.reason,
            "images": each.images,
            "bytes": each.bytes,
            "sender": each.caller,
            "received": time.strftime(_TIME, time.localtime(each.first_s)),
            "folder": str(images_of(each.id)) if each.state == "held" else "",
        }
        for each in listed
    ]
    if as_json:
        print_json({"listener": None if listener is None else asdict(listener), "series": rows})
        return
    say("No listener is running." if listener is None else listener.sentence)
    if listener is not None and listener.problem:
        say(f"{time.strftime(_TIME, time.localtime(listener.problem_s))}  {listener.problem}")
    counts = dict.fromkeys(_STATES.values(), 0)
    for row in rows:
        counts[str(row["state"])] += 1
    say(", ".join(f"{count:,} {state}" for state, count in counts.items()) + ".")
    for row in rows:
        if row["state"] != "sent":
            say(
                f"{row['number']:>6}  {row['state']:<10} {row['received']}  {row['sender']:<16}"
                f" {row['images']:>6,} images  {row['reason']}"
                + (f"  ({row['folder']})" if row["folder"] else "")
            )
