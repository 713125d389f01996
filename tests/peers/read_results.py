"""Reads the documents that `cargo test --test report` laid out, with pydicom and highdicom.

    cargo test --test report
    python tests/peers/read_results.py target/tmp/report [--validate]

Needs pydicom and highdicom 0.28.2 (PyPI); --validate also runs dciodvfy (dicom3tools) and
dsrdump (DCMTK). Exits 0 when every set reads back as its JSON document and masks say.
"""

import json
import subprocess
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

SCORE = CodedConcept("model-score", "99SCANPOST", "Model score (uncalibrated)")


def code(given):
    return CodedConcept(given["value"], given["scheme"], given["meaning"])


def check_segmentation(path, result, folder):
    seg = hd.seg.segread(path)
    assert seg.segmentation_type == hd.seg.SegmentationTypeValues.BINARY
    instances = result["source"]["instances"]
    measured = [m for m in result["marks"] if m["extent"]["state"] == "measured"]
    assert list(seg.segment_numbers) == list(range(1, len(measured) + 1))
    assert seg.NumberOfFrames == len(measured) * len(instances), "every slice has a frame"
    pixels = seg.get_pixels_by_source_instance(instances)
    assert pixels.shape == (len(instances), seg.Rows, seg.Columns, len(measured)), pixels.shape
    for number, mark in enumerate(measured, 1):
        raw = np.frombuffer((folder / f"mask-{number}.raw").read_bytes(), np.uint8)
        expected = raw.reshape(pixels.shape[:3])
        assert np.array_equal(pixels[..., number - 1], expected), f"mask {number} differs"
        assert int(expected.sum()) == mark["extent"]["pixels"]
        description = seg.get_segment_description(number)
        assert description.tracking_uid == mark["tracking_uid"]
        assert description.tracking_id == mark["name"]
        assert description.segmented_property_type == code(result["codes"]["finding"])
        assert description.algorithm_type == hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC
        assert description.anatomic_regions[0] == code(result["codes"]["site"])
    volume = seg.get_volume(combine_segments=False)
    assert volume.shape[0] == len(instances), "frames stack to one volume"
    return seg


def check_report(path, result, seg):
    report = hd.sr.srread(path)
    assert report.VerificationFlag == "UNVERIFIED" and report.PreliminaryFlag == "PRELIMINARY"
    content = report.content
    planar = content.get_planar_roi_measurement_groups()
    solid = content.get_volumetric_roi_measurement_groups()
    groups = {group.tracking_uid: group for group in planar + solid}
    assert len(groups) == len(result["marks"])
    number = 0
    for mark in result["marks"]:
        group = groups[mark["tracking_uid"]]
        assert group.tracking_identifier == mark["name"]
        assert group.finding_type == code(result["codes"]["finding"])
        assert group.finding_sites[0].value == code(result["codes"]["site"])
        score = value(group, SCORE)
        assert abs(score[0] - mark["model_score_uncalibrated"]) < 0.001 and score[1] == "1"
        points = coordinates(group)
        if mark["extent"]["state"] == "measured":
            number += 1
            segment = reference(group)
            assert segment.ReferencedSOPInstanceUID == seg.SOPInstanceUID
            assert segment.ReferencedSegmentNumber == number
            long_axis, volume = value(group, codes.SCT.LongAxis), value(group, codes.SCT.Volume)
            assert abs(long_axis[0] - mark["extent"]["long_axis_mm"]) < 0.01
            assert long_axis[1] == "mm" and volume[1] == "mL"
            assert abs(volume[0] - mark["extent"]["volume_ml"]) < 0.001
            ends = mark["extent"]["long_axis_ends"]
        else:
            ends = [mark["at"]]
            assert group.reference_type == codes.DCM.ImageRegion
        expected = [[end["column"] + 0.5, end["row"] + 0.5] for end in ends]
        assert points[0].tolist() == expected, (points[0], expected)
        assert points[1] == ends[0]["instance"]
    assert content[0].ContentTemplateSequence[0].TemplateIdentifier == "1500"
    listed = {
        instance.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    assert set(result["source"]["instances"]) <= listed
    assert seg is None or seg.SOPInstanceUID in listed


def value(group, name):
    (found,) = group.get_measurements(name=name)
    return float(found.value), found.unit.value


def items(group, value_type):
    return [item for item in group[0].ContentSequence if item.ValueType == value_type]


def coordinates(group):
    (scoord,) = items(group, "SCOORD")
    points = np.array(scoord.GraphicData).reshape(-1, 2)
    return points, scoord.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID


def reference(group):
    (image,) = items(group, "IMAGE")
    return image.ReferencedSOPSequence[0]


def check_capture(path):
    capture = pydicom.dcmread(path)
    assert capture.pixel_array.shape == (capture.Rows, capture.Columns, 3)
    assert capture.BurnedInAnnotation == "YES" and capture.ContentQualification == "RESEARCH"
    banner = capture.pixel_array[:40]
    assert 400 < int((banner[..., 0] > 200).sum()), "the sentence is not there"


def validate(path):
    said = subprocess.run(["dciodvfy", path], capture_output=True, check=False)
    errors = [line for line in (said.stdout + said.stderr).splitlines() if b"Error" in line]
    assert not errors, f"{path}: {errors}"
    if path.name.endswith("-sr.dcm"):
        subprocess.run(["dsrdump", "+Pn", path], capture_output=True, check=True)


def check_set(folder, with_validators):
    result = json.loads((folder / "result.json").read_text())
    assert result["schema"] == "scanpost.result" and result["schema_version"] == 1
    uids = {document["sop_instance"] for document in result["documents"]}
    seg = None
    files = sorted(folder.glob("*.dcm"))
    for path in files:
        assert pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID in uids
        if with_validators:
            validate(path)
    for path in folder.glob("*-seg.dcm"):
        seg = check_segmentation(path, result, folder)
    for path in folder.glob("*-sr.dcm"):
        check_report(path, result, seg)
    for path in folder.glob("*-capture.dcm"):
        check_capture(path)
    assert len(files) == len(result["documents"]) - 1
    print(f"{folder.name}: {len(files)} instances read back")


def main():
    folders = [path for path in sorted(Path(sys.argv[1]).iterdir()) if path.is_dir()]
    assert folders, "nothing to read"
    for folder in folders:
        check_set(folder, "--validate" in sys.argv)


if __name__ == "__main__":
    main()
