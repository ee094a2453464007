"""``CaseResult``: everything that can leave the program about one predicted case; no Qt, no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from fusion3d_gui.imaging.annotations.measurement import Measurement
from fusion3d_gui.imaging.display.window import Window, presets
from fusion3d_gui.imaging.privacy.deidentify import (
    identifying_words,
    identity_is_removed,
    volume_without_identity,
)
from fusion3d_gui.imaging.simulated import is_simulated
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.analysis.result_types import Contributions, Uncertainty
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.hot_spots import HotSpot
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Field, Value

#: Source of a metadata value: the user, the scan's header, or none, so that the training default stands in.
ValueSource = Literal["typed", "dicom", "default"]

#: Stands for a text that named the patient.
TEXT_REMOVED = "[removed: it named the patient]"


@dataclass(frozen=True)
class ScanIdentity:
    """Who was scanned, and which files were read: nothing of it leaves where the identity is hidden.

    Texts are as in the header (dates ``YYYYMMDD``, names with carets), empty where it has none.

    Parameters
    ----------
    patient_name, patient_id, patient_birth_date, patient_sex, accession_number, institution
        As DICOM has them.
    study_date, study_time, series_date
        Dates and time.
    study_uid, series_uid, frame_of_reference_uid, instance_uids
        UIDs of the source; instances in the order of ``files``.
    opened
        What the user opened: files or folders.
    files
        The files of the series, in the order of the slices.
    """

    patient_name: str = ""
    patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    accession_number: str = ""
    institution: str = ""
    study_date: str = ""
    study_time: str = ""
    series_date: str = ""
    study_uid: str = ""
    series_uid: str = ""
    frame_of_reference_uid: str = ""
    instance_uids: tuple[str, ...] = ()
    opened: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def hashes(self) -> ScanHashes:
        """What stands for the UIDs where the identity is hidden."""
        return ScanHashes(
            *map(_sha256, (self.study_uid, self.series_uid, "\n".join(self.instance_uids)))
        )


@dataclass(frozen=True)
class ScanHashes:
    """SHA-256 (hexadecimal) of UIDs, so that a holder of the scan can tell it; empty where it has none.

    ``instance_uids_sha256`` is of all of them, a line each, in the order of the slices.
    """

    study_uid_sha256: str = ""
    series_uid_sha256: str = ""
    instance_uids_sha256: str = ""


@dataclass(frozen=True)
class FormValue:
    """One metadata value that the prediction was made with, and its source."""

    field: Field
    value: Value
    source: ValueSource

    @property
    def text(self) -> str:
        """The value in words, with its unit."""
        return self.field.text(self.value)


@dataclass(frozen=True, eq=False)
class OtherPrediction:
    """What another model says about the same case; ``prediction`` is None where ``problem`` says why not."""

    bundle: BundleInfo
    prediction: Prediction | None
    problem: str = ""


@dataclass(frozen=True)
class ReaderNotes:
    """The reader's own words: a reading of the scan, and a comment on the prediction; may be empty."""

    reading: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Appearance:
    """How pictures show the case.

    Parameters
    ----------
    window
        Window level of the scan, real values.
    inverted
        Whether high values are dark.
    color_map
        Name of the heatmap's colours.
    opacity
        Of the heatmap, 0 to 1.
    threshold
        Share of the peak below which the heatmap is not drawn, and hot spots end.
    """

    window: Window
    inverted: bool = False
    color_map: str = "Inferno"
    opacity: float = 0.5
    threshold: float = 0.35


@dataclass(frozen=True, eq=False)
class CaseResult:
    """One predicted case with all that was found out about it.

    Parameters
    ----------
    volume
        The scan, completely read.
    identity
        Who was scanned; None where that is hidden: then nothing in this object names the patient.
    hashes
        Of the scan's UIDs.
    prediction, bundle
        The prediction with its heatmap, and the model that made it.
    explanation
        How the heatmap was made; None for one that was taken from elsewhere.
    form
        The metadata, in the schema's order, each with its source.
    hot_spots
        Peaks of the heatmap above ``appearance.threshold``, strongest first.
    uncertainty, augmentation, contributions
        Gauges of doubt, the range of the probability over moved and mirrored copies of the image (lowest,
        highest), and the shares of image and metadata; None where they were not computed.
    checks
        The sanity checks of the heatmap; None where they were not run.
    marks
        The reader's marks with their values.
    others
        Predictions of other models.
    notes
        The reader's words.
    appearance
        How pictures show it.
    burnt_in
        Why the scan's pixels may name the patient, a sentence each; empty where nothing says so.
    """

    volume: Volume
    identity: ScanIdentity | None
    hashes: ScanHashes
    prediction: Prediction
    bundle: BundleInfo
    explanation: Explanation | None
    form: tuple[FormValue, ...]
    hot_spots: tuple[HotSpot, ...]
    appearance: Appearance
    uncertainty: Uncertainty | None = None
    augmentation: tuple[float, float] | None = None
    contributions: Contributions | None = None
    checks: SanityReport | None = None
    marks: tuple[Measurement, ...] = ()
    others: tuple[OtherPrediction, ...] = ()
    notes: ReaderNotes = field(default_factory=ReaderNotes)
    burnt_in: tuple[str, ...] = ()

    @property
    def face_may_show(self) -> bool:
        """Whether a 3D picture of the scan, or the scan itself, may show a face that can be recognised.

        Not for a simulated scan, nor for one that fits a model of skull-stripped brains.
        """
        scope = self.bundle.scope
        is_stripped = scope is not None and scope.coverage == "skull_stripped"
        return not (self.simulated or (is_stripped and self.prediction.fit.fit == "fits"))

    @property
    def simulated(self) -> bool:
        """Whether the scan is a simulated one: of no patient."""
        return is_simulated(self.volume)

    @property
    def demonstration(self) -> str:
        """What must stand beside everything that a model of simulated cases says; empty where nothing must."""
        return self.prediction.fit.demonstration or ""

    @property
    def despite_misfit(self) -> bool:
        """Whether the model is not meant for the case: every picture, page and object must say so."""
        return self.prediction.despite_misfit

    def side(self, spot: HotSpot) -> str:
        """The patient's side of a spot: ``left`` or ``right`` of the middle of the scan, or ``middle``."""
        off = self.millimetres_left(spot)
        return "middle" if abs(off) < 1.0 else "left" if off > 0 else "right"

    def millimetres_left(self, spot: HotSpot) -> float:
        """How far (mm) a spot lies to the patient's left of the middle of the scan; right is negative."""
        low, high = self.volume.bounds_lps
        return float(spot.position_lps[0] - (low[0] + high[0]) / 2)

    def without_identity(self) -> CaseResult:
        """The same result with nothing in it that names the patient.

        The reader's texts and marks stay, unless a part of the patient's name or numbers occurs in them.
        Text burnt into the voxels, and faces, are not removed.
        """
        if self.identity is None and identity_is_removed(self.volume):
            return self
        words = identifying_words(self.volume.attributes)

        def cleaned(text: str) -> str:
            return TEXT_REMOVED if text and words.occur_in(text) else text

        marks = tuple(
            replace(each, annotation=each.annotation.with_text(cleaned(each.annotation.text)))
            for each in self.marks
        )
        notes = ReaderNotes(cleaned(self.notes.reading), cleaned(self.notes.comment))
        return replace(
            self,
            volume=replace(volume_without_identity(self.volume), series_uid=""),
            identity=None,
            marks=marks,
            notes=notes,
        )


def usual_appearance(volume: Volume) -> Appearance:
    """The appearance of a case that nobody has looked at: the volume's first preset."""
    return Appearance(presets(volume)[0].window)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest() if text else ""
