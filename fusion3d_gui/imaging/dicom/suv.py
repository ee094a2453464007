"""``suv_factor``: from activity of a PET scan to the standardised uptake value by body weight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM

from fusion3d_gui.imaging.dicom.frames.full_header import finite_numbers, first_item, raw_text
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS

_LONGEST_S = 24 * 3600.0
_LONGEST_TEXT = 24

#: Plausible values, lowest and highest. Doses are 1 MBq and more, to animals as well; the highest are of
#: rubidium. PS3.3 C.8.9.2 asks for Bq, and programs write MBq.
_WEIGHT_KG, _DOSE_BQ = (0.1, 1000.0), (1e6, 2e10)
_MOST_HALF_LIVES, _LEAST_HALF_LIFE_S = 15, 30.0

#: Half-lives (s) of the nuclides of PET by mass number (NNDC, Evaluated Nuclear Structure Data File).
_HALF_LIVES_S = {
    "11": 1221.8,
    "13": 597.9,
    "15": 122.2,
    "18": 6586.2,
    "38": 458.0,
    "44": 14551.0,
    "60": 1422.0,
    "61": 12020.0,
    "62": 580.0,
    "64": 45721.0,
    "68": 4063.0,
    "76": 58320.0,
    "82": 76.4,
    "86": 53064.0,
    "89": 282280.0,
    "90": 230590.0,
    "124": 360810.0,
}
_HALF_LIFE_WITHIN = 0.03


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
    weight = _positive(dataset, "PatientWeight", "the patient's weight")
    if not _WEIGHT_KG[0] < weight < _WEIGHT_KG[1]:
        raise SuvUnavailable(f"the patient's weight, {weight:g} kg, is not plausible")
    doses = dataset.get("RadiopharmaceuticalInformationSequence") or [Dataset()]
    dose = _positive(doses[0], "RadionuclideTotalDose", "the injected dose")
    if not _DOSE_BQ[0] <= dose <= _DOSE_BQ[1]:
        unit = "; it may be in MBq" if dose < _DOSE_BQ[0] <= 1e6 * dose <= _DOSE_BQ[1] else ""
        raise SuvUnavailable(f"the injected dose, {dose:g} Bq, is not plausible{unit}")
    megabecquerel = dose / 1e6
    dose_and_weight = f"{megabecquerel:.0f} MBq, {weight:g} kg"
    correction = dataset.get("DecayCorrection")
    if correction == "ADMIN":
        notice = f"Values are SUV by body weight ({dose_and_weight})."
        return SuvFactor(1000 * weight / dose, notice)
    if correction != "START" and not (enhanced and reference):
        raise SuvUnavailable("the file does not say to which time decay was corrected")
    half_life = _half_life_s(doses[0])
    seconds = _seconds_from_injection(dataset, doses[0], acquisition_times, reference)
    if seconds > _MOST_HALF_LIVES * half_life:
        raise SuvUnavailable(
            f"by its half-life, {half_life:g} s, almost nothing of the dose was left at the time of"
            f" the scan, {seconds / 60:.0f} minutes after injection"
        )
    left = dose * 2.0 ** (-seconds / half_life)
    minutes = f"{seconds / 60:.0f} minutes after injection"
    notice = f"Values are SUV by body weight ({dose_and_weight}, {minutes})."
    return SuvFactor(1000 * weight / left, notice)


def _positive(dataset: Dataset, keyword: str, name: str) -> float:
    """A positive number (VR DS). Raises SuvUnavailable where there is none."""
    numbers = finite_numbers(dataset, keyword, 1)
    text = raw_text(dataset, keyword)
    if numbers is None and text:
        raise SuvUnavailable(f'{name}, "{text[:_LONGEST_TEXT]}", can\'t be read')
    if numbers is None or numbers[0] <= 0:
        raise SuvUnavailable(f"the file does not give {name}")
    return numbers[0]


def _half_life_s(dose: Dataset) -> float:
    half_life = _positive(dose, "RadionuclideHalfLife", "the half-life")
    code = first_item(dose, "RadionuclideCodeSequence")
    named = str(code.get("CodeMeaning") or "") or str(dose.get("Radiopharmaceutical") or "")
    mass = re.search(r"(?<!\d)(\d{2,3})(?!\d)", named)
    known = _HALF_LIVES_S.get(mass[1]) if mass else None
    if known is not None and not _is_near(half_life, known):
        raise SuvUnavailable(
            f"the half-life, {half_life:g} s, is not that of {named[:_LONGEST_TEXT]}, {known:g} s"
        )
    is_known, in_minutes = (
        any(_is_near(factor * half_life, each) for each in _HALF_LIVES_S.values())
        for factor in (1, 60)
    )
    if half_life < _LEAST_HALF_LIFE_S or (in_minutes and not is_known):
        raise SuvUnavailable(
            f"the half-life, {half_life:g} s, is not plausible; it may be in minutes"
        )
    return half_life


def _is_near(half_life: float, known: float) -> bool:
    return abs(half_life - known) <= _HALF_LIFE_WITHIN * known


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
