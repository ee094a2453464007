"""Hidden identity: nothing of the patient is left in a volume, a series or a list of tags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.tags import HIDDEN, read_tags
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.privacy.deidentify import (
    IDENTIFYING,
    error_without_file_names,
    series_without_identity,
    volume_without_identity,
)
from fusion3d_gui.imaging.privacy.identifying_words import IdentifyingWords
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume

_WHO = {
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": "Müller-Quast^Zoë",
    "PatientID": "H-80715/3",
    "AccessionNumber": "ACC99812",
    "InstitutionName": "General Hospital",
    "StudyDate": "20240506",
    "PatientAge": "054Y",
}


@pytest.mark.parametrize(
    "text",
    [
        "HEAD MULLER fup",
        "t1 quast",
        "for ZOE",
        "case 80715 thin",
        "acc99812",
        "done at general hospital",
        "scan of 20240506",
    ],
)
def test_a_free_text_with_a_part_of_the_patients_name_or_numbers_is_dropped_from_view(
    text: str, tmp_path: Path, oblique_volume: Volume
) -> None:
    attributes = _WHO | {"ProtocolName": text, "StudyDescription": text}
    write_dicom_series(
        replace(oblique_volume, description=text), tmp_path, attributes=attributes, uid_seed="i"
    )
    hidden = volume_without_identity(open_volume(tmp_path))
    series = series_without_identity(find_series(tmp_path)[0])
    assert hidden.description == series.description == "Scan"
    shown = " ".join(
        (*hidden.attributes.values(), *hidden.notices, *series.notices, series.subfolder)
    )
    assert text not in shown
    assert hidden.attributes["PatientAge"] == "054Y"
    assert not series.identity


def test_a_free_text_that_tells_nothing_stays(tmp_path: Path, oblique_volume: Volume) -> None:
    attributes = _WHO | {"ProtocolName": "Head routine", "BodyPartExamined": "HEAD"}
    write_dicom_series(
        replace(oblique_volume, description="General head 1.5 mm"),
        tmp_path,
        attributes=attributes,
        uid_seed="i",
    )
    hidden = volume_without_identity(open_volume(tmp_path))
    assert hidden.description == "General head 1.5 mm"
    assert hidden.attributes["ProtocolName"] == "Head routine"
    assert series_without_identity(find_series(tmp_path)[0]).description == hidden.description


def test_short_names_count_as_words_of_their_own_and_ideographs_anywhere() -> None:
    words = IdentifyingWords(["Li^Wu", "王^小明"])
    assert words.occur_in("scan li, wu")
    assert words.occur_in("头部小明扫描")
    assert not words.occur_in("Liver wutherings")


def test_which_volume_of_several_it_is_stays(tmp_path: Path, oblique_volume: Volume) -> None:
    for name in ("Quast (Zoe).nii", "Quast (volume 3 of 9).nii"):
        write_nifti(oblique_volume, tmp_path / name)
        hidden = volume_without_identity(open_volume(tmp_path / name))
        assert hidden.description in ("Scan", "Scan (volume 3 of 9)")
        assert hidden.path is None


def test_every_tag_in_whose_value_a_part_of_the_name_stands_is_hidden(
    tmp_path: Path, oblique_volume: Volume
) -> None:
    path = write_dicom_series(oblique_volume, tmp_path, attributes=_WHO, uid_seed="i")[0]
    dataset = pydicom.dcmread(path)
    dataset.ContrastBolusAgent = "Zoe's agent"
    dataset.BodyPartExamined = "HEAD"
    item = pydicom.Dataset()
    item.ContrastBolusAgent = "as for QUAST"
    dataset.ReferencedImageSequence = [item]
    dataset.save_as(path)
    values = [line.value for line in read_tags(path, hide_identity=True)]
    text = " ".join(values).casefold()
    assert not any(part in text for part in ("zo", "quast", "80715", "99812", "müller"))
    assert "HEAD" in values
    assert HIDDEN in values


def test_nothing_of_the_patient_is_in_what_python_prints_of_a_series_or_volume(
    tmp_path: Path, oblique_volume: Volume
) -> None:
    plain = replace(oblique_volume, voxels=np.zeros((2, 2, 2), np.int16))
    write_dicom_series(plain, tmp_path, attributes=_WHO, uid_seed="i")
    printed = repr(find_series(tmp_path)) + repr(open_volume(tmp_path))
    assert not any(part in printed for part in ("Quast", "80715", "99812"))
    assert "identity" not in find_series(tmp_path)[0].to_json()


def test_nothing_of_the_patient_reaches_logs_warnings_or_refusals(
    tmp_path: Path,
    oblique_volume: Volume,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    caplog.set_level("DEBUG")
    pydicom.config.debug(False)
    paths = write_dicom_series(oblique_volume, tmp_path, attributes=_WHO, uid_seed="i")
    for path in paths:  # values that bend the rules, of which pydicom likes to tell
        dataset = pydicom.dcmread(path)
        dataset.add_new("PatientBirthDate", "DA", "Quast 1950")
        dataset.add_new("PatientWeight", "DS", "12345678")
        dataset.save_as(path)
        path.write_bytes(path.read_bytes().replace(b"12345678", b"Quast kg"))
    paths[1].write_bytes(paths[1].read_bytes()[:-9])
    paths[3].write_bytes(paths[3].read_bytes()[:700])
    open_volume(tmp_path)
    for path in paths[:4]:
        for work in (open_volume, lambda path: read_tags(path, hide_identity=True)):
            try:
                work(path)
            except UserError as error:
                caplog.records.append(error)  # type: ignore[arg-type]
    said = " ".join([*map(str, caplog.records), *(str(each.message) for each in recwarn)])
    assert not any(part in said for part in ("Quast", "80715", "99812"))


def test_a_refusal_without_the_files_name_still_says_what_is_wrong() -> None:
    path = Path("/scans/Quast Zoe.nii")
    error = UserError("is damaged", path=path, remedy="Copy Quast Zoe.nii again.")
    assert str(error) == "Quast Zoe.nii: is damaged. Copy Quast Zoe.nii again."
    hidden = error_without_file_names(error)
    assert hidden == "The file: is damaged. Copy the file again."
    assert error_without_file_names(UserError("No file at all")) == "No file at all."


@pytest.mark.parametrize(
    ("notice", "shown"),
    [
        ("3 files were left out: Quast.dcm and 2 others.", "3 files were left out."),
        ("1 file was left out, Quast.dcm is damaged.", "1 file was left out."),
        ("Slice 7 is missing.", "Slice 7 is missing."),
    ],
)
def test_notices_keep_how_many_files_were_left_out_but_not_their_names(
    notice: str, shown: str, oblique_volume: Volume
) -> None:
    hidden = volume_without_identity(replace(oblique_volume, notices=(notice,)))
    assert hidden.notices == (shown,)


@pytest.mark.parametrize("keyword", sorted(IDENTIFYING))
def test_every_identifying_attribute_is_dropped_whatever_it_says(
    keyword: str, oblique_volume: Volume
) -> None:
    volume = replace(oblique_volume, attributes={keyword: "x", "PatientSex": "F"})
    assert dict(volume_without_identity(volume).attributes) == {
        "PatientSex": "F",
        "PatientIdentityRemoved": "YES",
    }


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ("Quast head (volume 3 of 9)", "Scan (volume 3 of 9)"),
        ("Quast head (echo 2, TE 30 ms)", "Scan (echo 2, TE 30 ms)"),
        ("Quast head (by Zoe)", "Scan"),
        ("Quast (patient 2 Zoe)", "Scan"),
        ("Head (echo 2)", "Head (echo 2)"),
        ("", ""),
    ],
)
def test_a_hidden_description_keeps_only_which_of_several_volumes_it_is(
    description: str, shown: str, oblique_volume: Volume
) -> None:
    attributes = {"PatientName": "Quast^Zoe"}
    volume = replace(oblique_volume, description=description, attributes=attributes)
    assert volume_without_identity(volume).description == shown


def test_what_is_too_short_to_identify_anybody_does_not_hide_a_text() -> None:
    words = IdentifyingWords(["X^Y", "明"], ["NYC", "UCSF", "20240506"])
    for text in ("x-ray of y", "头明部", "NYC head"):
        assert not words.occur_in(text)
    for text in ("at ucsf.", "Scan20240506"):
        assert words.occur_in(text)


def test_a_dicom_description_that_begins_like_its_files_is_not_taken_for_a_file_name() -> None:
    series = Series("1.2", "IM", "CT", "DICOM", (1, 2, 3), None, (Path("IM0001.dcm"),))
    assert series_without_identity(series).description == "IM"
    other = replace(series, format="NIfTI", paths=(Path("IM.nii"),))
    assert series_without_identity(other).description == "Scan"
