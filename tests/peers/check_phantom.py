"""The phantom, judged by dciodvfy and pydicom: well formed, of nobody, and where it says it is.

Every position must show the same patient: what lies at a place in the body has the same CT number
however rows and slices run. The nodule must be where truth.json says, and the check must see that
it is not on the other side.
"""

import json
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib
import places

SLICES = 44
# What dciodvfy may say of a slice besides its name of the IOD; every line needs its reason here.
WARNINGS_ALLOWED = ()
# A nodule has 40 HU, the lung about -850 and the noise a standard deviation of 18.
NODULE_HU = (-60, 140)
LUNG_HU_MAX = -500
# Half a voxel's diagonal, mm: nearer to the border a voxel holds a part of both.
BORDER_MM = 1.4


def draw(scanpost, folder, *options):
    command = [scanpost, "phantom", "--out", folder, "--slices", str(SLICES), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"phantom ended with {done.returncode}: {done.stderr}"
    with open(os.path.join(folder, "truth.json")) as file:
        assert json.load(file) == json.loads(done.stdout), "two truths"
    return places.Series(folder)


def judge_header(series, position):
    """The words and the geometry of a series."""
    images, (patient_position, orientation) = series.images, places.POSITIONS[position]
    assert len(images) == SLICES, f"{len(images)} slices"
    assert len({image.SOPInstanceUID for image in images}) == SLICES, "a UID is there twice"
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        assert len({image[name].value for image in images}) == 1, f"more than one {name}"
    for image, plane in zip(images, series.planes):
        assert "PHANTOM" in str(image.PatientName).upper(), "the name does not say phantom"
        assert "PHANTOM" in image.PatientID, "the ID does not say phantom"
        assert image.QualityControlImage == "YES", "not a quality control image"
        assert image.PatientPosition == patient_position, image.PatientPosition
        assert [float(value) for value in image.ImageOrientationPatient] == orientation
        assert abs(plane.patient((image.Rows - 1) / 2, (image.Columns - 1) / 2)[:2]).max() < 0.01, \
            "the middle of the image is not the middle of the body"
    levels = [float(image.ImagePositionPatient[2]) for image in images]
    steps = {round(after - before, 4) for before, after in zip(levels, levels[1:])}
    upwards = 1 if patient_position.startswith("FF") else -1
    assert steps == {2.5 * upwards}, f"slices run by {steps}"


def judge_nodules(series, nodules):
    """The nodule fills its radius, and beyond it there is none."""
    dice = random.Random(7)
    for centre, radius, side in nodules:
        assert (0 < centre[0]) == (side == "left"), f"{side} at x {centre[0]}: left is positive"
        inside, outside = [], []
        for _ in range(200):
            way = direction(dice)
            inside.append(series.hu(centre + way * dice.uniform(0, radius - BORDER_MM - 1)))
            outside.append(series.hu(centre + way * (radius + 2 * BORDER_MM)))
        low, high = NODULE_HU
        assert all(low < hu < high for hu in inside), f"{min(inside)} to {max(inside)} HU inside"
        outside = [hu for hu in outside if hu is not None]
        lung = sum(hu < LUNG_HU_MAX for hu in outside)
        # Vessels may pass by.
        assert 0.9 * len(outside) < lung, f"{lung} of {len(outside)} voxels around it are lung"


def direction(dice):
    import numpy

    way = numpy.array([dice.gauss(0, 1) for _ in range(3)])
    return way / numpy.linalg.norm(way)


def judge_same_patient(all_series):
    """The same place has the same CT number in every position."""
    dice = random.Random(11)
    points = [
        (dice.uniform(-170, 170), dice.uniform(-130, 140), dice.uniform(-53, 53))
        for _ in range(600)
    ]
    values = [[series.hu(point) for point in points] for series in all_series]
    seen = set(values[0])
    assert 100 < len(seen), f"only {len(seen)} CT numbers at 600 places"
    for other in values[1:]:
        differ = [at for at, a, b in zip(points, values[0], other) if a != b]
        assert not differ, f"{len(differ)} of 600 places differ, one at {differ[0]}"


def judge_well_formed(series):
    for path in (series.paths[0], series.paths[SLICES // 2], series.paths[-1]):
        done = subprocess.run(["dciodvfy", path], capture_output=True, text=True)
        lines = (done.stdout + done.stderr).splitlines()
        odd = [line for line in lines if line.startswith(("Error", "Warning"))]
        odd = [line for line in odd if line not in WARNINGS_ALLOWED]
        assert lines and not odd, f"dciodvfy: {odd or 'said nothing at all'}"


def judge_refusal(scanpost, folder):
    before = sorted(os.listdir(folder))
    command = [scanpost, "phantom", "--out", folder, "--slices", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, f"a folder with files: exit {done.returncode}"
    assert "not empty" in done.stderr, done.stderr
    assert sorted(os.listdir(folder)) == before, "the folder was touched"


def must_fail(what, judge, *given):
    """A judge that lets a planted fault pass is blind."""
    try:
        judge(*given)
    except AssertionError:
        return
    raise AssertionError(f"the check does not see: {what}")


def check(given):
    root = lib.scratch()
    all_series = []
    for position in places.POSITIONS:
        folder = os.path.join(root, position)
        options = ["--position", position, "--nodule", "left"]
        series = draw(given.scanpost, folder, *options)
        nodules = places.truth(folder)
        assert len(nodules) == 1 and nodules[0][2] == "left"
        judge_well_formed(series)
        judge_header(series, position)
        judge_nodules(series, nodules)
        mirrored = [(centre * [-1, 1, 1], radius, "right") for centre, radius, _ in nodules]
        must_fail("a nodule on the other side", judge_nodules, series, mirrored)
        all_series.append(series)
    judge_same_patient(all_series)
    judge_refusal(given.scanpost, folder)

    right = draw(given.scanpost, f"{root}/right", "--nodule", "right")
    (planted,) = places.truth(f"{root}/right")
    assert planted[2] == "right"
    judge_nodules(right, [planted])
    must_fail("another phantom", judge_same_patient, [all_series[0], right])

    seeded = [draw(given.scanpost, f"{root}/{n}", "--seed", "5") for n in ("a", "b")]
    judge_same_patient(seeded)
    for one, other in zip(*(series.images for series in seeded)):
        assert one.ImagePositionPatient == other.ImagePositionPatient
        assert one.PixelData == other.PixelData, "the same seed, other pixels"
    assert seeded[0].study() != seeded[1].study(), "two phantoms are one study"
    judge_nodules(seeded[0], places.truth(f"{root}/a"))
    assert len(places.truth(f"{root}/a")) == 4

    wrong = all_series[1]
    must_fail("FFS that says HFS", judge_header, wrong, "hfs")
    wrong.images[3].SOPInstanceUID = wrong.images[4].SOPInstanceUID
    must_fail("a UID twice", judge_header, wrong, "ffs")
    shutil.rmtree(root)
    print(f"{len(places.POSITIONS)} positions show one patient; nodules are where they are said")


if __name__ == "__main__":
    arguments = lib.arguments()
    lib.need_tool("dciodvfy")
    check(arguments)
