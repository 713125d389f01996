"""Left stays left: a nodule planted on one side is marked on that side in everything that leaves.

Phantoms of one patient in every position that a scanner may send, read by one box: report,
segmentation, captures, JSON and the page's pictures are taken back to the patient by pydicom and
the standard's formula, and compared with where the nodule was planted. Each output must also be
seen to fail against the mirrored truth, or the comparison is blind.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib
import numpy as np
import places
import pydicom
import senders
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

# As few slices as the package reads, with one to spare.
SLICES = 41
CASES = [(position, "left") for position in places.POSITIONS] + [("hfs", "right")]
SEG, REPORT, CAPTURE = (
    "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.7",
)
# The colour of outlines, which no grey and no amber mixture has.
OUTLINE = (0, 220, 255)
FONT = os.path.join(lib.PACKAGE, "../../src/report/font/DejaVuSans.ttf")
# The line of letters right above a picture, at the size of words that 512 pixels have.
LETTERS_PX = 27


class Study:
    """One phantom and all that came of it."""

    def __init__(self, scanpost, root, position, side):
        self.name, self.folder = f"{position}, {side}", f"{root}/{position}-{side}"
        command = [scanpost, "phantom", "--out", self.folder, "--slices", str(SLICES)]
        command += ["--position", position, "--nodule", side]
        subprocess.run(command, check=True, capture_output=True)
        self.source = places.Series(self.folder)
        ((self.centre, self.radius, planted),) = places.truth(self.folder)
        assert planted == side and (0 < self.centre[0]) == (side == "left")
        self.report = self.seg = self.json = None
        self.captures, self.pages = [], []

    def gather(self, files):
        """Takes its own results from what the sink has."""
        for path in files:
            found = pydicom.dcmread(path)
            if found.StudyInstanceUID != self.source.study():
                continue
            if found.SOPClassUID == REPORT:
                assert self.report is None, "two reports"
                self.report = found
            elif found.SOPClassUID == SEG:
                assert self.seg is None, "two segmentations"
                self.seg = found
            elif found.SOPClassUID == CAPTURE:
                self.captures.append(found)
        self.captures.sort(key=lambda capture: capture.InstanceNumber)


def near(study, centre, places_found, what):
    """The nearest of the places is within the nodule's radius of `centre`."""
    assert places_found, f"{what}: shows no mark"
    away = min(np.linalg.norm(at - centre) for at in places_found)
    assert away <= study.radius, f"{study.name}: {what}: the nearest mark is {away:.1f} mm away"
    return away


def top_of(pixels):
    """The row in which the picture begins: none of its own is as black as the bands with words."""
    top = int(np.argmax(pixels.sum(axis=2).min(axis=1) > 0))
    assert 0 < top, "the picture has no band of words above it"
    return top


def outlines(pixels, plane):
    """Centre in the patient of every outline of a picture (RGB), as wide as its source."""
    top = top_of(pixels)
    drawn = (pixels == OUTLINE).all(axis=2)
    labels, count = ndimage.label(drawn, np.ones((3, 3)))
    centres = ndimage.center_of_mass(drawn, labels, range(1, count + 1))
    return [plane.patient(row - top, column) for row, column in centres]


def shown_by(study, capture, pixels):
    """The outlines of one picture, by the slice that it says it was made of."""
    source = capture.SourceImageSequence[0].ReferencedSOPInstanceUID
    return outlines(pixels, study.source.by_uid[source])


def readings(study):
    """Every way to ask where marks are: [(what, places)]."""
    marks = places.report_marks(study.report, study.source)
    nearest = min(marks, key=lambda mark: np.linalg.norm(mark[1] - study.centre))[0]
    segments = places.segment_centres(study.seg)
    result = [mark for mark in study.json["marks"] if mark["name"] == nearest]
    own, captures, pages = {mark["at"]["instance"] for mark in result}, [], []
    for capture, page in zip(study.captures, study.pages):
        source = capture.SourceImageSequence[0].ReferencedSOPInstanceUID
        if source in own and re.search(rf"\b{nearest}\b", capture.ImageComments):
            captures += shown_by(study, capture, capture.pixel_array)
            pages += shown_by(study, capture, page)
    return nearest, [
        ("report", [at for name, at in marks if name == nearest]),
        ("segmentation", [segments[nearest]] if nearest in segments else []),
        ("JSON", [np.array(mark["centre_lps_mm"]) for mark in result]),
        ("captures", captures),
        ("pictures of the page", pages),
    ]


def judge_sides(study, capture):
    """A picture that nobody can turn says which side is which, in its header and burned in."""
    source = capture.SourceImageSequence[0].ReferencedSOPInstanceUID
    right, bottom = study.source.by_uid[source].sides()
    said = tuple(capture.get("PatientOrientation") or ())
    assert said == (right, bottom), f"{study.name}: rows and columns run to {said}"
    seen = letters(capture.pixel_array)
    wanted = {"L": "RL", "R": "LR"}[right]
    assert seen == wanted, f"{study.name}: burned in from left to right: {seen}, not {wanted}"


def letters(pixels):
    """The letters, of R and L, at the left and right end of the line right above a picture."""
    top, found = top_of(pixels), ""
    lit = pixels[top - LETTERS_PX : top].max(axis=2) > 120
    for end in (lit[:, :60], lit[:, -60:]):
        assert end.any(), "no letter at an end of the line above the picture"
        found += min("RL", key=lambda letter: np.abs(glyph(letter) - squeeze(end)).sum())
    return found


def glyph(letter):
    """What a letter looks like in the font that the captures use."""
    drawn = Image.new("L", (200, 200))
    font = ImageFont.truetype(FONT, 96)
    ImageDraw.Draw(drawn).text((40, 40), letter, fill=255, font=font)
    return squeeze(np.array(drawn) > 120)


def squeeze(lit):
    """The lit part alone, in a square of one size."""
    rows, columns = np.nonzero(lit)
    part = lit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return np.array(Image.fromarray(part.astype(np.uint8) * 255).resize((24, 24))) / 255


def judge(study):
    documents = [study.report, study.seg, *study.captures]
    arrived = {document.SOPInstanceUID for document in documents if document}
    listed = study.json["documents"]
    wanted = {each["sop_instance"] for each in listed if each["kind"] != "json"}
    assert arrived == wanted, f"{study.name}: {len(arrived)} documents for {len(wanted)}"
    assert len(study.pages) == len(study.captures), "the page has other pictures than were posted"
    for capture, page in zip(study.captures, study.pages):
        assert np.array_equal(capture.pixel_array, page), "page and capture differ"
    name, found = readings(study)
    mirrored = study.centre * [-1, 1, 1]
    told = []
    for what, at in found:
        told.append(f"{what} {near(study, study.centre, at, what):.1f}")
        try:
            near(study, mirrored, at, what)
        except AssertionError:
            continue
        raise AssertionError(f"{study.name}: {what}: the other side would pass, too")
    for capture in study.captures:
        judge_sides(study, capture)
    print(f"{study.name}: {name} of {len(study.json['marks'])}; mm away: {', '.join(told)}")


def page_pictures(box, number):
    page = box.shown(f"/studies/{number}").decode()
    paths = re.findall(rf'src="(/studies/{number}/pictures/\d+\.png)"', page)
    return [np.array(Image.open(io.BytesIO(box.shown(path)))) for path in paths]


def check(given):
    root = lib.scratch()
    sink = lib.Sink(given.scanpost, root)
    settings = "danger_open_page = true\n" + lib.SOON + lib.POSTS
    box = lib.Box(given.scanpost, f"{root}/box", {"sink": sink.port}, settings).install()
    try:
        sink.start()
        box.start()
        started, studies = time.monotonic(), []
        for position, side in CASES:
            studies.append(Study(given.scanpost, root, position, side))
            senders.storescu(box.port, studies[-1].folder)
        for number, study in enumerate(studies, 1):
            def result():
                found = box.ask("study", study.source.study())["results"]
                return found and found[0]["document"]

            study.json = lib.wait_for(f"a result of {study.name}", result, 240)
            study.pages = page_pictures(box, number)
        print(f"{len(studies)} studies read in {time.monotonic() - started:.0f} s")
        lib.wait_for("nothing owed any more", lambda: box.owed() == 0, 120)
        files = sink.files()
        for study in studies:
            study.gather(files)
            judge(study)
    finally:
        for each in (box, sink):
            each.stop(9)
    shutil.rmtree(root, ignore_errors=True)
    print(f"{len(studies)} studies: every output marks the side that was planted")


if __name__ == "__main__":
    arguments = lib.arguments()
    lib.need_tool("storescu")
    check(arguments)
