"""What is not read says why where somebody expected a reading, and nowhere else.

A silent box reads, keeps what it wrote and lets nothing of it leave (I4). One that posts answers a
chest series with a gap by a report and a capture that say so, and no segmentation; a knee and a
localizer get no letter about lungs. What comes late makes a new revision, whose report names the
one it replaces.
"""

import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

# In the dev profile on two idle cores it takes 6 s.
READING_S = 300
GAP = "Not processed because slices are missing in the middle of the series."
# Where the gap is, and what comes last of all.
MISSING, LATE = slice(20, 23), slice(-1, None)


def by_kind(sink, study):
    """The results of a study at the sink, by kind, in order of arrival; sources under None."""
    import pydicom

    import results

    files = []
    for path in sink.files():
        if pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID == study:
            files.append(results.file_bytes(path))
    return results.of_files(files)


def numbers(found):
    import results

    return [len(found[kind]) for kind in (results.SR, results.SEG, None)]


def silent(given, stacks):
    """I4: nothing of a package that nobody approved leaves the box."""
    import stacks as short

    root = lib.scratch()
    sink = lib.Sink(given.scanpost, root).start()
    box = lib.Box(given.scanpost, f"{root}/box", {"sink": sink.port}, lib.SOON).install()
    try:
        box.start()
        sent = stacks.study(1)
        short.send(box.port, sent)
        lib.wait_for("a reading", lambda: box.log_lines("written"), READING_S)
        lib.wait_for("the slices at the sink", lambda: len(sent) <= len(sink.files()))
        # Longer than a courier takes over what it owes.
        time.sleep(3)
        timeline = box.timeline(sent[0].StudyInstanceUID)
        assert any(event.startswith("written") for event in timeline), timeline
        assert box.owed() == 0, "a silent box owes results"
        assert numbers(by_kind(sink, sent[0].StudyInstanceUID)) == [0, 0, len(sent)]
        assert len(sink.files()) == len(sent), "something else left"
        print(f"silent: read and kept, {len(sent)} slices and nothing else at the sink", flush=True)
    finally:
        box.stop(9)
        sink.stop(9)
    shutil.rmtree(root, ignore_errors=True)


def answered(box, sent):
    """Sends and waits until what was written up about it is posted."""
    import stacks as short

    since = box.log_size()
    short.send(box.port, sent)
    lib.wait_for("an answer", lambda: box.log_lines("written", since), READING_S)
    lib.wait_for("nothing owed any more", lambda: box.owed() == 0)


def gap(box, sink, sent):
    """Slices are missing: a report and a capture say so. Returns the report."""
    import pydicom
    import results
    import stacks as short

    study = sent[0].StudyInstanceUID
    rest = [each for each in sent[:-1] if each not in sent[MISSING]]
    answered(box, rest)
    found = by_kind(sink, study)
    assert numbers(found) == [1, 0, len(rest)], numbers(found)
    (report,), (capture,) = found[results.SR], found[results.CAPTURE]
    marks = results.judge_report(
        report, [str(each.SOPInstanceUID) for each in rest], is_read=False)
    assert not marks and not results.predecessors(report)
    assert any(GAP in text for text in results.texts_of(report)), results.texts_of(report)
    assert GAP in results.judge_capture(capture)
    results.judge_validity([report, capture], short.file_of(rest[0]))
    assert pydicom.dcmread(sink.files()[0]).StudyInstanceUID == study
    print("gap: report and capture say why, no segmentation", flush=True)
    return report


def late(box, sink, sent, replaced, come):
    """Further slices of a study come: the next revision names the report that it replaces."""
    import results

    study = sent[0].StudyInstanceUID
    reports, _, before = numbers(by_kind(sink, study))
    answered(box, come)
    found = by_kind(sink, study)
    assert len(found[None]) == before + len(come)
    assert len(found[results.SR]) == reports + 1, "not exactly one new report"
    report = found[results.SR][-1]
    assert results.predecessors(report) == [results.instance_of(replaced)], "it replaces another"
    assert results.instance_of(report) != results.instance_of(replaced)
    results.judge_report(report, [results.instance_of(data) for data in found[None]])
    assert any("revision" in text for text in results.texts_of(report))
    return report


def nobodys(box, sink, stacks):
    """A knee and a localizer: kept, posted, and only the timeline says why they are not read."""
    import stacks as short

    cases = {
        "localizer": (3, {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, 3),
        "wrong_region": (4, {"BodyPartExamined": "KNEE"}, None),
    }
    for word, (number, changes, count) in cases.items():
        sent = stacks.study(number, changes)[:count]
        study = sent[0].StudyInstanceUID
        short.send(box.port, sent)
        said = lib.wait_for(
            "a reason in the timeline",
            lambda: [event for event in box.timeline(study) if word in event])
        lib.wait_for("nothing owed any more", lambda: box.owed() == 0)
        time.sleep(2)
        assert numbers(by_kind(sink, study)) == [0, 0, len(sent)], "somebody got a letter"
        print(f"{word}: no letter; the timeline says {said}", flush=True)


def main(given):
    lib.need_data(os.path.join(given.data, "ct-chest-lidc0001-ge"))
    lib.need_tool("dciodvfy")
    import stacks as short

    stacks = short.Stacks(given.data)
    silent(given, stacks)
    root = lib.scratch()
    sink = lib.Sink(given.scanpost, root).start()
    settings = lib.SOON + "incomplete_s = 5\n" + lib.POSTS
    box = lib.Box(given.scanpost, f"{root}/box", {"sink": sink.port}, settings).install()
    try:
        box.start()
        sent = stacks.study(2)
        first = gap(box, sink, sent)
        second = late(box, sink, sent, first, sent[MISSING])
        print("the missing slices: read, and the report replaces the one that said why not")
        late(box, sink, sent, second, sent[LATE])
        print("one more slice: read again, and the report replaces the one before", flush=True)
        nobodys(box, sink, stacks)
        assert box.child.poll() is None, "the box died"
    finally:
        box.stop(9)
        sink.stop(9)
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main(lib.arguments())
