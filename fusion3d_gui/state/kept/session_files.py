"""``SessionFiles``: saves the case on screen as a session file, and opens one: its scan is found, then its work restored."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError, shown_name
from fusion3d_gui.imaging.files.archive import UnpackedArchive
from fusion3d_gui.imaging.privacy.deidentify import identifying_words
from fusion3d_gui.imaging.privacy.identifying_words import IdentifyingWords
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.report.case_result import TEXT_REMOVED, ReaderNotes
from fusion3d_gui.report.session.archive import (
    SUFFIX as SUFFIX,  # for widgets
)
from fusion3d_gui.report.session.archive import read_session, unpack_scan, write_session
from fusion3d_gui.report.session.document import ScanDocument
from fusion3d_gui.report.session.scan_reference import (
    places_of,
    scan_document,
    scan_name,
    series_among,
)
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.data.case import Case, CaseKey
from fusion3d_gui.state.data.departure import Departure, LeftItem, files_left
from fusion3d_gui.state.kept.kept_document import session_of, work_of
from fusion3d_gui.state.kept.kept_work import KeptSecond, KeptWork
from fusion3d_gui.state.kept.second_work import SecondWork
from fusion3d_gui.state.kept.work_keeper import Expected, WorkKeeper
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.store import Store


@dataclass(frozen=True, eq=False)
class _Opened:
    """A session that was read; ``paths``: of its scan, empty where it was not found."""

    path: Path
    work: KeptWork
    scan: ScanDocument
    paths: tuple[Path, ...]
    series_uid: str | None
    unpacked: UnpackedArchive | None


class SessionFiles(QObject):
    """The session file of each case of this run, for saving it again."""

    #: The scan of a session was not found: the user is to say where it is (its name, may be empty).
    scan_wanted = Signal(str)
    changed = Signal()

    def __init__(
        self,
        store: Store,
        opener: Opener,
        models: Models,
        keeper: WorkKeeper,
        second: SecondWork,
    ) -> None:
        super().__init__(store)
        self._store = store
        self._opener = opener
        self._models = models
        self._keeper = keeper
        self._second = second
        self._files: dict[CaseKey, Path] = {}
        #: Cases whose session file encloses their scan: saved without it, the scan might be nowhere else.
        self._enclosing: set[CaseKey] = set()
        self._waiting: _Opened | None = None
        #: The session that is being opened, until its scan is on screen.
        self._opening: _Opened | None = None
        #: Enclosed scans stay unpacked for as long as the window is open.
        self._unpacked: list[UnpackedArchive] = []
        store.case_opened.connect(self._on_case_opened)
        keeper.replaced.connect(self._on_work_replaced)

    @property
    def can_save(self) -> bool:
        """Whether the case on screen can be saved: all of it has been read."""
        return self._keeper.whole is not None

    @property
    def path(self) -> Path | None:
        """The session file of the case on screen; None: it was neither opened from one nor saved."""
        case = self._store.case
        return None if case is None else self._files.get(case.key)

    @property
    def encloses(self) -> bool:
        """Whether the session file of the case on screen holds the scan, too."""
        case = self._store.case
        return case is not None and case.key in self._enclosing

    @property
    def suggested_name(self) -> str:
        """Name for a new session file; without the scan's while the identity is hidden."""
        case = self._store.case
        if case is None or self._store.identity.hidden or case.identity_hidden:
            return "case.fusion3d"
        stem = shown_name(case.paths[0]).removesuffix(".gz").rpartition(".")
        return f"{stem[0] or stem[2] or 'case'}.fusion3d"

    # -- saving -------------------------------------------------------------------------------

    def save(self, path: Path, *, enclose: bool = False, hide_identity: bool = False) -> None:
        """Write the case on screen as a session file; ``enclose``: with the files of the scan, and of the one beside it.

        While the identity is hidden, or with ``hide_identity``, paths and UIDs are left out, and so are texts in which the patient is
        named; the scan can't be enclosed then.
        """
        store, work, case = self._store, self._keeper.whole, self._store.case
        if work is None or case is None:
            return
        is_hidden = case.identity_hidden or store.identity.hidden or hide_identity
        if is_hidden and enclose:
            problem = "A scan with the patient's identity can't be enclosed while that is hidden"
            store.tell_failure(UserError(problem, remedy="Save the session without the scan."))
            return
        if is_hidden:
            work = _without_identity(
                work, identifying_words((case.revealed or case).volume.attributes)
            )
        volume = case.volume
        series = next((each for each in case.series if each.uid == volume.series_uid), None)
        files = series.paths if enclose and series is not None else ()
        beside = self._second.files
        wants_beside = bool(files) and work.second is not None

        def write(progress: Progress) -> tuple[tuple[LeftItem, ...], str]:
            progress(0.0, "Saving the session")
            check_not_input(path, (*case.paths, *files, *beside))
            named = () if is_hidden else case.paths
            scan = scan_document(
                volume.sha256, named, volume.series_uid, volume.shape, path, enclosed=bool(files)
            )
            second_files, folder = beside if wants_beside else (), None
            if wants_beside and not beside:  # it is not on screen yet
                second_files, folder = _unpacked_second(work.second, part_of(progress, 0.0, 0.1))
            whole = _with_second(work, enclosed=bool(second_files))
            session = session_of(whole, scan, path)
            try:
                write_session(path, session, files, second_files, part_of(progress, 0.1, 1.0))
            except OSError as error:
                raise UserError(
                    f"the session can't be saved ({error.strerror})",
                    path=path,
                    remedy="Choose a folder that exists and that you may write to.",
                ) from None
            del folder  # only now may what was unpacked go
            left_out = []
            if count := len(work.masks) - len(session.document.masks):
                left_out.append(f"{count} mask{'s' * (count > 1)}")
            if work.opened_map is not None and session.document.opened_map is None:
                left_out.append("the map")
            return files_left([("session", path)]), " and ".join(left_out)

        def on_written(made: tuple[tuple[LeftItem, ...], str]) -> None:
            left, left_out = made
            if not hide_identity:  # else it was shared: the next time it is not saved there
                self._files[case.key] = path
                (self._enclosing.add if files else self._enclosing.discard)(case.key)
            # No result: the form of a session may change.
            store.departed.emit(Departure(case, left, with_identity=not is_hidden))
            with_scan = " with its scan" if files else ""
            with_scan += " and the one beside it" if wants_beside else ""
            store.noticed.emit(Notice(f"Session saved{with_scan} to {path.name}."))
            if left_out:
                told = f"Too large for a session, and not in it: {left_out}. Keep the files."
                store.noticed.emit(Notice(told, "warning"))
            self.changed.emit()

        store.run(store.saving, f"Saving {path.name}", write, on_written)

    # -- opening ------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open a session file: read it, find its scan, open that, then restore the work on it."""
        store = self._store
        hidden = store.identity.hidden
        label = "Opening a session" if hidden else f"Opening {path.name}"
        store.run(store.loading, label, lambda progress: _open(path, progress), self._on_read)

    def open_with_scan(self, paths: Sequence[Path]) -> None:
        """Where the scan of the session is, as the user says, after :attr:`scan_wanted`."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        store, named = self._store, tuple(paths)

        def work(progress: Progress) -> _Opened:
            uid = series_among(named, waiting.scan, progress)
            return replace(waiting, paths=named, series_uid=uid)

        store.run(store.loading, "Opening a scan", work, self._on_read)

    def _on_read(self, opened: _Opened) -> None:
        store = self._store
        if not opened.paths:
            self._waiting = opened
            self.scan_wanted.emit(scan_name(opened.scan))
            return
        if opened.unpacked is not None:
            self._unpacked.append(opened.unpacked)
        self._choose_model(opened.work)
        self._keeper.expect(Expected(opened.paths, opened.work, opened.scan.voxels_sha256))
        self._opening = opened
        self._opener.open(opened.paths, opened.series_uid)
        if opened.work.saved is not None:
            when = opened.work.saved
            store.noticed.emit(
                Notice(f"Session of {when.day} {when:%b %Y, %H:%M}: {opened.path.name}.")
            )

    def _on_case_opened(self, case: Case) -> None:
        opening, self._opening = self._opening, None
        if opening is not None and case.paths == opening.paths:
            self._files[case.key] = opening.path
            if opening.unpacked is not None:
                self._enclosing.add(case.key)
            self.changed.emit()

    def _on_work_replaced(self) -> None:
        """Other work than that of the session file is on screen: it is not saved over that."""
        case = self._store.case
        if case is not None and self._files.pop(case.key, None) is not None:
            self.changed.emit()

    def _choose_model(self, work: KeptWork) -> None:
        """Use the model of the session's first prediction, else of its map."""
        made = work.predictions[0] if work.predictions else None
        name = work.map_settings.bundle if made is None and work.map_settings else None

        def is_it(info: BundleInfo) -> bool:
            return made.is_of(info) if made is not None else info.name == name

        found = next((info for info in self._models.bundles if is_it(info)), None)
        if found is not None:
            self._models.choose(found)
        elif made is not None:
            told = f"The session's prediction ({made.text}) shows once that model is chosen, which is not in the list."
            self._store.noticed.emit(Notice(told, "warning"))


def _open(path: Path, progress: Progress) -> _Opened:
    progress(0.0, "Reading the session")
    session = read_session(path)
    work, scan = work_of(session, path), session.document.scan
    if scan is None:
        raise UserError(
            "is work kept without its scan",
            path=path,
            remedy="Open the scan: its work comes with it.",
        )
    if scan.enclosed:
        content = UnpackedArchive(Path(tempfile.mkdtemp(prefix="fusion3d-")))
        files = unpack_scan(path, content.folder, part_of(progress, 0.1, 0.6))
        if files:
            named: tuple[Path, ...] = (content.folder if len(files) > 1 else files[0],)
            uid = series_among(named, scan, part_of(progress, 0.6, 1.0))
            return _Opened(path, work, scan, named, uid, content)
    for named in places_of(scan, path):
        uid = series_among(named, scan, part_of(progress, 0.1, 1.0))
        return _Opened(path, work, scan, named, uid, None)
    return _Opened(path, work, scan, (), None, None)


def _unpacked_second(
    second: KeptSecond | None, progress: Progress
) -> tuple[tuple[Path, ...], UnpackedArchive | None]:
    """The files of a scan beside that is enclosed in its session, and the folder in which they lie for as long as it is referenced."""
    if second is None or second.session is None or not second.scan.enclosed:
        return (), None
    content = UnpackedArchive(Path(tempfile.mkdtemp(prefix="fusion3d-")))
    return tuple(unpack_scan(second.session, content.folder, progress, "second")), content


def _with_second(work: KeptWork, *, enclosed: bool) -> KeptWork:
    second = work.second
    if second is None:
        return work
    scan = msgspec.structs.replace(second.scan, enclosed=enclosed)
    return replace(work, second=replace(second, scan=scan))


def _without_identity(work: KeptWork, words: IdentifyingWords) -> KeptWork:
    def cleaned(text: str) -> str:
        return TEXT_REMOVED if text and words.occur_in(text) else text

    return replace(
        work,
        second=None if work.second is None else work.second.unnamed(),
        opened_map=None
        if work.opened_map is None
        else replace(work.opened_map, title=cleaned(work.opened_map.title)),
        marks=tuple(mark.with_text(cleaned(mark.text)) for mark in work.marks),
        masks=tuple(
            replace(each, item=each.item.renamed(cleaned(each.item.mask.name)))
            for each in work.masks
        ),
        notes=ReaderNotes(cleaned(work.notes.reading), cleaned(work.notes.comment)),
    )
