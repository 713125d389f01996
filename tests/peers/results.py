"""What the documents of a reading must say, whoever receives them; used by the checks beside it.

Takes what an archive holds, never what the box says about itself. Judges with pydicom, highdicom
and dciodvfy.
"""

import io
import os
import re
import subprocess
import tempfile

import highdicom as hd
import numpy as np
import pydicom
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

import read_results

SEG, SR, CAPTURE = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.7",
)
BANNER = "Investigational AI result. Not for diagnosis."
# TID 4019: what must be said of an algorithm.
ALGORITHM = ("111000", "111001", "111003", "111002")
# A box that finds nothing has not found health, and no mark is a diagnosis.
PROMISES = re.compile(
    r"\b(healthy|negative|benign|malignant|unremarkable|cancer|no (evidence|sign)s? of|normal)\b",
    re.IGNORECASE,
)
# The one sentence in which the word may stand: it denies it.
DENIAL = "places without a mark were not found to be normal"


def of_files(files):
    """Splits data sets into sources and the documents of results, by kind."""
    found = {SEG: [], SR: [], CAPTURE: [], None: []}
    for data in files:
        head = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
        found[head.SOPClassUID if head.SOPClassUID in found else None].append(data)
    return found


def is_result(path):
    """Whether a file holds a document of ours, by its class."""
    head = pydicom.filereader.read_file_meta_info(path)
    return head.MediaStorageSOPClassUID in (SEG, SR, CAPTURE)


def head_of(data):
    return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)


def instance_of(data):
    return str(head_of(data).SOPInstanceUID)


def items(node, name=None, value_type=None):
    """Every content item below a node, in order, by code of its name and by its type."""
    for item in node.get("ContentSequence", []):
        named = item.get("ConceptNameCodeSequence")
        code = named[0].get("CodeValue") if named else None
        if name in (None, code) and value_type in (None, item.ValueType):
            yield item
        yield from items(item, name, value_type)


def children(node, name):
    return [item for item in items_of(node) if code_of(item) == name]


def items_of(node):
    return list(node.get("ContentSequence", []))


def code_of(item):
    named = item.get("ConceptNameCodeSequence")
    return named[0].get("CodeValue", named[0].get("LongCodeValue")) if named else None


class Mark:
    """One measurement group of the report, as it stands in the file."""

    def __init__(self, group):
        single = {code_of(item): item for item in items_of(group)}
        self.name = str(single["112039"].TextValue)
        self.tracking = str(single["112040"].UID)
        self.numbers = {}
        for item in group.ContentSequence:
            if item.ValueType == "NUM":
                value = item.MeasuredValueSequence[0]
                unit = value.MeasurementUnitsCodeSequence[0]
                self.numbers[code_of(item)] = (
                    float(value.NumericValue), unit.CodeValue, unit.CodingSchemeDesignator)
        (line,) = [item for item in items_of(group) if item.ValueType == "SCOORD"]
        self.points = np.array(line.GraphicData, float).reshape(-1, 2)
        image = line.ContentSequence[0].ReferencedSOPSequence[0]
        self.on = str(image.ReferencedSOPInstanceUID)
        segments = [item for item in items_of(group) if code_of(item) == "121191"]
        self.segment = None
        if segments:
            reference = segments[0].ReferencedSOPSequence[0]
            self.segment = (
                str(reference.ReferencedSOPInstanceUID), int(reference.ReferencedSegmentNumber))
        self.algorithm = [code_of(item) for item in items_of(group)]

    def long_axis_mm(self):
        return self.numbers["103339001"][0] if "103339001" in self.numbers else None


def judge_report(data, source_instances, is_read=True):
    """Judges a report by its tree; returns its marks in order."""
    report = pydicom.dcmread(io.BytesIO(data))
    assert report.VerificationFlag == "UNVERIFIED", report.VerificationFlag
    assert report.PreliminaryFlag == "PRELIMINARY", report.PreliminaryFlag
    assert report.CompletionFlag == ("COMPLETE" if is_read else "PARTIAL")
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    (measurements,) = children(report, "126010")
    assert set(ALGORITHM) <= {code_of(item) for item in items(report)}, "TID 4019 is missing"
    texts = [str(item.TextValue) for item in items(report, value_type="TEXT")]
    assert BANNER in texts, "the report does not say what it is"
    judge_words(texts)
    marks = [Mark(group) for group in children(measurements, "125007")]
    for mark in marks:
        assert mark.name.startswith("AI mark "), mark.name
        assert set(ALGORITHM) <= set(mark.algorithm), f"{mark.name} does not say what marked it"
        score = mark.numbers["model-score"]
        assert 0 <= score[0] <= 1 and score[1:] == ("1", "UCUM"), score
        if mark.segment:
            assert mark.numbers["103339001"][1:] == ("mm", "UCUM")
            assert mark.numbers["118565006"][1:] == ("mL", "UCUM")
    listed = {
        str(instance.ReferencedSOPInstanceUID)
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    assert set(source_instances) <= listed, "the report does not list what was looked at"
    return marks


def judge_as_highdicom(data, segmentation, marks):
    """highdicom reads the report as TID 1500 and finds the same marks and numbers."""
    report = hd.sr.srread(io.BytesIO(data))
    planar = report.content.get_planar_roi_measurement_groups()
    solid = report.content.get_volumetric_roi_measurement_groups()
    groups = {str(group.tracking_uid): group for group in planar + solid}
    assert set(groups) == {mark.tracking for mark in marks}
    for mark in marks:
        group = groups[mark.tracking]
        assert group.finding_type == CodedConcept("27925004", "SCT", "Nodule")
        assert group.finding_sites[0].value == CodedConcept("39607008", "SCT", "Lung")
        assert read_results.value(group, read_results.SCORE)[0] == mark.numbers["model-score"][0]
        if mark.segment:
            assert read_results.value(group, codes.SCT.LongAxis)[0] == mark.long_axis_mm()
    outlined = {mark.segment[1]: mark.tracking for mark in marks if mark.segment}
    tracked = {
        int(each.SegmentNumber): str(each.TrackingUID) for each in segmentation.SegmentSequence
    }
    assert outlined == tracked, "report and segmentation track different things"
    assert all(
        mark.segment[0] == segmentation.SOPInstanceUID for mark in marks if mark.segment
    ), "the report refers to another segmentation"


def judge_segmentation(data, series):
    """Judges a segmentation against its source series; returns it and its masks by number."""
    seg = hd.seg.segread(io.BytesIO(data))
    source = {str(each.SOPInstanceUID): each for each in series.slices}
    referenced = seg.ReferencedSeriesSequence[0]
    assert referenced.SeriesInstanceUID == series.slices[0].SeriesInstanceUID
    listed = referenced.ReferencedInstanceSequence
    instances = {str(each.ReferencedSOPInstanceUID) for each in listed}
    assert instances == set(source), "the segmentation refers to other instances"
    assert seg.FrameOfReferenceUID == series.slices[0].FrameOfReferenceUID
    shared = seg.SharedFunctionalGroupsSequence[0]
    first = series.slices[0]
    assert shared.PixelMeasuresSequence[0].PixelSpacing == first.PixelSpacing
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    assert orientation == first.ImageOrientationPatient
    for frame in seg.PerFrameFunctionalGroupsSequence:
        image = frame.DerivationImageSequence[0].SourceImageSequence[0]
        of = source[str(image.ReferencedSOPInstanceUID)]
        assert frame.PlanePositionSequence[0].ImagePositionPatient == of.ImagePositionPatient
    for each in seg.SegmentSequence:
        assert each.SegmentAlgorithmType == "AUTOMATIC" and each.SegmentLabel.startswith("AI mark")
        judge_words([each.get("SegmentDescription", "")])
    pixels = seg.get_pixels_by_source_instance(series.instances)
    assert pixels.shape[:3] == series.shape, pixels.shape
    masks = {int(n): pixels[..., at] > 0 for at, n in enumerate(seg.segment_numbers)}
    return seg, masks


def judge_capture(data):
    """Judges a capture: its words are burned in above the picture, and said in the header."""
    capture = pydicom.dcmread(io.BytesIO(data))
    assert capture.BurnedInAnnotation == "YES" and capture.ContentQualification == "RESEARCH"
    assert "research" in capture.SeriesDescription and "not for diagnosis" in (
        capture.SeriesDescription)
    words = str(capture.ImageComments)
    assert words.startswith(BANNER), words
    judge_words([words])
    bright = int((capture.pixel_array[:40, :, 0] > 200).sum())
    assert 400 < bright, f"{bright} bright pixels where the banner belongs"
    return words


def judge_words(texts):
    for text in texts:
        said = PROMISES.search(text.replace(DENIAL, ""))
        assert said is None, f"{said.group()!r} stands in: {text}"


def errors(data):
    """The lines of dciodvfy that say Error."""
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(data)
        file.flush()
        said = subprocess.run(["dciodvfy", file.name], capture_output=True, check=False)
    lines = (said.stdout + said.stderr).decode(errors="replace").splitlines()
    return {line.strip() for line in lines if line.startswith("Error")}


def judge_validity(documents, source):
    """No error of dciodvfy that the source series does not bring along."""
    brought = errors(source)
    for data in documents:
        new = errors(data) - brought
        assert not new, f"{instance_of(data)}: {sorted(new)}"


def predecessors(data):
    """The reports that a report says it replaces."""
    report = pydicom.dcmread(io.BytesIO(data))
    return [
        str(instance.ReferencedSOPInstanceUID)
        for study in report.get("PredecessorDocumentsSequence", [])
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]


def texts_of(data):
    return [str(item.TextValue) for item in items(pydicom.dcmread(io.BytesIO(data)),
                                                  value_type="TEXT")]


def file_bytes(path):
    with open(os.fspath(path), "rb") as file:
        return file.read()
