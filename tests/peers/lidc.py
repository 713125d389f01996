"""What four radiologists outlined in an LIDC series, as masks on the series' own pixels.

The XML of the Lung Image Database Consortium holds one reading session for each reader. A nodule
of 3 mm or more has an outline on every slice that it touches; a smaller one has a single point.
The outline is drawn just outside: "the outline itself does not overlap pixels belonging to the
nodule", so that its own pixels are no part of the mask. An outline whose `inclusion` is FALSE
encloses what is taken out. Coordinates are columns and rows from 0.
"""

import itertools
import os
import sys
import xml.etree.ElementTree

import numpy as np

SPACE = "{http://www.nih.gov}"


class Series:
    """The slices of a series in the order of their place, and how pixels lie in the patient."""

    def __init__(self, data_sets):
        self.slices = sorted(data_sets, key=lambda each: float(each.ImagePositionPatient[2]))
        self.instances = [str(each.SOPInstanceUID) for each in self.slices]
        first, last = self.slices[0], self.slices[-1]
        self.shape = (len(self.slices), int(first.Rows), int(first.Columns))
        self.row_mm, self.column_mm = (float(value) for value in first.PixelSpacing)
        along, down = np.array(first.ImageOrientationPatient, float).reshape(2, 3)
        assert np.allclose(along, [1, 0, 0]) and np.allclose(down, [0, 1, 0]), "not plainly axial"
        rise = np.array(last.ImagePositionPatient, float) - self.origin(0)
        self.slice_mm = rise[2] / (len(self.slices) - 1)

    def origin(self, z):
        return np.array(self.slices[z].ImagePositionPatient, float)

    def place(self, instance, row, column):
        """The patient coordinates (mm) of a pixel's centre; fractions are between centres."""
        at = self.origin(self.instances.index(instance))
        return at + np.array([column * self.column_mm, row * self.row_mm, 0])

    def centre(self, mask):
        """The centre of gravity of a mask, mm in the patient."""
        z, row, column = (values.mean() for values in np.nonzero(mask))
        step = np.array([column * self.column_mm, row * self.row_mm, z * self.slice_mm])
        return self.origin(0) + step

    def millilitres(self, mask):
        return mask.sum() * self.row_mm * self.column_mm * self.slice_mm / 1000

    def longest(self, mask):
        """The longest distance between two pixel centres of one slice, mm."""
        longest = 0.0
        for plane in mask[mask.any(axis=(1, 2))]:
            points = np.argwhere(plane) * [self.row_mm, self.column_mm]
            apart = points[:, None, :] - points[None, :, :]
            longest = max(longest, float(np.sqrt((apart**2).sum(axis=-1)).max()))
        return longest


def readers(path, series):
    """One list of masks for each reader: the nodules of 3 mm or more, in the file's order."""
    root = xml.etree.ElementTree.parse(path).getroot()
    found = []
    for session in root.iter(SPACE + "readingSession"):
        masks = []
        for nodule in session.findall(SPACE + "unblindedReadNodule"):
            outlines = [outline(roi) for roi in nodule.findall(SPACE + "roi")]
            if all(len(points) < 2 for _, _, points in outlines):
                continue
            masks.append(rasterised(outlines, series))
        found.append(masks)
    return found


def outline(roi):
    """An outline as (SOP Instance UID, whether it adds, [(row, column)])."""
    points = [
        (int(edge.find(SPACE + "yCoord").text), int(edge.find(SPACE + "xCoord").text))
        for edge in roi.findall(SPACE + "edgeMap")
    ]
    adds = roi.find(SPACE + "inclusion").text.strip().upper() == "TRUE"
    return roi.find(SPACE + "imageSOP_UID").text.strip(), adds, points


def rasterised(outlines, series):
    mask = np.zeros(series.shape, bool)
    # What is taken out is taken out of what was added, in whichever order they stand.
    for instance, adds, points in sorted(outlines, key=lambda each: not each[1]):
        z = series.instances.index(instance)
        mask[z] = mask[z] | inside(points, series) if adds else mask[z] & ~inside(points, series)
    return mask


def inside(points, series):
    """The pixels that a closed outline encloses, without its own."""
    import scipy.ndimage

    edge = np.zeros(series.shape[1:], bool)
    for (row, column), (to_row, to_column) in itertools.pairwise([*points, points[0]]):
        steps = max(abs(to_row - row), abs(to_column - column), 1)
        rows = np.linspace(row, to_row, steps + 1).round().astype(int)
        columns = np.linspace(column, to_column, steps + 1).round().astype(int)
        edge[rows, columns] = True
    return scipy.ndimage.binary_fill_holes(edge) & ~edge


def same_nodule(found, at, series, within_mm):
    """Of each reader the nodule whose centre lies nearest to a place; none beyond `within_mm`."""
    chosen = []
    for masks in found:
        apart = [(float(np.linalg.norm(series.centre(mask) - at)), mask) for mask in masks]
        near = [pair for pair in apart if pair[0] <= within_mm]
        if near:
            chosen.append(min(near, key=lambda pair: pair[0])[1])
    return chosen


def at_least(masks, count):
    """The pixels that at least so many readers enclosed."""
    return np.sum(masks, axis=0) >= count


def dice(one, other):
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


if __name__ == "__main__":
    import pydicom

    FOLDER = sys.argv[1]
    given = Series([
        pydicom.dcmread(os.path.join(FOLDER, name), stop_before_pixels=True)
        for name in sorted(os.listdir(FOLDER)) if name.endswith(".dcm")
    ])
    everybody = readers(os.path.join(FOLDER, "069.xml"), given)
    print("nodules of 3 mm or more:", [len(masks) for masks in everybody])
    largest = [max(masks, key=lambda mask: mask.sum()) for masks in everybody]
    for name, drawn in [*enumerate(largest, 1), *(
            (f"at least {count}", at_least(largest, count)) for count in (1, 2, 3, 4))]:
        print(f"{name}: {given.longest(drawn):.2f} mm, {given.millilitres(drawn):.3f} mL, "
              f"centre {given.centre(drawn).round(2)}")
