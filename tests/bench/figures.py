"""Measures the box over one reading of a real chest CT, and prints a table.

Memory is what the kernel says (VmRSS, VmHWM); flushes are counted by strace in a run of its own,
since tracing slows the other figures; bytes are write_bytes of /proc/PID/io, of the box's process
alone (its worker writes nothing), the zeros of slabs that are made ready meanwhile among them.
"""

import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../peers"))
import lib
import senders

NAME = "ct-chest-lidc0001-ge"
READING_S = 600
DAY_S = 86_400


def memory(pid, name):
    """A line of /proc/PID/status in MiB; 0 for a process that is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines[name].split()[0]) / 1024
    except (OSError, KeyError):
        return 0.0


def written_bytes(pid):
    with open(f"/proc/{pid}/io") as file:
        return int(dict(line.split(": ") for line in file)["write_bytes"])


class Peaks(threading.Thread):
    """Samples the largest memory of each worker while it lives."""

    def __init__(self, box):
        super().__init__(daemon=True)
        self.box, self.worker, self.stopped = box, 0.0, threading.Event()

    def run(self):
        while not self.stopped.wait(0.05):
            for pid in self.box.workers():
                self.worker = max(self.worker, memory(pid, "VmHWM"))


def wall():
    """The time of day in seconds, UTC, as the log writes it."""
    return time.time() % DAY_S


def run(given, with_memory):
    """One run; with_memory is left out where strace counts."""
    root = lib.scratch()
    orthanc = lib.Orthanc(root)
    box = lib.Box(given.scanpost, f"{root}/box", {"orthanc": orthanc.port},
                  lib.SOON + lib.POSTS, slab_mib=64).install()
    found = {}
    try:
        orthanc.start()
        box.start()
        time.sleep(3)
        found["idle"] = memory(box.child.pid, "VmRSS")
        traced = None if with_memory else trace(box, f"{root}/flushes")
        peaks, before = Peaks(box), written_bytes(box.child.pid)
        peaks.start()
        began = wall()
        senders.pynetdicom(box.port, os.path.join(given.data, NAME))
        found["acknowledged"] = wall()
        found["receiving"] = found["acknowledged"] - began
        lib.wait_for("results", lambda: box.log_lines("written"), READING_S)
        lib.wait_for("results at the archive", lambda: box.owed() == 0, 120)
        found["posted"] = wall()
        for word in ("whole", "reading", "writing", "written"):
            found[word] = box.log_lines(word)[0][0]
        found["documents"] = len(orthanc.instances()) - 133
        peaks.stopped.set()
        # The last pages of the ledger are written some seconds after they are booked.
        time.sleep(5)
        found["peak"] = memory(box.child.pid, "VmHWM")
        found["worker"] = peaks.worker
        found["bytes"] = written_bytes(box.child.pid) - before
        if traced:
            found["flushes"] = counted(traced, f"{root}/flushes")
    finally:
        box.stop()
        orthanc.stop(9)
    shutil.rmtree(root, ignore_errors=True)
    return found


def trace(box, path):
    if shutil.which("strace") is None:
        return None
    traced = subprocess.Popen(
        ["strace", "-f", "-y", "-qq", "-e", "trace=fdatasync,fsync,msync", "-o", path,
         "-p", str(box.child.pid)], stderr=subprocess.DEVNULL)
    time.sleep(1)
    return traced


def counted(traced, path):
    """Calls, by name and by the kind of file."""
    traced.send_signal(signal.SIGINT)
    traced.wait(20)
    calls = collections.Counter()
    with open(path) as file:
        for call, name in re.findall(r"(\w+)\(\d+<([^>]*)>", file.read()):
            kind = re.sub(r"\d+", "N", os.path.basename(name))
            calls[f"{call} {kind}"] += 1
    return calls


def main(given):
    folder = os.path.join(given.data, NAME)
    lib.need_data(folder)
    lib.need_tool("Orthanc")
    sent = sum(os.path.getsize(path) for path in senders.dicom_files(folder))
    found = run(given, True)
    traced = run(given, False)
    objects = 133 + found["documents"]
    flushes = traced.get("flushes")
    working, waiting = found["posted"] - found["whole"], found["whole"] - found["acknowledged"]
    profile = os.path.basename(os.path.dirname(given.scanpost))
    rows = [
        ("binary", f"{os.path.getsize(given.scanpost) / 1e6:.1f} MB, {profile}"),
        ("machine", f"{os.uname().machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"),
        ("box, idle", f"{found['idle']:.1f} MiB"),
        ("box, peak", f"{found['peak']:.1f} MiB"),
        ("worker, peak", f"{found['worker']:.1f} MiB"),
        ("receiving 133 slices", f"{found['receiving']:.1f} s, {sent / 1e6:.1f} MB"),
        ("last acknowledged to all in the PACS", f"{working + waiting:.1f} s"),
        ("  of it waiting for silence", f"{waiting:.1f} s"),
        ("  of it working", f"{working:.1f} s"),
        ("    reading", f"{found['writing'] - found['reading']:.1f} s"),
        ("    writing", f"{found['written'] - found['writing']:.2f} s"),
        ("    posting (as seen by asking)", f"{found['posted'] - found['written']:.1f} s"),
        ("bytes written", f"{found['bytes'] / 1e6:.1f} MB, {found['bytes'] / sent:.2f} a byte "
                          f"received, {found['bytes'] / objects / 1e3:.0f} KB an object"),
    ]
    if flushes is None:
        rows.append(("flushes", "strace is not installed"))
    else:
        each = sum(flushes.values()) / objects
        rows.append(("flushes", f"{each:.2f} an object, {objects} objects"))
        rows += [(f"  {kind}", str(count)) for kind, count in flushes.most_common()]
    for name, value in rows:
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main(lib.arguments())
