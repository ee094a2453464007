"""What numbers mean: SUV, real-world values, windows from tables, padding, palettes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut
from pydicom.sequence import Sequence

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.suv import SuvUnavailable, suv_factor
from fusion3d_gui.state.display.corner_text import is_lossy

Edit = Callable[[Dataset, int], None]


def _pet(dataset: Dataset, number: int) -> None:
    """FDG, one half-life (6586.2 s) before the series began; each slice with a slope of its own."""
    dataset.Modality = "PT"
    dataset.SOPClassUID = pydicom.uid.PositronEmissionTomographyImageStorage
    dataset.Units = "BQML"
    del dataset.RescaleType
    dataset.CorrectedImage = ["DECY", "ATTN", "SCAT"]
    dataset.DecayCorrection = "START"
    dataset.PatientWeight = 80
    dataset.SeriesDate = dataset.AcquisitionDate = "20200301"
    dataset.SeriesTime = "001000.0"
    dataset.AcquisitionTime = f"0012{number:02d}"
    dataset.RescaleSlope = 1 + number
    dataset.RescaleIntercept = 0
    dose = Dataset()
    dose.RadionuclideTotalDose = 400e6
    dose.RadionuclideHalfLife = 6586.2
    dose.RadiopharmaceuticalStartTime = "222013.8"  # the evening before
    dataset.RadiopharmaceuticalInformationSequence = Sequence([dose])
    dataset.WindowCenter, dataset.WindowWidth = 5000, 10000


def test_pet_becomes_suv_by_body_weight(written: Callable[[Edit], Path]) -> None:
    folder = written(_pet)
    stored = np.stack([pydicom.dcmread(path).pixel_array for path in sorted(folder.iterdir())])
    activity = stored * np.arange(1.0, 8.0)[:, None, None]
    volume = open_volume(folder)
    assert volume.unit == "SUV"
    # After one half-life half the dose is left: SUV = Bq/ml * 80,000 g / 200 MBq.
    np.testing.assert_allclose(volume.real(), activity * 80_000 / 200e6, rtol=1e-5)
    assert volume.windows[0] == pytest.approx((2.0, 4.0))
    assert "400 MBq, 80 kg, 110 minutes after injection" in " ".join(volume.notices)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"PatientWeight": None}, "weight"),
        ({"CorrectedImage": ["ATTN"]}, "not corrected for decay"),
        ({"DecayCorrection": "NONE"}, "to which time"),
        ({"RadiopharmaceuticalInformationSequence": None}, "injected dose"),
        ({"SeriesTime": "", "AcquisitionTime": ""}, "time of the scan"),
    ],
)
def test_pet_that_does_not_say_enough_stays_in_its_own_unit_and_says_why(
    change: dict, reason: str, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        _pet(dataset, number)
        for keyword, value in change.items():
            setattr(dataset, keyword, value)

    volume = open_volume(written(edit))
    assert volume.unit == "Bq/ml"
    assert any("not SUV" in notice and reason in notice for notice in volume.notices)


def test_pet_that_holds_suv_already_is_not_changed(written: Callable[[Edit], Path]) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        _pet(dataset, number)
        dataset.Units, dataset.RescaleSlope = "GML", 0.25

    volume = open_volume(written(edit))
    assert (volume.slope, volume.unit) == (0.25, "SUV")
    assert volume.windows[0] == (5000, 10000)


def test_dose_decay_corrected_to_injection_needs_no_times(written: Callable[[Edit], Path]) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        _pet(dataset, number)
        dataset.DecayCorrection = "ADMIN"
        dataset.RescaleSlope = 2
        dataset.SeriesTime = dataset.AcquisitionTime = ""

    volume = open_volume(written(edit))
    assert volume.slope == pytest.approx(2 * 80_000 / 400e6)
    assert volume.voxels.dtype.kind in "iu"


@pytest.mark.parametrize(
    "corrected_to", ["20200301100000", "20200301100000.000000", "20200301100000+0100"]
)
def test_an_enhanced_pet_image_says_the_same_in_other_attributes(corrected_to: str) -> None:
    dataset, dose = Dataset(), Dataset()
    dataset.DecayCorrected = dataset.AttenuationCorrected = "YES"
    dataset.DecayCorrectionDateTime = corrected_to
    dataset.PatientWeight = 70
    dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = 350e6, 6586.2
    dose.RadiopharmaceuticalStartDateTime = "20200301090000.00"
    dataset.RadiopharmaceuticalInformationSequence = Sequence([dose])
    left = 350e6 * 0.5 ** (3600 / 6586.2)
    assert suv_factor(dataset, []).factor == pytest.approx(70_000 / left)
    dataset.AttenuationCorrected = "NO"
    with pytest.raises(SuvUnavailable, match="not corrected"):
        suv_factor(dataset, [])


def _pet_header(**changed: object) -> Dataset:
    """FDG 70 kg, 350 MBq, an hour before; an attribute of the image or the dose changed."""
    dataset, dose = Dataset(), Dataset()
    dataset.CorrectedImage, dataset.DecayCorrection = ["DECY", "ATTN"], "START"
    dataset.PatientWeight = 70
    dataset.SeriesDate, dataset.SeriesTime = "20200301", "100000"
    dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = 350e6, 6586.2
    dose.RadiopharmaceuticalStartTime = "090000"
    dataset.RadiopharmaceuticalInformationSequence = Sequence([dose])
    for keyword, value in changed.items():
        holder = dose if keyword.startswith("Radio") else dataset
        setattr(holder, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("changed", "left"),
    [
        ({}, 0.5 ** (3600 / 6586.2)),
        ({"PatientWeight": 0.11}, 0.5 ** (3600 / 6586.2)),
        ({"RadionuclideHalfLife": 0.9e4}, 0.5 ** (3600 / 0.9e4)),
        ({"RadiopharmaceuticalStartTime": "100000"}, 1),  # at once
        ({"RadiopharmaceuticalStartTime": "100001"}, 0.5 ** (86399 / 6586.2)),  # the day before
        ({"RadiopharmaceuticalStartDateTime": "20200229100000"}, 0.5 ** (86400 / 6586.2)),
        ({"RadiopharmaceuticalStartDateTime": "2020"}, 0.5 ** (3600 / 6586.2)),  # of no use
        ({"AcquisitionTime": "093000"}, 0.5 ** (3600 / 6586.2)),  # only the slices' times count
        ({"SeriesTime": "110000"}, 0.5 ** (3600 / 6586.2)),  # computed after the slices were taken
    ],
)
def test_suv_counts_the_dose_that_is_left(changed: dict[str, object], left: float) -> None:
    dataset = _pet_header(**changed)
    expected = 1000 * float(dataset.PatientWeight) / (350e6 * left)
    times = ["100000", "101000"] if "SeriesTime" in changed else []
    assert suv_factor(dataset, times).factor == pytest.approx(expected)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"PatientWeight": 0.1}, "weight"),
        ({"PatientWeight": 1000}, "weight"),
        ({"RadionuclideTotalDose": 0}, "injected dose"),
        ({"RadionuclideTotalDose": -1}, "injected dose"),
        ({"RadionuclideHalfLife": 0}, "half-life"),
        ({"RadionuclideHalfLife": -100}, "half-life"),
        ({"RadionuclideHalfLife": None}, "half-life"),
        ({"RadionuclideHalfLife": 1}, "half-life, 1 s, is not plausible"),
        ({"RadionuclideHalfLife": 109.77}, "it may be in minutes"),
        ({"RadionuclideHalfLife": 1.829}, "is not plausible"),  # hours
        ({"RadionuclideHalfLife": 122.2}, "nothing of the dose was left"),
        ({"Radiopharmaceutical": "F-18 FDG", "RadionuclideHalfLife": 4063}, "not that of F-18"),
        ({"RadionuclideTotalDose": 370}, "370 Bq, is not plausible; it may be in MBq"),
        ({"RadionuclideTotalDose": 0.37}, "is not plausible"),  # GBq
        ({"RadionuclideTotalDose": 3e11}, "is not plausible"),
        ({"PatientWeight": 70_000}, "70000 kg, is not plausible"),
        ({"RadiopharmaceuticalStartTime": ""}, "time of injection"),
        ({"SeriesDate": ""}, "time of the scan"),
        ({"RadiopharmaceuticalStartDateTime": "20200229095959"}, "contradict each other"),
        ({"RadiopharmaceuticalStartDateTime": "20200301100001"}, "contradict each other"),
    ],
)
def test_suv_is_refused_with_the_reason(changed: dict[str, object], reason: str) -> None:
    with pytest.raises(SuvUnavailable, match=reason):
        suv_factor(_pet_header(**changed), [])


@pytest.mark.parametrize(
    ("dose", "may_be_mbq"),
    [(0.9, False), (1.0, True), (370, True), (20_000, True), (20_500, False)],
)
def test_a_dose_may_be_in_megabecquerel_where_that_is_plausible(dose, may_be_mbq) -> None:
    with pytest.raises(SuvUnavailable, match="is not plausible") as refused:
        suv_factor(_pet_header(RadionuclideTotalDose=dose), [])
    assert ("it may be in MBq" in str(refused.value)) == may_be_mbq


def test_suv_values_may_have_decimal_commas_and_what_can_not_be_read_is_named() -> None:
    dataset = _pet_header()
    weight = dataset["PatientWeight"].tag
    long = b"seventy kilograms, or about that"
    for text, expected in ((b"70,5", 70.5), (b"7O ", None), (long, None)):
        dataset._dict[weight] = RawDataElement(weight, "DS", len(text), text, 0, False, True)
        if expected is None:
            quoted = text.decode().strip()[:24]
            with pytest.raises(SuvUnavailable, match=f'weight, "{quoted}", can\'t be read'):
                suv_factor(dataset, [])
        else:
            left = 350e6 * 0.5 ** (3600 / 6586.2)
            assert suv_factor(dataset, []).factor == pytest.approx(1000 * expected / left)


@pytest.mark.parametrize(
    ("meaning", "half_life"), [("^18^Fluorine", 6588), ("^68^Gallium", 4069), ("^82^Rubidium", 75)]
)
def test_the_half_life_of_a_named_nuclide_is_accepted(meaning: str, half_life: float) -> None:
    code = Dataset()
    code.CodeMeaning = meaning
    changed = {"RadionuclideCodeSequence": Sequence([code]), "RadionuclideHalfLife": half_life}
    dataset = _pet_header(RadiopharmaceuticalStartTime="095900", **changed)
    dose = dataset.RadiopharmaceuticalInformationSequence[0]
    dose.RadionuclideCodeSequence = Sequence([code])
    expected = 70_000 / (350e6 * 0.5 ** (60 / half_life))
    assert suv_factor(dataset, []).factor == pytest.approx(expected)


_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


@pytest.mark.parametrize(
    ("nuclide", "half_life"),
    [
        # As nuclear medicine's tables give them, in the units in which they are known.
        ("^11^Carbon", 20.36 * _MINUTE),
        ("^13^Nitrogen", 9.97 * _MINUTE),
        ("^15^Oxygen", 2.04 * _MINUTE),
        ("^18^Fluorine", 109.8 * _MINUTE),
        ("^38^Potassium", 7.64 * _MINUTE),
        ("^44^Scandium", 4.04 * _HOUR),
        ("^60^Copper", 23.7 * _MINUTE),
        ("^61^Copper", 3.34 * _HOUR),
        ("^62^Copper", 9.67 * _MINUTE),
        ("^64^Copper", 12.7 * _HOUR),
        ("^68^Gallium", 67.7 * _MINUTE),
        ("^76^Bromine", 16.2 * _HOUR),
        ("^82^Rubidium", 1.27 * _MINUTE),
        ("^86^Yttrium", 14.74 * _HOUR),
        ("^89^Zirconium", 78.4 * _HOUR),
        ("^90^Yttrium", 64.1 * _HOUR),
        ("^124^Iodine", 4.176 * _DAY),
    ],
)
def test_the_half_life_is_that_of_the_nuclide_within_three_percent(
    nuclide: str, half_life: float
) -> None:
    code = Dataset()
    code.CodeMeaning = nuclide
    for factor, fits in ((1.0, True), (0.98, True), (1.02, True), (0.9, False), (1.1, False)):
        dataset = _pet_header(RadiopharmaceuticalStartTime="095930")
        dose = dataset.RadiopharmaceuticalInformationSequence[0]
        dose.RadionuclideCodeSequence = Sequence([code])
        dose.RadionuclideHalfLife = f"{factor * half_life:.8g}"
        if fits:
            left = 350e6 * 0.5 ** (30 / (factor * half_life))
            assert suv_factor(dataset, []).factor == pytest.approx(70_000 / left)
        else:
            with pytest.raises(SuvUnavailable, match="is not that of"):
                suv_factor(dataset, [])


def test_a_classic_image_with_a_real_world_mapping_shows_real_world_values(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.Modality = "MR"
        for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
            delattr(dataset, keyword)
        unit = Dataset()
        unit.CodeValue = "mm2/s"
        mapping = Dataset()
        mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 0.5, 7.0
        mapping.MeasurementUnitsCodeSequence = Sequence([unit])
        dataset.RealWorldValueMappingSequence = Sequence([mapping])

    volume = open_volume(written(edit))
    assert (volume.slope, volume.intercept, volume.unit) == (0.5, 7.0, "mm2/s")


def test_a_segmented_palette_gives_pydicoms_colours(written: Callable[[Edit], Path]) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.PhotometricInterpretation = "PALETTE COLOR"
        dataset.Modality = "OT"
        rows, columns = dataset.Rows, dataset.Columns
        pixels = (np.arange(rows * columns) % 256).astype(np.uint8)
        dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
        dataset["PixelData"].VR = "OB"
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation = 7, 0
        for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
            if keyword in dataset:
                delattr(dataset, keyword)
        for shift, colour in enumerate(("Red", "Green", "Blue")):
            first = 1000 * shift
            segments = [0, 4, first, 50, 60, 70, 1, 100, 40_000, 1, 52, 9000, 2, 2, 6, 0]
            data = np.array(segments, "<u2").tobytes()
            dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [308, 0, 16])
            dataset.add_new(f"Segmented{colour}PaletteColorLookupTableData", "OW", data)

    folder = written(edit)
    volume = open_volume(folder)
    dataset = pydicom.dcmread(folder / "0001.dcm")
    colours = apply_color_lut(dataset.pixel_array, dataset).astype(np.float64)
    gray = colours @ [0.299, 0.587, 0.114]
    shown = volume.voxels[0].astype(np.float64)
    np.testing.assert_allclose(shown * 65535 / 255, gray, atol=65535 / 255)


def test_a_deflated_enhanced_image_is_the_same_as_the_plain_one(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    pixels = chance.integers(0, 4000, (5, 6, 8)).astype(np.uint16)
    dataset = Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = pydicom.uid.EnhancedMRImageStorage
    dataset.SOPInstanceUID = dataset.SeriesInstanceUID = dataset.StudyInstanceUID = "1.2.3"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.Modality, dataset.NumberOfFrames = "MR", 5
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 6, 8, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.75], 2
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for number in range(5):
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = [3, 10 - 2 * number, 7]
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.save_as(tmp_path / "plain.dcm", enforce_file_format=True)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "deflated.dcm", enforce_file_format=True)
    plain, deflated = open_volume(tmp_path / "plain.dcm"), open_volume(tmp_path / "deflated.dcm")
    np.testing.assert_array_equal(deflated.voxels, plain.voxels)
    np.testing.assert_array_equal(deflated.affine, plain.affine)
    for k, (slice_, y) in enumerate(
        zip(plain.voxels, plain.affine[1, 3] + np.arange(5) * plain.affine[1, 2], strict=True)
    ):
        np.testing.assert_array_equal(slice_, pixels[round((10 - y) / 2)])
        np.testing.assert_allclose(plain.to_lps(np.array([0, 0, k])), [3, y, 7])


def test_one_slice_that_was_compressed_with_loss_marks_the_scan(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.LossyImageCompression = "01" if number == 2 else "00"

    volume = open_volume(written(edit))
    assert volume.attributes["LossyImageCompression"] == "01"
    assert is_lossy(volume)
    assert not is_lossy(open_volume(written(_nothing)))


def _nothing(dataset: Dataset, number: int) -> None:
    """Leave the slice as it is: nothing is said of a loss."""


def test_a_stack_is_shown_in_the_window_of_its_middle_slice(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.WindowCenter, dataset.WindowWidth = 40 + number, 400 + 10 * number

    assert open_volume(written(edit)).windows == ((43.0, 430.0),)
