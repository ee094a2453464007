"""``suv_factor``: from activity of a PET scan to the standardised uptake value by body weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM

from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS

_LONGEST_S = 24 * 3600.0


@dataclass(frozen=True)
class SuvFactor:
    """SUV = activity in Bq/ml * ``factor``; ``notice`` tells the user how it was computed."""

    factor: float
    notice: str


class SuvUnavailable(Exception):
    """The header does not suffice for SUV; the message says what is missing."""


def suv_factor(dataset: Dataset, acquisition_times: Sequence[str]) -> SuvFactor:
    """Factor from Bq/ml to SUVbw (g/ml), from the header of one image of a PET series.

    Weight [g] / dose left at the time to which activity was decay-corrected [Bq]: QIBA's
    vendor-neutral formula (QIBA FDG-PET/CT profile, appendix G).

    Parameters
    ----------
    dataset
        The header.
    acquisition_times
        Of all slices (VR TM). The series' own time is the reference, unless it is later than
        these, as in series that were computed afterwards.

    Raises
    ------
    SuvUnavailable
        If something is missing or contradicts itself.
    """
    try:
        return _suv_factor(dataset, acquisition_times)
    except PYDICOM_ERRORS:
        raise SuvUnavailable("what the file says of the dose can't be read") from None


def _suv_factor(dataset: Dataset, acquisition_times: Sequence[str]) -> SuvFactor:
    corrected = dataset.get("CorrectedImage") or ()
    corrected = [corrected] if isinstance(corrected, str) else list(corrected)
    # Enhanced images have attributes of their own for this (PS3.3 C.8.22.4).
    reference = str(dataset.get("DecayCorrectionDateTime") or "")
    enhanced = all(dataset.get(f"{kind}Corrected") == "YES" for kind in ("Decay", "Attenuation"))
    if not enhanced and not {"DECY", "ATTN"} <= set(corrected):
        raise SuvUnavailable("the images are not corrected for decay and attenuation")
    weight = float(dataset.get("PatientWeight") or 0)
    if not 0.1 < weight < 1000:
        raise SuvUnavailable("the file does not give the patient's weight")
    doses = dataset.get("RadiopharmaceuticalInformationSequence") or [Dataset()]
    dose = float(doses[0].get("RadionuclideTotalDose") or 0)
    if dose <= 0:
        raise SuvUnavailable("the file does not give the injected dose")
    megabecquerel = dose / 1e6
    dose_and_weight = f"{megabecquerel:.0f} MBq, {weight:g} kg"
    correction = dataset.get("DecayCorrection")
    if correction == "ADMIN":
        notice = f"Values are SUV by body weight ({dose_and_weight})."
        return SuvFactor(1000 * weight / dose, notice)
    if correction != "START" and not (enhanced and reference):
        raise SuvUnavailable("the file does not say to which time decay was corrected")
    half_life = float(doses[0].get("RadionuclideHalfLife") or 0)
    if half_life <= 0:
        raise SuvUnavailable("the file does not give the half-life")
    seconds = _seconds_from_injection(dataset, doses[0], acquisition_times, reference)
    left = dose * 2.0 ** (-seconds / half_life)
    if left == 0:
        raise SuvUnavailable(
            "by its half-life nothing of the dose was left at the time of the scan"
        )
    minutes = f"{seconds / 60:.0f} minutes after injection"
    notice = f"Values are SUV by body weight ({dose_and_weight}, {minutes})."
    return SuvFactor(1000 * weight / left, notice)


def _seconds_from_injection(
    dataset: Dataset, dose: Dataset, acquisition_times: Sequence[str], reference: str
) -> float:
    date = dataset.get("SeriesDate") or dataset.get("AcquisitionDate") or dataset.get("StudyDate")
    times = [str(time) for time in (dataset.get("SeriesTime"), *acquisition_times) if time]
    moments = [moment for time in times if (moment := _moment(date, time)) is not None]
    if len(reference) >= 14 and (moment := _moment(reference[:8], reference[8:14])) is not None:
        moments = [moment]
    if not moments:
        raise SuvUnavailable("the file does not give the time of the scan")
    scan = min(moments)
    injected = None
    whole = str(dose.get("RadiopharmaceuticalStartDateTime") or "")
    if len(whole) >= 14:
        injected = _moment(whole[:8], whole[8:14])
    if injected is None:
        injected = _moment(date, str(dose.get("RadiopharmaceuticalStartTime") or ""))
        if injected is not None and injected > scan:
            injected -= timedelta(days=1)  # over midnight
    if injected is None:
        raise SuvUnavailable("the file does not give the time of injection")
    seconds = (scan - injected).total_seconds()
    if not 0 <= seconds <= _LONGEST_S:
        raise SuvUnavailable("the times of injection and scan contradict each other")
    return seconds


def _moment(date: object, time: str) -> datetime | None:
    day, clock = DA(str(date or "")), TM(time)
    return datetime.combine(day, clock) if day is not None and clock is not None else None
