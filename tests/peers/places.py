"""Where pixels lie in the patient, as pydicom reads the headers (PS3.3 C.7.6.2.1.1).

Written from the standard and not from the box's own code: two that agree are not one mistake.
"""

import json
import os

import numpy as np
import pydicom

# (0018,5100) and orientation of each position of `scanpost phantom`: rows' and columns' direction.
POSITIONS = {
    "hfs": ("HFS", [1, 0, 0, 0, 1, 0]),
    "ffs": ("FFS", [-1, 0, 0, 0, 1, 0]),
    "hfp": ("HFP", [-1, 0, 0, 0, -1, 0]),
    "flipped-rows": ("HFS", [1, 0, 0, 0, -1, 0]),
}


class Plane:
    """The place of one image."""

    def __init__(self, position, orientation, spacing):
        self.origin = np.array(position, float)
        cosines = np.array(orientation, float)
        self.along_row, self.down_column = cosines[:3], cosines[3:]
        self.normal = np.cross(self.along_row, self.down_column)
        self.row_mm, self.column_mm = (float(mm) for mm in spacing)

    @classmethod
    def of(cls, image):
        return cls(image.ImagePositionPatient, image.ImageOrientationPatient, image.PixelSpacing)

    def patient(self, row, column):
        """Patient coordinates, mm, of the centre of pixel (row, column), counted from 0."""
        right, down = self.along_row * self.column_mm, self.down_column * self.row_mm
        return self.origin + right * column + down * row

    def pixel(self, at):
        """Row, column and distance from the plane, mm, of a place in the patient."""
        way = np.array(at, float) - self.origin
        return way @ self.down_column / self.row_mm, way @ self.along_row / self.column_mm, \
            way @ self.normal

    def sides(self):
        """Patient Orientation (0020,0020): where rows and columns run to, main axis only."""
        def letter(way):
            axis = int(np.argmax(np.abs(way)))
            return ("L", "P", "H")[axis] if 0 < way[axis] else ("R", "A", "F")[axis]
        return letter(self.along_row), letter(self.down_column)


class Series:
    """The slices of a folder."""

    def __init__(self, folder):
        paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        self.paths = [path for path in paths if path.endswith(".dcm")]
        self.images = [pydicom.dcmread(path) for path in self.paths]
        self.planes = [Plane.of(image) for image in self.images]
        self.by_uid = dict(zip((image.SOPInstanceUID for image in self.images), self.planes))
        self._hu = {}

    def study(self):
        return self.images[0].StudyInstanceUID

    def hu(self, at):
        """CT number of the voxel that a place in the patient lies in; None outside."""
        away = [abs(plane.pixel(at)[2]) for plane in self.planes]
        slice_ = int(np.argmin(away))
        image = self.images[slice_]
        row, column, _ = self.planes[slice_].pixel(at)
        row, column = round(row), round(column)
        inside = 0 <= row < image.Rows and 0 <= column < image.Columns
        if float(image.SliceThickness) / 2 < away[slice_] or not inside:
            return None
        if slice_ not in self._hu:
            slope, zero = float(image.RescaleSlope), float(image.RescaleIntercept)
            self._hu[slice_] = image.pixel_array * slope + zero
        return float(self._hu[slice_][row, column])


def truth(folder):
    """What `scanpost phantom` planted: [(centre, radius, side)]."""
    with open(os.path.join(folder, "truth.json")) as file:
        nodules = json.load(file)["nodules"]
    return [
        (np.array(each["centre_lps_mm"]), each["diameter_mm"] / 2, each["side"])
        for each in nodules
    ]


def report_marks(report, series):
    """The marks of a TID 1500 report in patient coordinates: [(name, centre)].

    SCOORD columns and rows count from the upper left corner of the upper left pixel (PS3.3
    C.18.6.1.2), so its centre is 0.5\\0.5; the middle of a long axis stands for the mark.
    """
    groups = []

    def walk(item):
        name = item.get("ConceptNameCodeSequence")
        if name and name[0].CodeValue == "125007":
            groups.append(item)
        for child in item.get("ContentSequence", []):
            walk(child)

    walk(report)
    marks = []
    for group in groups:
        name, centre = None, None
        for item in group.ContentSequence:
            code = item.ConceptNameCodeSequence[0].CodeValue
            if code == "112039":
                name = item.TextValue
            if item.ValueType == "SCOORD":
                points = np.array(item.GraphicData, float).reshape(-1, 2).mean(axis=0) - 0.5
                source = item.ContentSequence[0].ReferencedSOPSequence[0]
                plane = series.by_uid[source.ReferencedSOPInstanceUID]
                centre = plane.patient(points[1], points[0])
            if item.ValueType == "SCOORD3D":
                centre = np.array(item.GraphicData, float).reshape(-1, 3).mean(axis=0)
        assert name and centre is not None, "a measurement group without a name or a place"
        marks.append((name, centre))
    return marks


def segment_centres(seg):
    """Centre of gravity of every segment in patient coordinates: {tracking id: centre}."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    pixels = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    places = {}
    for frame, groups in zip(pixels, seg.PerFrameFunctionalGroupsSequence):
        if not frame.any():
            continue

        def group(name):
            return (groups.get(name) or shared.get(name))[0]

        measures = group("PixelMeasuresSequence")
        plane = Plane(
            group("PlanePositionSequence").ImagePositionPatient,
            group("PlaneOrientationSequence").ImageOrientationPatient,
            measures.PixelSpacing,
        )
        number = group("SegmentIdentificationSequence").ReferencedSegmentNumber
        rows, columns = np.nonzero(frame)
        found = [plane.patient(row, column) for row, column in zip(rows, columns)]
        places.setdefault(number, []).extend(found)
    names = {each.SegmentNumber: each.TrackingID for each in seg.SegmentSequence}
    return {names[number]: np.mean(found, axis=0) for number, found in places.items()}
