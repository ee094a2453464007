"""``result_json``: a case's result as one JSON document, described by ``docs/schema/result-1.json``.

It holds the keys of a prediction's JSON, and beside them everything else that is known about the case. It has
no time of writing: the same result gives the same bytes, whose SHA-256 the page names.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.report.case_result import CaseResult, FormValue, OtherPrediction
from fusion3d_gui.report.measurement_file import marks_json
from fusion3d_gui.report.model_json import model_json

#: Names the version of the document; it changes where a key is removed or means something else.
SCHEMA = "urn:fusion3d:schema:result:1"


def result_json(result: CaseResult) -> dict[str, Any]:
    """The result as plain values; without identity neither UIDs nor paths are among them."""
    prediction = result.prediction
    plain = prediction.to_json()
    return {
        "schema": SCHEMA,
        **plain,
        "heatmap": {**plain["heatmap"], **_heatmap_facts(result)},
        "model": model_json(result.bundle, prediction),
        "simulated": result.simulated,
        "patient": patient_json(result),
        "scan": _scan(result),
        "form": [_form_value(each) for each in result.form],
        "hot_spots": _hot_spots(result),
        "uncertainty": None if result.uncertainty is None else result.uncertainty.to_json(),
        "augmentation_range": None if result.augmentation is None else list(result.augmentation),
        "contributions": None if result.contributions is None else result.contributions.to_json(),
        "map_checks": None if result.checks is None else result.checks.to_json(),
        "marks": marks_json(result.marks),
        "other_models": [_other(each) for each in result.others],
        "reader": {"reading": result.notes.reading, "comment": result.notes.comment},
        "appearance": {
            "window_center": result.appearance.window.center,
            "window_width": result.appearance.window.width,
            "inverted": result.appearance.inverted,
            "color_map": result.appearance.color_map,
            "opacity": result.appearance.opacity,
        },
    }


def result_text(result: CaseResult) -> str:
    """The document as it is written to a file.

    Raises ValueError where a number is not finite, which JSON can't express.
    """
    plain = result_json(result)
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def text_sha256(text: str) -> str:
    """SHA-256 (hexadecimal) of a text as it is written to a file."""
    return hashlib.sha256(text.encode()).hexdigest()


def _heatmap_facts(result: CaseResult) -> dict[str, Any]:
    heatmap, explanation = result.prediction.heatmap, result.explanation
    return {
        "name": None if explanation is None else explanation.name,
        "grid": heatmap.grid_text,
        "has_unit": heatmap.has_unit,
        "values_sha256": _values_sha256(heatmap),
    }


def _values_sha256(heatmap: Heatmap) -> str:
    """Of the values as little-endian float32 in the order k, j, i: those of the file that is written."""
    return hashlib.sha256(np.ascontiguousarray(heatmap.values, "<f4").tobytes()).hexdigest()


def patient_json(result: CaseResult) -> dict[str, str] | None:
    """Who was scanned; None where that is hidden."""
    identity = result.identity
    if identity is None:
        return None
    return {
        "name": identity.patient_name,
        "id": identity.patient_id,
        "birth_date": identity.patient_birth_date,
        "sex": identity.patient_sex,
        "age": result.volume.attributes.get("PatientAge", ""),
    }


def _scan(result: CaseResult) -> dict[str, Any]:
    volume, identity, hashes = result.volume, result.identity, result.hashes
    return {
        "modality": volume.modality,
        "description": volume.description,
        **_geometry(volume),
        "unit": volume.unit,
        "missing_slices": len(volume.missing),
        "interpolated_from": volume.interpolated_from,
        "warnings": [each.sentence for each in volume.warnings],
        "notices": list(volume.notices),
        "study_uid_sha256": hashes.study_uid_sha256,
        "series_uid_sha256": hashes.series_uid_sha256,
        "instance_uids_sha256": hashes.instance_uids_sha256,
        "identity": None
        if identity is None
        else {
            "study_date": identity.study_date,
            "study_time": identity.study_time,
            "series_date": identity.series_date,
            "accession_number": identity.accession_number,
            "institution": identity.institution,
            "study_uid": identity.study_uid,
            "series_uid": identity.series_uid,
            "frame_of_reference_uid": identity.frame_of_reference_uid,
            "instance_uids": list(identity.instance_uids),
            "opened": [str(path.absolute()) for path in identity.opened],
            "files": [str(path.absolute()) for path in identity.files],
        },
    }


def _geometry(volume: Volume) -> dict[str, Any]:
    return {
        "shape_kji": list(volume.shape),
        "spacing_kji_mm": [round(mm, 6) for mm in volume.spacing_mm],
        "affine_lps": volume.affine.tolist(),
    }


def _form_value(each: FormValue) -> dict[str, Any]:
    field = each.field
    return {
        "name": field.name,
        "label": field.label,
        "value": each.value,
        "unit": field.unit,
        "text": each.text,
        "source": each.source,
        "dicom_keyword": field.dicom or None,
    }


def _hot_spots(result: CaseResult) -> dict[str, Any]:
    spots = result.hot_spots
    first = spots[0].position_lps if spots else np.zeros(3)
    return {
        "threshold": result.appearance.threshold,
        "spots": [
            {
                "number": number,
                "share": spot.share,
                "position_lps_mm": spot.position_lps.round(3).tolist(),
                "side": result.side(spot),
                "left_of_middle_mm": round(result.millimetres_left(spot), 3),
                "from_first_mm": round(float(np.linalg.norm(spot.position_lps - first)), 3),
                "cells": spot.cells,
                "volume_ml": spot.volume_ml,
                "radius_mm": spot.radius_mm,
                "in_air": spot.in_air,
            }
            for number, spot in enumerate(spots, start=1)
        ],
    }


def _other(each: OtherPrediction) -> dict[str, Any]:
    made = each.prediction
    return {
        "name": each.bundle.name,
        "version": each.bundle.version,
        "probability": None if made is None else made.probability,
        "threshold": each.bundle.decision.threshold,
        "class": None if made is None else made.class_name,
        "fit": None if made is None else made.fit.fit,
        "reasons": [] if made is None else list(made.fit.reasons),
        "weights_sha256": None if made is None else made.weights_sha256,
        "problem": each.problem or None,
    }
