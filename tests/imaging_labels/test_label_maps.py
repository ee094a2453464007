"""Masks of NIfTI, NRRD, DICOM Segmentation and RT Structure Set on a scan, judged by SimpleITK and closed forms."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.source_series import SourceSeries, read_source_series
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.labels import mask_position
from fusion3d_gui.imaging.labels.brush import brushed, connected_region
from fusion3d_gui.imaging.labels.contour_fill import fill_contours
from fusion3d_gui.imaging.labels.label_map import mask_of
from fusion3d_gui.imaging.labels.read_masks import read_masks
from fusion3d_gui.imaging.labels.scan_object import ScanObject
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.report.mask_file import write_mask

hd = pytest.importorskip("highdicom")


def turned(angle: float = 0.2) -> np.ndarray:
    """A rotation about an oblique axis."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def affine(sizes, origin=(-30.0, -40.0, 10.0), rotation=None) -> np.ndarray:
    made = np.eye(4)
    made[:3, :3] = (np.eye(3) if rotation is None else rotation) @ np.diag(sizes)
    made[:3, 3] = origin
    return made


def blobs(shape=(20, 32, 36), count: int = 3) -> np.ndarray:
    """Labels 1 to ``count``, which touch and have holes."""
    noise = np.random.default_rng(3).normal(size=shape)
    smooth = sitk.GetArrayFromImage(
        sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(noise), 2.0)
    )
    edges = np.quantile(smooth, np.linspace(0.5, 1.0, count + 1)[:-1])
    return np.digitize(smooth, edges).astype(np.uint8)


def itk(voxels: np.ndarray, lps: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    return image


def volumes_ml(image: sitk.Image) -> dict[int, float]:
    """By label, of SimpleITK."""
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(image)
    return {label: shapes.GetPhysicalSize(label) / 1000 for label in shapes.GetLabels()}


def on_scan(mask, scan: Volume) -> np.ndarray:
    """A mask as bool on the whole grid of the scan."""
    i, j, k = np.rint(scan.to_index(mask.grid.to_lps(np.zeros(3)))).astype(int)
    full = np.zeros(scan.shape, bool)
    dk, dj, di = mask.grid.shape
    full[k : k + dk, j : j + dj, i : i + di] = mask.grid.voxels > 0
    return full


SCAN = Volume(
    np.random.default_rng(0).integers(0, 300, (20, 32, 36)).astype(np.int16),
    affine((2.0, 2.0, 3.0)),
    modality="MR",
)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_labels_on_the_scans_grid_have_simpleitks_volumes_and_centres(tmp_path, suffix):
    labels = blobs()
    image = itk(labels, SCAN.affine)
    sitk.WriteImage(image, str(tmp_path / f"m{suffix}"))
    found = read_masks(tmp_path / f"m{suffix}", SCAN, None)
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(image)
    assert [each.name for each in found.masks] == ["Label 1", "Label 2", "Label 3"]
    for number, mask in enumerate(found.masks, 1):
        assert mask.volume_ml == pytest.approx(shapes.GetPhysicalSize(number) / 1000, rel=1e-9)
        np.testing.assert_allclose(mask.center_lps, shapes.GetCentroid(number), atol=1e-6)
        np.testing.assert_array_equal(on_scan(mask, SCAN), labels == number)
    assert found.notices == ()


@pytest.mark.parametrize(
    "grid",
    [
        affine((1.1, 1.3, 2.2), (-25.0, -35.0, 14.0)),
        affine((-2.0, 2.0, 3.0), (40.0, -40.0, 10.0)),
        affine((2.3, 1.9, 3.1), (-20.0, -30.0, 15.0), turned()),
    ],
    ids=["finer", "flipped", "turned"],
)
def test_labels_on_another_grid_lie_where_simpleitk_resamples_them(tmp_path, grid):
    image = itk(blobs(), grid)
    sitk.WriteImage(image, str(tmp_path / "m.nrrd"))
    found = read_masks(tmp_path / "m.nrrd", SCAN, None)
    expected = sitk.GetArrayFromImage(
        sitk.Resample(
            image, itk(SCAN.voxels, SCAN.affine), sitk.Transform(), sitk.sitkNearestNeighbor, 0
        )
    )
    own = volumes_ml(image)
    for number, mask in enumerate(found.masks, 1):
        differ = on_scan(mask, SCAN) != (expected == number)
        assert (
            differ.sum() <= 0.002 * (expected == number).sum()
        )  # half-way points may go either way
        assert mask.volume_ml == pytest.approx(own[number], rel=1e-6)


def test_names_and_colours_of_3d_slicer_are_read_and_overlapping_layers_kept(tmp_path):
    layers = np.zeros((20, 32, 36, 2), np.uint8)
    layers[4:10, 5:15, 6:16, 0] = 1
    layers[8:16, 10:20, 10:22, 0] = 2
    layers[6:12, 8:18, 8:18, 1] = 1
    image = sitk.GetImageFromArray(layers, isVector=True)
    image.CopyInformation(itk(layers[..., 0], SCAN.affine))
    said = [("Tumour", 1, 0, "1 0 0"), ("Œdema", 2, 0, "0 0.5 1"), ("Vessel", 1, 1, "0 1 0")]
    for number, (name, value, layer, color) in enumerate(said):
        for key, text in (
            ("Name", name),
            ("LabelValue", value),
            ("Layer", layer),
            ("Color", color),
        ):
            image.SetMetaData(f"Segment{number}_{key}", str(text))
    path = tmp_path / "a.seg.nrrd"
    sitk.WriteImage(image, str(path))
    path.write_bytes(
        path.read_bytes().replace(b"kinds: vector ", b"kinds: list ")
    )  # as Slicer says
    found = read_masks(tmp_path / "a.seg.nrrd", SCAN, None)
    assert [(each.name, each.color) for each in found.masks] == [
        ("Tumour", "#FF0000"),
        ("Œdema", "#0080FF"),
        ("Vessel", "#00FF00"),
    ]
    np.testing.assert_array_equal(on_scan(found.masks[2], SCAN), layers[..., 1] == 1)
    np.testing.assert_array_equal(on_scan(found.masks[1], SCAN), layers[..., 0] == 2)


def test_names_of_a_bids_table_are_read(tmp_path):
    sitk.WriteImage(itk(blobs(), SCAN.affine), str(tmp_path / "s_dseg.nii.gz"))
    (tmp_path / "s_dseg.tsv").write_text("index\tname\tcolor\n1\tGrey\t#ff8000\n3\tWhite\t\n")
    found = read_masks(tmp_path / "s_dseg.nii.gz", SCAN, None)
    assert [(each.name, each.color) for each in found.masks] == [
        ("Grey", "#FF8000"),
        ("Label 2", ""),
        ("White", ""),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lps: np.diag([-1.0, 1, 1, 1]) @ lps, mask_position.MIRRORED),
        (lambda lps: np.diag([-1.0, -1, 1, 1]) @ lps, mask_position.MIRRORED),
        (lambda lps: lps @ np.diag([-1.0, 1, 1, 1]), mask_position.MIRRORED),
        (
            lambda lps: lps @ np.diag([-1.0, 1, 1, 1]) + np.outer([1, 0, 0, 0], [0, 0, 0, 70.0]),
            mask_position.OPPOSITE_ORDER,
        ),
        (
            lambda lps: lps + np.outer([0, 1, 0, 0], [0, 0, 0, 9.0]),
            mask_position.SAME_VOXELS,
        ),
        (lambda lps: lps, None),
    ],
)
def test_left_and_right_exchanged_against_the_scan_is_noticed(tmp_path, change, expected):
    lps = affine((2.0, 2.0, 3.0), (-34.0, -30.0, 10.0))
    scan = Volume(SCAN.voxels, lps)
    write_nifti(Volume(np.ones(scan.shape, np.uint8), change(lps)), tmp_path / "m.nii")
    found = read_masks(tmp_path / "m.nii", scan, None)
    assert found.notices == (() if expected is None else (expected,))


def test_a_mask_beside_the_scan_and_a_scan_are_refused(tmp_path):
    far = affine((2.0, 2.0, 3.0), (500.0, 0, 0))
    write_nifti(Volume(blobs(), far), tmp_path / "far.nii")
    with pytest.raises(UserError, match="lies beside the scan: the two are 458 mm apart"):
        read_masks(tmp_path / "far.nii", SCAN, None)
    write_nifti(
        Volume(np.random.default_rng(1).normal(size=(4, 5, 6)), np.eye(4)), tmp_path / "scan.nii"
    )
    with pytest.raises(UserError, match="no whole numbers"):
        read_masks(tmp_path / "scan.nii", SCAN, None)
    ramp = np.arange(20 * 32 * 36, dtype=np.int16).reshape(20, 32, 36) % 5000
    write_nifti(Volume(ramp, SCAN.affine), tmp_path / "ramp.nii")
    with pytest.raises(UserError, match="more than 400 different values"):
        read_masks(tmp_path / "ramp.nii", SCAN, None)
    write_nifti(Volume(np.zeros((20, 32, 36), np.uint8), SCAN.affine), tmp_path / "none.nii")
    with pytest.raises(UserError, match="it is empty"):
        read_masks(tmp_path / "none.nii", SCAN, None)


# -- DICOM ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path) -> Path:
    write_dicom_series(SCAN, tmp_path / "scan", attributes={"PatientID": "P1"}, uid_seed="labels")
    return tmp_path / "scan"


def opened(folder: Path) -> tuple[Volume, SourceSeries]:
    volume = open_volume(folder)
    return volume, read_source_series(find_series(folder)[0].paths, volume)


def on(folder: Path, path: Path) -> tuple[Volume, ScanObject]:
    volume, source = opened(folder)
    return volume, read_masks(path, volume, source)


def test_a_segmentation_made_by_dcmqi_has_its_segments_names_and_volumes(folder, tmp_path):
    """Three segments by ITK's tools, on the images of this scan."""
    labels = blobs()
    names = ["Core", "Rim", "Shell"]
    images = []
    for number in range(1, 4):
        images.append(tmp_path / f"{number}.nrrd")
        sitk.WriteImage(itk((labels == number).astype(np.uint8), SCAN.affine), str(images[-1]))
    code = {"CodeValue": "85756007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Tissue"}
    meta = {
        "ContentCreatorName": "Somebody",
        "SeriesDescription": "Segments",
        "SeriesNumber": "300",
        "InstanceNumber": "1",
        "segmentAttributes": [
            [
                {
                    "labelID": 1,
                    "SegmentLabel": name,
                    "SegmentDescription": name,
                    "SegmentAlgorithmType": "MANUAL",
                    "SegmentedPropertyCategoryCodeSequence": code,
                    "SegmentedPropertyTypeCodeSequence": code,
                    "recommendedDisplayRGBValue": [200, 40 * number, 10],
                }
            ]
            for number, name in enumerate(names, 1)
        ],
    }
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("itkimage2segimage")),
            *("--inputImageList", ",".join(map(str, images))),
            *("--inputDICOMDirectory", str(folder)),
            *("--inputMetadata", str(tmp_path / "meta.json")),
            *("--outputDICOM", str(tmp_path / "seg.dcm"), "--skip", "1"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    volume, found = on(folder, tmp_path / "seg.dcm")
    assert [each.name for each in found.masks] == names
    expected = volumes_ml(itk(labels, SCAN.affine))
    for number, mask in enumerate(found.masks, 1):
        assert mask.volume_ml == pytest.approx(expected[number], rel=1e-4)
        np.testing.assert_array_equal(on_scan(mask, volume), labels == number)
        rgb = [int(mask.color[at : at + 2], 16) for at in (1, 3, 5)]
        np.testing.assert_allclose(rgb, [200, 40 * number, 10], atol=12)


def test_frames_of_segments_in_any_order_are_placed_by_position(folder, tmp_path):
    labels = blobs()
    sources = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    code = pydicom.sr.codedict.codes.SCT
    made = hd.seg.Segmentation(
        sources,
        np.stack([labels == n for n in (1, 2)], axis=-1).astype(np.uint8),
        "BINARY",
        [hd.seg.SegmentDescription(n, f"S{n}", code.Tissue, code.Brain, "MANUAL") for n in (1, 2)],
        *(hd.UID(), 7, hd.UID(), 1, "M", "N", "1", "2"),
    )
    frames = made.pixel_array
    order = np.random.default_rng(5).permutation(len(frames))
    groups = list(made.PerFrameFunctionalGroupsSequence)
    made.PerFrameFunctionalGroupsSequence = [groups[n] for n in order]
    made.PixelData = np.packbits(frames[order].ravel() > 0, bitorder="little").tobytes()
    made.save_as(tmp_path / "seg.dcm")
    volume, found = on(folder, tmp_path / "seg.dcm")
    for number, mask in enumerate(found.masks, 1):
        np.testing.assert_array_equal(on_scan(mask, volume), labels == number)


def structure_set(folder: Path, regions, path: Path, **changes) -> Path:
    """An RT Structure Set; ``regions``: name, colour and contours ``[points, 3]`` (or (kind, contour))."""
    source = pydicom.dcmread(sorted(folder.iterdir())[0])
    made = pydicom.Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = pydicom.uid.RTStructureSetStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = hd.UID()
    made.Modality = "RTSTRUCT"
    made.StudyInstanceUID, made.SeriesInstanceUID = source.StudyInstanceUID, hd.UID()
    made.PatientID, made.PatientName = source.PatientID, source.PatientName
    frame = changes.pop("frame", source.FrameOfReferenceUID)
    reference = pydicom.Dataset()
    reference.FrameOfReferenceUID = frame
    made.ReferencedFrameOfReferenceSequence = [reference]
    made.StructureSetROISequence, made.ROIContourSequence = [], []
    for number, (name, color, contours) in enumerate(regions, 7):
        roi = pydicom.Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        made.StructureSetROISequence.append(roi)
        drawn = pydicom.Dataset()
        drawn.ReferencedROINumber, drawn.ROIDisplayColor = number, list(color)
        drawn.ContourSequence = []
        for each in contours:
            kind, points = each if isinstance(each, tuple) else ("CLOSED_PLANAR", each)
            contour = pydicom.Dataset()
            contour.ContourGeometricType = kind
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = [f"{value:.6g}" for value in np.ravel(points)]
            drawn.ContourSequence.append(contour)
        made.ROIContourSequence.append(drawn)
    for key, value in changes.items():
        setattr(made, key, value)
    made.save_as(path, enforce_file_format=True)
    return path


def circle(center, radius: float, z: float, count: int = 180) -> np.ndarray:
    at = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack(
        [center[0] + radius * np.cos(at), center[1] + radius * np.sin(at), np.full(count, z)],
        axis=1,
    )


CENTER = np.array([5.0, -9.0, 38.0])


def distances(volume: Volume, center=CENTER) -> np.ndarray:
    """mm from every voxel's centre to a place, ``[k, j, i, 3]``."""
    k, j, i = np.indices(volume.shape)
    return volume.to_lps(np.stack([i, j, k], axis=-1)) - center


def test_contours_of_a_sphere_fill_the_voxels_inside_it(folder, tmp_path):
    """One plane in every slice: a voxel is inside by the closed form, but for the polygon's corners."""
    contours = []
    for z in 10 + 3.0 * np.arange(20):
        across = 18.0**2 - (z - CENTER[2]) ** 2
        if across > 0:
            contours.append(circle(CENTER, np.sqrt(across), z, 720))
    path = structure_set(folder, [("Ball", (255, 128, 0), contours)], tmp_path / "rt.dcm")
    volume, found = on(folder, path)
    (ball,) = found.masks
    assert (ball.name, ball.color) == ("Ball", "#FF8000")
    inside = np.linalg.norm(distances(volume), axis=-1) < 18.0
    assert (on_scan(ball, volume) != inside).sum() <= 4
    assert ball.volume_ml == pytest.approx(4 / 3 * np.pi * 1.8**3, rel=0.02)


def test_a_hole_is_left_out_and_planes_twice_as_far_fill_both_slices(folder, tmp_path):
    """A tube of 15 and 7 mm, in planes 6 mm apart: 8 planes are 48 mm."""
    z = 10 + 3.0 * np.arange(2, 18, 2)
    contours = [circle(CENTER, r, each, 360) for each in z for r in (15.0, 7.0)]
    path = structure_set(folder, [("Tube", (0, 255, 0), contours)], tmp_path / "rt.dcm")
    volume, found = on(folder, path)
    (tube,) = found.masks
    across = np.linalg.norm(distances(volume)[..., :2], axis=-1)
    full = on_scan(tube, volume)
    assert full.any(axis=(1, 2)).sum() == 16
    assert (full[4] != ((across[4] < 15) & (across[4] > 7))).sum() <= 2
    assert tube.volume_ml == pytest.approx(np.pi * (1.5**2 - 0.7**2) * 4.8, rel=0.02)


def test_a_missing_plane_stays_a_gap(folder, tmp_path):
    z = [10 + 3.0 * k for k in (3, 4, 5, 8, 9, 10)]
    path = structure_set(
        folder, [("Two", (1, 2, 3), [circle(CENTER, 9.0, each) for each in z])], tmp_path / "rt.dcm"
    )
    volume, found = on(folder, path)
    filled = on_scan(found.masks[0], volume).any(axis=(1, 2))
    assert np.flatnonzero(filled).tolist() == [3, 4, 5, 8, 9, 10]


def test_contours_in_sagittal_planes_are_filled_there(folder, tmp_path):
    contours = []
    for x in np.arange(-10.0, 20.1, 2.5):
        across = 14.0**2 - (x - CENTER[0]) ** 2
        if across > 0:
            flat = circle((CENTER[1], CENTER[2]), np.sqrt(across), x, 360)
            contours.append(flat[:, [2, 0, 1]])
    path = structure_set(folder, [("Side", (9, 9, 9), contours)], tmp_path / "rt.dcm")
    volume, found = on(folder, path)
    (ball,) = found.masks
    assert ball.volume_ml == pytest.approx(4 / 3 * np.pi * 1.4**3, rel=0.04)
    np.testing.assert_allclose(ball.center_lps, CENTER, atol=0.5)
    inside = np.linalg.norm(distances(volume), axis=-1) < 14.0
    full = on_scan(ball, volume)
    assert 2 * (full & inside).sum() / (full.sum() + inside.sum()) > 0.95


def test_points_enclose_nothing_and_are_told(folder, tmp_path):
    regions = [
        ("Spot", (1, 1, 1), [("POINT", CENTER[None])]),
        ("Disc", (1, 1, 1), [circle(CENTER, 9, 37.0)]),
    ]
    volume, found = on(folder, structure_set(folder, regions, tmp_path / "rt.dcm"))
    assert [each.name for each in found.masks] == ["Disc"]
    assert on_scan(found.masks[0], volume).any(axis=(1, 2)).sum() == 1
    assert found.notices == (
        "1 of the points and open lines in “Spot” enclose nothing.",
        "1 of its regions enclose no voxel of the scan.",
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame": "1.2.3.4"}, "another frame of reference"),
        ({"StudyInstanceUID": "1.2.3.5"}, "another study"),
        ({"PatientID": "P2"}, "another patient"),
    ],
)
def test_contours_of_another_scan_are_refused(folder, tmp_path, changes, message):
    path = structure_set(
        folder, [("Disc", (1, 1, 1), [circle(CENTER, 9, 37.0)])], tmp_path / "rt.dcm", **changes
    )
    with pytest.raises(UserError, match=message):
        on(folder, path)


def test_contours_that_name_no_frame_of_reference_are_taken_by_their_study(folder, tmp_path):
    """Older systems leave it out of the regions."""
    ring = circle(CENTER, 9, 37.0)
    path = structure_set(folder, [("Disc", (1, 1, 1), [ring])], tmp_path / "rt.dcm")
    named = on(folder, path)
    header = pydicom.dcmread(path)
    for item in header.StructureSetROISequence:
        del item.ReferencedFrameOfReferenceUID
    header.save_as(path)
    volume, found = on(folder, path)
    (disc,), (same,) = found.masks, named[1].masks
    assert on_scan(disc, volume).sum() > 20
    np.testing.assert_array_equal(on_scan(disc, volume), on_scan(same, volume))


def test_contours_are_filled_as_matplotlib_tells_points_inside():
    path = pytest.importorskip("matplotlib.path")
    star = np.random.default_rng(8).uniform(2, 38, (40, 2))
    rows, columns = np.indices((40, 44))
    centers = np.stack([columns.ravel(), rows.ravel()], axis=1)
    # A polygon that does not cross itself: where it does, matplotlib counts windings.
    around = star[np.argsort(np.arctan2(*(star - star.mean(axis=0)).T))]
    expected = path.Path(around).contains_points(centers).reshape(40, 44)
    np.testing.assert_array_equal(fill_contours([around], (40, 44)), expected)


def test_the_command_prints_names_volumes_and_centres(tmp_path, capsys):
    write_nifti(SCAN, tmp_path / "scan.nii.gz")
    labels = blobs()
    image = nib.Nifti1Image(labels.T, np.diag([-1.0, -1, 1, 1]) @ SCAN.affine)
    nib.save(image, tmp_path / "labels.nii.gz")
    assert (
        run(["mask", str(tmp_path / "labels.nii.gz"), "--scan", str(tmp_path / "scan.nii.gz")]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    expected = volumes_ml(itk(labels, SCAN.affine))
    assert [each["name"] for each in document["masks"]] == ["Label 1", "Label 2", "Label 3"]
    for number, each in enumerate(document["masks"], 1):
        assert each["volume_ml"] == pytest.approx(expected[number], rel=1e-6)
        assert each["voxels_on_scan"] == (labels == number).sum()


def test_the_command_refuses_what_is_no_mask_in_one_line(tmp_path, capsys):
    write_nifti(SCAN, tmp_path / "scan.nii.gz")
    (tmp_path / "a.txt").write_text("no mask")
    assert run(["mask", str(tmp_path / "a.txt"), "--scan", str(tmp_path / "scan.nii.gz")]) == 2
    assert "is no mask" in capsys.readouterr().err


def test_a_drawn_mask_leaves_as_a_segmentation_that_dcmqi_reads_voxel_by_voxel(folder, tmp_path):
    volume, source = opened(folder)
    labels = blobs()
    mask = mask_of("lesion", labels == 2, np.zeros(3, int), volume, color="#D55E00")
    write_mask(tmp_path / "out.dcm", mask, volume, find_series(folder)[0].paths)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("segimage2itkimage")),
            *("--inputDICOM", str(tmp_path / "out.dcm"), "--outputDirectory", str(tmp_path)),
            *("-t", "nrrd"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    back = sitk.ReadImage(str(tmp_path / "1.nrrd"))
    whole = sitk.Resample(
        back, itk(SCAN.voxels, SCAN.affine), sitk.Transform(), sitk.sitkNearestNeighbor, 0
    )
    np.testing.assert_array_equal(sitk.GetArrayFromImage(whole) > 0, labels == 2)
    meta = json.loads((tmp_path / "meta.json").read_text())
    (segment,) = meta["segmentAttributes"][0]
    assert (segment["SegmentLabel"], segment["SegmentAlgorithmType"]) == ("lesion", "MANUAL")
    (own,) = read_masks(tmp_path / "out.dcm", volume, source).masks
    np.testing.assert_array_equal(on_scan(own, volume), labels == 2)


@pytest.mark.parametrize("z", [37.0, 36.0, 38.4])
def test_a_flat_brush_paints_the_one_slice_that_its_plane_cuts(z):
    place = np.array([4.0, -10.0, z])
    part = brushed(SCAN, place, place, 7.0, np.array([0.0, 0.0, 1.0]))
    k = 9  # at z = 37, 3 mm thick
    assert (part.start[0] <= k < part.stop[0]) and part.inside.any(axis=(1, 2)).sum() == 1
    across = np.linalg.norm(distances(SCAN, place)[k, ..., :2], axis=-1)
    found = np.zeros(SCAN.shape[1:], bool)
    rows, columns = (slice(a, b) for a, b in zip(part.start[1:], part.stop[1:], strict=True))
    found[rows, columns] = part.inside[k - part.start[0]]
    np.testing.assert_array_equal(found, across <= 7.0)


def whole_grid(part, shape) -> np.ndarray:
    found = np.zeros(shape, bool)
    found[tuple(slice(a, b) for a, b in zip(part.start, part.stop, strict=True))] = part.inside
    return found


OBLIQUE = Volume(
    np.random.default_rng(5).integers(0, 100, (22, 26, 30)).astype(np.int16),
    affine((1.5, 2.0, 3.5), origin=(20.0, -30.0, 5.0), rotation=turned(0.6)),
    modality="MR",
)


def physical_points(volume: Volume) -> np.ndarray:
    """Where SimpleITK says that every voxel's centre lies, mm LPS, ``[k, j, i, 3]``."""
    points = sitk.PhysicalPointSource(
        sitk.sitkVectorFloat64,
        volume.shape[::-1],
        volume.affine[:3, 3].tolist(),
        np.linalg.norm(volume.affine[:3, :3], axis=0).tolist(),
        (volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)).ravel().tolist(),
    )
    return sitk.GetArrayFromImage(points)


def test_a_stroke_of_the_brush_is_a_capsule_on_an_oblique_grid():
    start, end = OBLIQUE.to_lps(np.array([[6.0, 9.0, 7.0], [20.0, 15.0, 14.0]]))
    points = physical_points(OBLIQUE)
    share = np.clip((points - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
    away = np.linalg.norm(points - start - share[..., None] * (end - start), axis=-1)
    part = brushed(OBLIQUE, start, end, 8.0)
    assert (away <= 8.0).sum() > 300
    np.testing.assert_array_equal(whole_grid(part, OBLIQUE.shape), away <= 8.0)


def test_a_fill_takes_what_itk_finds_connected_within_reach():
    seed = np.array([14, 12, 10])
    low, high = 25, 85
    voxels = OBLIQUE.voxels.copy()
    voxels[tuple(seed[::-1])] = 50
    scan = Volume(voxels, OBLIQUE.affine, modality="MR")
    at = scan.to_lps(seed.astype(float))
    near = np.linalg.norm(physical_points(scan) - at, axis=-1) <= 17.03
    image = sitk.GetImageFromArray(np.where(near, voxels, -1).astype(np.float32))
    wanted = sitk.GetArrayFromImage(
        sitk.ConnectedThreshold(image, [seed.tolist()], lower=low, upper=high)
    )
    part = connected_region(scan, at, 17.03, (low, high))
    assert 100 < wanted.sum() < near.sum()
    np.testing.assert_array_equal(whole_grid(part, scan.shape), wanted > 0)
