"""Marks of presentation states and structured reports: which image, which words, which window, how many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.source_series import SourceFrame, SourceSeries
from fusion3d_gui.imaging.labels.presentation_marks import read_presentation
from fusion3d_gui.imaging.labels.report_marks import read_report
from fusion3d_gui.imaging.plane import Plane


def item(**values) -> Dataset:
    made = Dataset()
    for key, value in values.items():
        setattr(made, key, value)
    return made


def header(number: int) -> Dataset:
    return item(
        StudyInstanceUID="1.1",
        SeriesInstanceUID="1.2",
        FrameOfReferenceUID="1.3",
        SOPInstanceUID=f"1.4.{number}",
    )


RIGHT, DOWN = np.array([0.0, 0.5, 0.0]), np.array([0.0, 0.0, -2.0])


def frame(number: int) -> SourceFrame:
    plane = Plane(np.array([number * 3.0, 6.0, 7.0]), RIGHT, DOWN, (10, 12))
    return SourceFrame(header(number), plane, None, 3.0, None)


FRAMES = tuple(frame(number) for number in range(4))
SOURCE = SourceSeries(tuple(each.header for each in FRAMES), FRAMES)


def lps(number: int, column: float, row: float) -> np.ndarray:
    return np.array([number * 3.0, 6 + 0.5 * (column - 0.5), 7 - 2 * (row - 0.5)])


def write(path: Path, storage: str, **values) -> Path:
    dataset = item(**values)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1." + storage
    dataset.SOPInstanceUID, dataset.StudyInstanceUID = "1.2.9", "1.1"
    if "FrameOfReferenceUID" not in dataset:
        dataset.FrameOfReferenceUID = "1.3"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.save_as(path, enforce_file_format=True)
    return path


# -- presentation states ------------------------------------------------------------------------


def graphic(kind: str, *points, units: str = "PIXEL") -> Dataset:
    return item(
        GraphicAnnotationUnits=units,
        GraphicType=kind,
        GraphicData=np.ravel(points).astype(float).tolist(),
    )


def image(number: int) -> Dataset:
    return item(ReferencedSOPInstanceUID=f"1.4.{number}")


def state(tmp_path: Path, *annotations: Dataset, **values):
    if annotations:
        values["GraphicAnnotationSequence"] = list(annotations)
    return read_presentation(write(tmp_path / "ps.dcm", "11.1", **values), SOURCE)


def annotation(graphics=(), texts=(), images=()) -> Dataset:
    made = Dataset()
    if graphics:
        made.GraphicObjectSequence = list(graphics)
    if texts:
        made.TextObjectSequence = list(texts)
    if images:
        made.ReferencedImageSequence = list(images)
    return made


def said(text: str, **values) -> Dataset:
    return item(UnformattedTextValue=text, **values)


LINE = graphic("POLYLINE", (0.5, 0.5), (4.5, 0.5))


def test_graphics_lie_in_the_first_image_of_the_scan_that_they_name(tmp_path):
    found = state(
        tmp_path,
        annotation([LINE], images=[image(3)]),
        annotation([LINE, graphic("POINT", (1.5, 2.5))], images=[image(8), image(1), image(2)]),
        annotation([LINE]),
        annotation([LINE], images=[image(8)]),
        annotation([LINE], images=[image(9)]),
        SeriesDescription="Lines",
    )
    assert (found.kind, found.title) == ("presentation state", "Lines")
    assert [(each.number, each.kind) for each in found.marks] == [
        (1, "distance"),
        (2, "distance"),
        (3, "point"),
        (4, "distance"),
    ]
    np.testing.assert_allclose(found.marks[0].points, [lps(3, 0.5, 0.5), lps(3, 4.5, 0.5)])
    np.testing.assert_allclose(found.marks[1].points, [lps(1, 0.5, 0.5), lps(1, 4.5, 0.5)])
    np.testing.assert_allclose(found.marks[2].points, [lps(1, 1.5, 2.5)])
    np.testing.assert_allclose(found.marks[3].points[0], lps(2, 0.5, 0.5))  # the middle image
    assert found.notices == ("2 of its graphics lie in other images.",)


def test_only_graphics_in_pixels_are_marks(tmp_path):
    found = state(
        tmp_path,
        annotation(
            [
                graphic("POLYLINE", (0.1, 0.1), (0.2, 0.2), units="DISPLAY"),
                graphic("POLYLINE", (0.1, 0.1, 0.2)),
                item(GraphicType="POINT", GraphicData=[1.0, 1.0]),
                graphic("INTERPOLATED", (0.5, 0.5), (4.5, 0.5), (4.5, 4.5)),
                graphic("ELLIPSE", (0.5, 2.5), (8.5, 2.5), (4.5, 1.5), (4.5, 3.5)),
            ]
        ),
    )
    assert [each.kind for each in found.marks] == ["angle", "ellipse"]
    assert found.notices == ()
    np.testing.assert_allclose(found.marks[1].middle_lps, lps(2, 4.5, 2.5))


def test_texts_stand_with_their_graphics_and_alone_where_they_are_anchored(tmp_path):
    texts = [
        said("A\r\n  b\u202e"),
        said(""),
        said(
            "C",
            AnchorPoint=[2.5, 3.5],
            AnchorPointAnnotationUnits="PIXEL",
            BoundingBoxTopLeftHandCorner=[9.0, 9.0],
        ),
        said("D", BoundingBoxTopLeftHandCorner=[4.5, 5.5], BoundingBoxAnnotationUnits="PIXEL"),
        said("E", AnchorPoint=[0.5, 0.5], AnchorPointAnnotationUnits="DISPLAY"),
        said(
            "F",
            AnchorPoint=[0.1, 0.1],
            AnchorPointAnnotationUnits="DISPLAY",
            BoundingBoxTopLeftHandCorner=[6.5, 1.5],
        ),
        said("G", BoundingBoxTopLeftHandCorner=[0.1, 0.1], BoundingBoxAnnotationUnits="DISPLAY"),
        said("H", AnchorPoint=[7.5, 1.5, 8.5, 9.5]),
    ]
    words = "A b\\u202e; C; D; E; F; G; H"
    found = state(tmp_path, annotation([LINE], texts))
    assert [(each.kind, each.text) for each in found.marks] == [("distance", words)]
    found = state(tmp_path, annotation((), texts, [image(1)]))
    assert {(each.kind, each.text) for each in found.marks} == {("point", words)}
    places = [each.points[0] for each in found.marks]
    pixels = [(2.5, 3.5), (4.5, 5.5), (6.5, 1.5), (7.5, 1.5)]
    np.testing.assert_allclose(places, [lps(1, *each) for each in pixels])
    silent = [said("", AnchorPoint=[2.5, 3.5])]
    assert state(tmp_path, annotation((), silent)).marks == ()


def test_a_text_of_a_mark_has_sixty_characters(tmp_path):
    for length, shown in ((60, "x" * 60), (61, "x" * 59 + "…")):
        found = state(tmp_path, annotation([LINE], [said("x" * length)]))
        assert found.marks[0].text == shown


def test_five_hundred_marks_are_the_most_of_a_state(tmp_path):
    points = graphic("MULTIPOINT", *[(1.5, 1.5)] * 300)
    found = state(tmp_path, annotation([points, points, points]))
    assert [each.number for each in found.marks] == list(range(1, 501))
    found = state(tmp_path, annotation([graphic("MULTIPOINT", *[(1.5, 1.5)] * 499), LINE, LINE]))
    assert [each.kind for each in found.marks[-2:]] == ["point", "distance"]
    assert len(found.marks) == 500
    assert found.notices == ("Only the first 500 of its marks are shown.",)
    found = state(tmp_path, *[annotation([LINE])] * 500)
    assert len(found.marks) == 500 and found.notices == ()


@pytest.mark.parametrize(
    ("items", "window"),
    [
        ([item(WindowCenter=40, WindowWidth=400)], (40, 400)),
        ([item(WindowCenter=[40, 50], WindowWidth=[400, 500])], (40, 400)),
        ([item(WindowCenter=40, WindowWidth=0.5)], (40, 0.5)),
        ([item(WindowCenter=40, WindowWidth=0)], None),
        ([item(WindowCenter=40)], None),
        ([item(WindowWidth=40)], None),
        ([item(WindowCenter=40), item(WindowCenter=1, WindowWidth=2)], (1, 2)),
        ([], None),
    ],
)
def test_the_window_is_the_first_that_is_one(tmp_path, items, window):
    values = {"SoftcopyVOILUTSequence": items} if items else {}
    assert state(tmp_path, **values).window == window


def test_a_state_whose_window_is_no_number_is_damaged(tmp_path):
    path = write(
        tmp_path / "ps.dcm",
        "11.1",
        SoftcopyVOILUTSequence=[item(WindowCenter="12", WindowWidth="34")],
    )
    path.write_bytes(path.read_bytes().replace(b"DS\x02\x0012", b"DS\x02\x00xy"))
    with pytest.raises(UserError, match="is damaged: its graphics can't be read"):
        read_presentation(path, SOURCE)


# -- structured reports ---------------------------------------------------------------------------


def code(value: str, meaning: str = "M", scheme: str = "DCM") -> list[Dataset]:
    return [item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def content(kind: str, concept: str | None = None, **values) -> Dataset:
    made = item(ValueType=kind, **values)
    if concept:
        made.ConceptNameCodeSequence = code(concept)
    return made


def point(*xyz, frame_uid: str = "1.3", kind: str = "POINT") -> Dataset:
    return content(
        "SCOORD3D",
        GraphicType=kind,
        GraphicData=list(map(float, xyz)),
        ReferencedFrameOfReferenceUID=frame_uid,
    )


def in_image(number: int | None, kind: str, *points) -> Dataset:
    made = content("SCOORD", GraphicType=kind, GraphicData=np.ravel(points).astype(float).tolist())
    inner = [content("TEXT", TextValue="no image")]
    if number is not None:
        inner.append(content("IMAGE", ReferencedSOPSequence=[image(number)]))
        inner.append(content("IMAGE", ReferencedSOPSequence=[image(0)]))
    made.ContentSequence = inner
    return made


def measured(value, unit: str = "mm", name: str = "Length") -> Dataset:
    made = content("NUM")
    made.ConceptNameCodeSequence = code("G-D7FE", name)
    number = item(MeasurementUnitsCodeSequence=code(unit))
    if value is not None:
        number.NumericValue = value
    made.MeasuredValueSequence = [number]
    return made


def group(*items: Dataset) -> Dataset:
    return content("CONTAINER", "125007", ContentSequence=list(items))


def report(tmp_path: Path, *items: Dataset, **values):
    path = write(tmp_path / "sr.dcm", "88.33", ContentSequence=list(items), **values)
    return read_report(path, SOURCE)


def texts(tmp_path: Path, *items: Dataset) -> list[str]:
    return [each.text for each in report(tmp_path, group(*items, point(1, 2, 3))).marks]


def test_graphics_of_groups_lie_in_space_and_in_images(tmp_path):
    found = report(
        tmp_path,
        group(point(1, 2, 3), in_image(3, "POLYLINE", (0.5, 0.5), (4.5, 0.5))),
        point(9, 9, 9),  # of no group
        group(
            point(4, 5, 6, frame_uid="1.8"),
            point(4, 5),
            in_image(8, "POINT", (1, 1)),
            in_image(None, "POINT", (1, 1)),
            in_image(1, "POINT", (1, 1, 1)),
        ),
        content("CONTAINER", ContentSequence=[group(point(7, 8, 9))]),
        SeriesDescription="Lengths",
    )
    assert (found.kind, found.title) == ("report", "Lengths")
    assert [(each.number, each.kind) for each in found.marks] == [
        (1, "point"),
        (2, "distance"),
        (3, "point"),
    ]
    np.testing.assert_allclose(found.marks[0].points, [(1, 2, 3)])
    np.testing.assert_allclose(found.marks[1].points, [lps(3, 0.5, 0.5), lps(3, 4.5, 0.5)])
    np.testing.assert_allclose(found.marks[2].points, [(7, 8, 9)])
    assert found.notices == ("5 of its measurements lie in other images.",)


def test_a_report_without_groups_is_one(tmp_path):
    found = report(tmp_path, point(1, 2, 3), content("TEXT", "112039", TextValue="Here"))
    assert [each.text for each in found.marks] == ["Here"]
    assert found.notices == ()


def test_a_report_without_places_is_refused(tmp_path):
    with pytest.raises(UserError) as raised:
        report(tmp_path, content("TEXT", "112039", TextValue="Here"))
    assert raised.value.problem == "holds no measurement with a place"
    with pytest.raises(UserError) as raised:
        report(tmp_path, group(point(1, 2, 3, frame_uid="1.8")))
    assert raised.value.problem == "holds no measurement with a place in this series"


def test_words_are_the_name_or_the_finding_and_the_values(tmp_path):
    name = content("TEXT", "112039", TextValue="Lesion 1")
    finding = content("CODE", "121071", ConceptCodeSequence=code("27925004", "Nodule", "SCT"))
    comment = content("TEXT", "121106", TextValue="grows")
    assert texts(tmp_path, name) == ["Lesion 1"]
    assert texts(tmp_path, finding) == ["Nodule"]
    assert texts(tmp_path, name, finding, comment) == ["Lesion 1"]
    assert texts(tmp_path, measured(12.3456), measured("7", "1", "Count")) == [
        "Length 12.35 mm, Count 7"
    ]
    assert texts(tmp_path, finding, measured(5), measured(None)) == ["Nodule: Length 5 mm"]
    assert texts(tmp_path, measured(12345.678, "", "Area")) == ["Area 1.235e+04"]
    assert texts(tmp_path, measured(3, "mm", "")) == ["3 mm"]
    assert texts(tmp_path, comment) == [""]
    assert texts(tmp_path, content("TEXT", "121071", TextValue="x"), content("CODE", "112039")) == [
        ""
    ]
    assert texts(tmp_path, content("TEXT", "112039", TextValue="y" * 61)) == ["y" * 59 + "…"]


def test_this_programs_marks_keep_their_kind_and_say_only_the_comment(tmp_path):
    kind = content("CODE", "121071", ConceptCodeSequence=code("ARROW", "Arrow", "99FUSION3D"))
    line = point(1, 2, 3, 4, 5, 6, kind="POLYLINE")
    comments = [content("TEXT", "121106", TextValue=each) for each in ("look", "here")]
    name = content("TEXT", "112039", TextValue="Arrow 1")
    (mark,) = report(tmp_path, group(kind, name, *comments, measured(3), line)).marks
    assert (mark.kind, mark.text) == ("arrow", "look here")
    (mark,) = report(
        tmp_path, group(kind, content("TEXT", "121106", TextValue="z" * 61), line)
    ).marks
    assert mark.text == "z" * 59 + "…"
    other = content("CODE", "121071", ConceptCodeSequence=code("ARROW", "Arrow", "99OTHER"))
    (mark,) = report(tmp_path, group(other, *comments, line)).marks
    assert (mark.kind, mark.text) == ("distance", "Arrow")
    unknown = content("CODE", "121071", ConceptCodeSequence=code("STAR", "Star", "99FUSION3D"))
    (mark,) = report(tmp_path, group(unknown, line)).marks
    assert (mark.kind, mark.text) == ("distance", "Star")


def test_five_hundred_marks_are_the_most_of_a_report(tmp_path):
    many = point(*[1, 2, 3] * 300, kind="MULTIPOINT")
    found = report(tmp_path, group(many, many, many))
    assert [each.number for each in found.marks] == list(range(1, 501))
    assert found.notices == ("Only the first 500 of its marks are shown.",)
    fewer = point(*[1, 2, 3] * 499, kind="MULTIPOINT")
    found = report(tmp_path, group(fewer, point(4, 5, 6)))
    assert len(found.marks) == 500 and found.notices == ()
    assert found.marks[-1].points == ((4.0, 5.0, 6.0),)
    found = report(tmp_path, group(fewer, point(4, 5, 6), point(7, 8, 9)))
    assert len(found.marks) == 500 and found.marks[-1].points == ((4.0, 5.0, 6.0),)
    assert found.notices == ("Only the first 500 of its marks are shown.",)


def test_a_report_whose_numbers_can_not_be_read_is_damaged(tmp_path):
    path = write(
        tmp_path / "sr.dcm", "88.33", ContentSequence=[group(measured("12"), point(1, 2, 3))]
    )
    path.write_bytes(path.read_bytes().replace(b"DS\x02\x0012", b"DS\x02\x00xy"))
    with pytest.raises(UserError, match="is damaged: its measurements can't be read"):
        read_report(path, SOURCE)
    assert pydicom.dcmread(path).SOPInstanceUID == "1.2.9"
