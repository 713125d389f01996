"""`scanpost demo` as a stranger runs it: with DCMTK and Orthanc, alone, on a real study, and kept.

The demo judges itself; here pydicom judges its results against the phantom's truth as well. A
package that marks nothing must make the demo fail, and nothing may run on once it has ended.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib
import numpy as np
import places
import pydicom

# What README.md promises of the demo on two cores that do nothing else; told, not judged.
PROMISED_S = 120
REAL_SLICES = 45
PICTURE_BYTES_MIN = 20_000


class Demo:
    """One run of it."""

    def __init__(self, given, root, name, *options):
        self.folder, started = os.path.join(root, name), time.monotonic()
        command = [given.scanpost, "demo", "--json", "--folder", self.folder, *options]
        # Packages are looked for beside the sources.
        sources = os.path.join(lib.PACKAGE, "..", "..")
        done = subprocess.run(command, capture_output=True, text=True, cwd=sources)
        self.code, self.words = done.returncode, done.stderr
        self.answer = json.loads(done.stdout) if done.stdout.strip() else {}
        seconds = time.monotonic() - started
        print(f"{name}: exit {self.code} after {seconds:.0f} s, {PROMISED_S} are promised")

    def results(self, kind):
        folder = os.path.join(self.folder, "results")
        names = sorted(name for name in os.listdir(folder) if name.endswith(f"-{kind}.dcm"))
        return [pydicom.dcmread(os.path.join(folder, name)) for name in names]

    def processes(self):
        """What runs with this run's folder on its command line."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if self.folder.encode() in file.read():
                        found.append(int(name))
            except OSError:
                continue
        return found


def judge_phantom(demo):
    """Exit 0, and the report marks every planted nodule within its radius, by pydicom."""
    assert demo.code == 0, f"exit {demo.code}: {demo.words}"
    assert demo.answer["missed"] == 0 and demo.answer["images"] == 48, demo.answer
    source = places.Series(os.path.join(demo.folder, "phantom"))
    (report,) = demo.results("sr")
    (seg,) = demo.results("seg")
    marks, segments = places.report_marks(report, source), places.segment_centres(seg)
    assert len(marks) == len(demo.answer["marks"]), "report and answer count differently"
    captures = demo.results("capture")
    assert demo.answer["documents"] == 2 + len(captures), "documents are lost or too many"
    nodules, away = places.truth(os.path.join(demo.folder, "phantom")), []
    assert len(nodules) == 4, f"{len(nodules)} nodules were planted"
    for centre, radius, side in nodules:
        for what, found in (("report", [at for _, at in marks]),
                            ("segmentation", list(segments.values()))):
            mm = min(np.linalg.norm(at - centre) for at in found)
            assert mm <= radius, f"{what}: {2 * radius:.0f} mm on the {side} missed by {mm:.1f} mm"
            away.append(mm)
    picture = os.path.join(demo.folder, "results", "picture.png")
    assert PICTURE_BYTES_MIN < os.path.getsize(picture), "the picture is empty"
    print(f"  {len(nodules)} nodules found by pydicom, at most {max(away):.1f} mm away")


def judge_over(demo):
    """Nothing runs on, and the box's store is gone while the results stay."""
    assert not demo.processes(), f"still running: {demo.processes()}"
    assert not os.path.exists(os.path.join(demo.folder, "box")), "the box's folder stayed"
    assert demo.results("sr"), "the results are gone"


def judge_kept(demo):
    """The page answers, and what the demo names to end it ends all of it."""
    (page,) = re.findall(r"page:\s+(http://localhost:\d+/)", demo.words)
    with urllib.request.urlopen(page) as answer:
        assert b"PHANTOM" in answer.read(), "the page does not show the study"
    named = re.findall(r"to end: kill ((?:\d+ ?)+)", demo.words)
    assert named, f"the demo does not say how to end what it keeps: {demo.words[-300:]}"
    named = sorted(int(each) for each in named[0].split())
    running = sorted(demo.processes())
    assert named == running, f"named {named}, running {running}"
    for process in named:
        os.kill(process, signal.SIGTERM)
    lib.wait_for("box and archive to end", lambda: not demo.processes())


def end(demo):
    """Leaves nothing behind, also where a check failed."""
    for process in demo.processes():
        os.kill(process, signal.SIGKILL)


def silent_package(root):
    """The package with a threshold that no score reaches."""
    folder = os.path.join(root, "silent")
    shutil.copytree(lib.PACKAGE, folder)
    path = os.path.join(folder, "model.toml")
    with open(path) as file:
        text = file.read()
    raised = re.sub(r"^threshold = .*$", "threshold = 0.99", text, flags=re.M)
    assert raised != text
    with open(path, "w") as file:
        file.write(raised)
    return folder


def real_study(given, root):
    """Some contiguous slices of a real chest."""
    folder = os.path.join(given.data, "ct-chest-lidc0001-ge")
    lib.need_data(folder)
    slices = []
    for place, _, names in os.walk(folder):
        for path in (os.path.join(place, name) for name in names if name.endswith(".dcm")):
            head = pydicom.dcmread(path, stop_before_pixels=True)
            slices.append((float(head.ImagePositionPatient[2]), path))
    slices.sort()
    first = (len(slices) - REAL_SLICES) // 2
    out = os.path.join(root, "chest")
    os.mkdir(out)
    for _, path in slices[first : first + REAL_SLICES]:
        shutil.copy(path, out)
    return out


def judge_real(demo, study):
    """The report's places lie in the study that was sent."""
    assert demo.code == 0, f"exit {demo.code}: {demo.words}"
    assert demo.answer["images"] == REAL_SLICES, demo.answer
    source = places.Series(study)
    (report,) = demo.results("sr")
    assert report.StudyInstanceUID == source.study()
    for name, at in places.report_marks(report, source):
        assert source.hu(at) is not None, f"{name} lies outside of the study"
    assert f"{REAL_SLICES} of {REAL_SLICES} images were read" in demo.words, demo.words


def check(given):
    root, demos = lib.scratch(), []

    def play(name, *options):
        demos.append(Demo(given, root, name, *options))
        return demos[-1]

    try:
        kept = play("with peers, kept", "--keep")
        assert "storescu of DCMTK; archive: Orthanc" in kept.words, kept.words
        judge_phantom(kept)
        judge_kept(kept)
        alone = play("alone", "--alone")
        assert "scanpost send; archive: scanpost sink" in alone.words, alone.words
        judge_phantom(alone)
        judge_over(alone)
        silent = play("marking nothing", "--alone", "--package", silent_package(root))
        assert silent.code == 1, f"nothing was marked, and the demo ended with {silent.code}"
        assert "4 planted nodules were missed" in silent.words, silent.words
        assert silent.answer["missed"] == 4
        judge_over(silent)
        study = real_study(given, root)
        real = play("a real chest", study)
        judge_real(real, study)
        judge_over(real)
    finally:
        for demo in demos:
            end(demo)
    shutil.rmtree(root, ignore_errors=True)
    print("the demo shows what it says, and fails where nothing is marked")


if __name__ == "__main__":
    arguments = lib.arguments()
    lib.need_tool("storescu")
    lib.need_tool("Orthanc")
    check(arguments)
