"""A real chest CT through the box to two archives that were away, from two real senders.

DCMTK's storescu, then pynetdicom, sends the series to a fresh box through a tap. Its archives,
`scanpost sink` and Orthanc, are away at first, come, are stopped half-way and come back. At the end
each holds every slice once: at the sink equal byte for byte to what the tap saw, in the order of
arrival; at Orthanc element by element.
"""

import io
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib
import senders


def check(name, send, given):
    import pydicom

    folder, root = os.path.join(given.data, "ct-chest-lidc0001-ge"), lib.scratch()
    lib.need_data(folder)
    sink, orthanc = lib.Sink(given.scanpost, root), lib.Orthanc(root)
    box = lib.Box(given.scanpost, f"{root}/box", {"sink": sink.port, "orthanc": orthanc.port})
    try:
        box.start()
        tap = lib.Tap(box.port)
        send(tap.port, folder)
        sent = tap.data_sets()
        assert len(sent) == 133, f"{name} sent {len(sent)} data sets"
        assert box.owed() == 266, f"{box.owed()} are owed to two archives that are away"

        sink.start()
        orthanc.start()
        lib.wait_for("some slices at the sink", lambda: 20 < len(sink.files()))
        sink.stop(9)
        orthanc.stop()
        box.stop(9)
        box.start()
        sink.start()
        orthanc.start()
        lib.wait_for("nothing owed any more", lambda: box.owed() == 0, 120)

        files = sink.files()
        assert {lib.split_file(path)[1] for path in files} == {data for _, data in sent}
        judge_order(files, sent)
        found = orthanc.instances()
        assert len(found) == 133, f"Orthanc has {len(found)} instances"
        wanted = {}
        for syntax, data in sent:
            made = pydicom.dcmread(io.BytesIO(part10(syntax, data)))
            wanted[made.SOPInstanceUID] = made
        for each in found:
            there = pydicom.dcmread(io.BytesIO(orthanc.get(f"/instances/{each}/file")))
            assert there == wanted[there.SOPInstanceUID], "Orthanc holds other elements"
        print(f"{name}: 133 slices once each at both, {len(files)} files at the sink")
    finally:
        for each in (box, sink, orthanc):
            each.stop(9)
    shutil.rmtree(root, ignore_errors=True)


def judge_order(files, sent):
    """The first arrival of each slice at the sink is in the order in which it was sent."""
    place = {data: number for number, (_, data) in enumerate(sent)}
    seen, order = set(), []
    for path in files:
        data = lib.split_file(path)[1]
        if data not in seen:
            seen.add(data)
            order.append(place[data])
    assert order == sorted(order), "slices left in another order than they came"


def part10(syntax, data):
    """A data set as a file that pydicom reads."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.filewriter import write_file_meta_info

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    out.write(bytes(128) + b"DICM")
    write_file_meta_info(out, meta, enforce_standard=True)
    return out.getvalue() + data


if __name__ == "__main__":
    arguments = lib.arguments()
    lib.need_tool("storescu")
    lib.need_tool("Orthanc")
    check("storescu", senders.storescu, arguments)
    check("pynetdicom", senders.pynetdicom, arguments)
