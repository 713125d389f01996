"""The phantom in every position: judged by dciodvfy, read by pydicom, nodules where the truth says.

Geometry is worked out here from Image Position and Orientation (Patient) alone, PS3.3
C.7.6.2.1.1, and shares nothing with the box's. A planted wrong sign must be seen, too.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib
import numpy as np
import pydicom

SLICES = 24
# What was asked for, and what the files must say: Patient Position, rows and columns.
POSITIONS = {
    ("--position", "HFS"): ("HFS", [1, 0, 0, 0, 1, 0]),
    ("--position", "FFS"): ("FFS", [-1, 0, 0, 0, 1, 0]),
    ("--position", "HFP"): ("HFP", [-1, 0, 0, 0, -1, 0]),
    ("--flip-rows",): ("HFS", [1, 0, 0, 0, -1, 0]),
}
# Warnings of dciodvfy that may stay, each with its reason. There is none today.
WARNINGS = {}
# A ball of 40 HU under noise of 18 HU, in lungs of -850 HU.
INSIDE = (-60, 140)


def draw(scanpost, out, *options):
    command = [scanpost, "phantom", "--out", out, "--slices", str(SLICES), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    truth = json.loads(done.stdout)
    with open(os.path.join(out, "truth.json")) as file:
        assert json.load(file) == truth, "stdout and truth.json differ"
    return truth


def judge(path):
    said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    for line in (said.stdout + said.stderr).splitlines():
        assert not line.startswith("Error"), f"{path}: {line}"
        if line.startswith("Warning"):
            assert line in WARNINGS, f"{path}: {line}"
    assert "CTImage" in said.stdout + said.stderr, "dciodvfy did not see a CT image"


def read(folder):
    names = sorted(name for name in os.listdir(folder) if name.endswith(".dcm"))
    assert names == [f"IM{number:04}.dcm" for number in range(1, SLICES + 1)], names
    return [pydicom.dcmread(os.path.join(folder, name)) for name in names]


def pixel(slice_, patient):
    """Row and column of a place, and how far it is from the slice, mm."""
    cosines = np.array(slice_.ImageOrientationPatient, float)
    way = np.array(patient) - np.array(slice_.ImagePositionPatient, float)
    along_rows, along_columns = cosines[:3], cosines[3:]
    between_rows, between_columns = map(float, slice_.PixelSpacing)
    column, row = way @ along_rows / between_columns, way @ along_columns / between_rows
    return round(row), round(column), abs(way @ np.cross(along_rows, along_columns))


def hu_at(slices, patient):
    nearest = min(slices, key=lambda slice_: pixel(slice_, patient)[2])
    row, column, _ = pixel(nearest, patient)
    stored = float(nearest.pixel_array[row, column])
    return stored * float(nearest.RescaleSlope) + float(nearest.RescaleIntercept)


def missed(slices, truth):
    """How many nodules are not where the truth says: the middle and its surroundings."""
    count = 0
    for nodule in truth["nodules"]:
        x, y, z = nodule["centre_lps_mm"]
        off = nodule["diameter_mm"] / 4
        places = [(x, y, z), (x + off, y, z), (x - off, y, z), (x, y + off, z), (x, y - off, z)]
        values = [hu_at(slices, place) for place in places]
        count += not all(INSIDE[0] < hu < INSIDE[1] for hu in values)
    return count


def check(scanpost, root, options, nodule):
    out = os.path.join(root, "-".join(options + (nodule,)).replace("--", ""))
    truth = draw(scanpost, out, *options, "--nodule", nodule)
    slices = read(out)
    position, orientation = POSITIONS[options]
    for slice_ in slices:
        assert slice_.PatientPosition == truth["patient_position"] == position
        assert [float(each) for each in slice_.ImageOrientationPatient] == orientation
        assert slice_.PatientName == "PHANTOM^SCANPOST" and slice_.QualityControlImage == "YES"
        assert slice_.SeriesInstanceUID == truth["series"]
    assert len({slice_.SOPInstanceUID for slice_ in slices}) == SLICES
    sides = [each["side"] for each in truth["nodules"]]
    assert sides == (["left", "right"] * 2 if nodule == "all" else [nodule]), sides
    for each in truth["nodules"]:
        assert (each["side"] == "left") == (0 < each["centre_lps_mm"][0]), each
        slice_ = slices[each["at"]["instance_number"] - 1]
        assert slice_.SOPInstanceUID == each["at"]["instance"]
        row, column, _ = pixel(slice_, each["centre_lps_mm"])
        assert (row, column) == (each["at"]["row"], each["at"]["column"])
    assert missed(slices, truth) == 0, f"{out}: a nodule is elsewhere"
    # The middle of another lung holds no nodule at the mirrored place.
    if nodule != "all":
        x, y, z = truth["nodules"][0]["centre_lps_mm"]
        assert hu_at(slices, (-x, y, z)) < INSIDE[0], f"{out}: both sides look alike"
    for slice_ in slices:
        slice_.ImageOrientationPatient[0] *= -1
        slice_.ImagePositionPatient[0] *= -1
    assert missed(slices, truth) == len(truth["nodules"]), "a wrong sign was not seen"
    return out


def main(given):
    lib.need_tool("dciodvfy")
    root = lib.scratch()
    for options in POSITIONS:
        for nodule in ("all", "left", "right"):
            out = check(given.scanpost, root, options, nodule)
            for number in (1, SLICES // 2, SLICES) if nodule == "all" else ():
                judge(os.path.join(out, f"IM{number:04}.dcm"))
            print(f"{' '.join(options)} {nodule}: ok", flush=True)
    # The same words again: the same bytes.
    draw(given.scanpost, f"{root}/again", "--position", "HFS")
    first, again = (pathlib.Path(root, name) for name in ("position-HFS-all", "again"))
    for path in again.iterdir():
        assert path.read_bytes() == (first / path.name).read_bytes(), f"{path.name} differs"
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main(lib.arguments())
