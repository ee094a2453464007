"""Columns of a participant's table of predictions, and what ``predictions.json`` says of them."""

from __future__ import annotations

from typing import Any

from fusion3d_gui.inference.batch.batch_row import field_columns
from fusion3d_gui.model.schema import Field, MetadataSchema

#: Columns of ``results.csv`` that say what was predicted, in order.
PREDICTED = (
    *("probability", "logit", "positive", "class", "threshold"),
    *("fit", "reasons", "despite_misfit", "demonstration", "error"),
)
#: Those that say by what; the model's metadata lie between both.
PROVENANCE = (
    *("model", "version", "weights_sha256", "voxels_sha256"),
    *("explanation", "device", "seconds", "created", "notices"),
)
#: Those whose cells are numbers.
NUMBERS = ("probability", "logit", "threshold", "seconds")

_YES_NO = {"0": "no", "1": "yes"}
_DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "scan": {
        "Description": "The scan, as a path in the data set that dataset_description.json links as raw."
    },
    "session_id": {"Description": "Session of the scan."},
    "run": {"Description": "Run of the scan, as in its name."},
    "map": {"Description": "The map that explains the prediction, as a path in this data set."},
    "probability": {
        "Description": "Calibrated probability of the positive class: sigmoid(logit / temperature).",
        "Units": "1",
    },
    "logit": {"Description": "Output of the network.", "Units": "1"},
    "positive": {
        "Description": "Whether the probability reaches the threshold; not known unless the scan fits.",
        "Levels": _YES_NO,
    },
    "class": {"Description": "Name of the predicted class; not known unless the scan fits."},
    "threshold": {"Description": "The model's threshold of the probability.", "Units": "1"},
    "fit": {
        "Description": "Whether the scan is one that the model is meant for.",
        "Levels": {
            "fits": "yes",
            "doubtful": "perhaps: the number is given, no class",
            "refused": "no",
        },
    },
    "reasons": {"Description": "Why the scan does not fit, or may not."},
    "despite_misfit": {
        "Description": "Whether a number was asked for although the model is not meant for the scan.",
        "Levels": _YES_NO,
    },
    "demonstration": {
        "Description": "What must stand beside all that a model of simulated cases says."
    },
    "error": {"Description": "Why there is no prediction."},
    "model": {"Description": "Name of the model."},
    "version": {"Description": "Version of the model."},
    "weights_sha256": {"Description": "SHA-256 of the model's weights, hexadecimal."},
    "voxels_sha256": {
        "Description": "SHA-256 of the scan's voxels, shape, type, rescale and affine."
    },
    "explanation": {"Description": "How the map was computed."},
    "device": {"Description": "Device and engine that computed the prediction."},
    "seconds": {"Description": "Time that the prediction took.", "Units": "s"},
    "created": {"Description": "When it was computed, ISO 8601."},
    "notices": {"Description": "What else the reader should know of it."},
    "notice": {"Description": "What the prediction may be used for."},
}


def column_descriptions(schema: MetadataSchema) -> dict[str, dict[str, Any]]:
    """What ``predictions.json`` says: of each column a description, units and levels."""
    columns = field_columns(schema)
    of_fields = {columns[field.name]: _about(field) for field in schema.fields}
    return {**_DESCRIPTIONS, **of_fields}


def _about(field: Field) -> dict[str, Any]:
    said: dict[str, Any] = {
        "LongName": field.label,
        "Description": f"Metadata that the prediction was made with. {field.help}".strip(),
    }
    if field.unit:
        said["Units"] = field.unit
    if field.kind == "category":
        said["Levels"] = dict(field.choices)
    if field.kind == "boolean":
        said["Levels"] = {"True": "yes", "False": "no"}
    return said
