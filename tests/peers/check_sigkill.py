"""Kills the real box with SIGKILL at random points of its four phases, fifty times in all.

Receiving: pynetdicom sends to it. Reading: its worker has a job. Writing: the documents of a job
are being sealed. Delivering: it posts. The archive is away until the last phase. A kill counts
only when its phase was under way, as the sender, the log and the archive tell it.

At the end everything that was answered 0000 must be at the archive with the bytes that were sent,
nothing may be there that was neither sent nor written up, and what arrived more than once must be
one object per kill at most: the one that was in flight. Each study that was read has one set of
results: every instance UID with the same bytes however often it came, one report, no second set
under other UIDs, and none that says the study was set aside.
"""

import collections
import hashlib
import os
import random
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib
import power_cut

KILLS = {"receiving": 14, "reading": 11, "writing": 9, "delivering": 16}
# In the dev profile on two idle cores it takes 6 s.
READING_S = 300
# How long a worker may outlive its box: the next start has one of its own, and there is not
# memory for two.
ORPHAN_S = 2


class Sender(threading.Thread):
    """Sends objects of its own until the box is gone or all are sent."""

    def __init__(self, port, first, count):
        super().__init__(daemon=True)
        self.port, self.first, self.count = port, first, count
        self.acknowledged, self.tried = [], []

    def run(self):
        from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
        from pynetdicom import AE
        from pynetdicom.dsutils import encode

        entity = AE("SENDER")
        # A box that was killed never answers: do not wait long for it.
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 2
        entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        association = entity.associate("127.0.0.1", self.port, ae_title="SCANPOST")
        for number in range(self.first, self.first + self.count):
            if not association.is_established:
                return
            made = power_cut.phantom(number)
            self.tried.append(hashlib.sha256(encode(made, False, True)).hexdigest())
            try:
                status = association.send_c_store(made)
            except (RuntimeError, ValueError):
                return
            if status and status.Status == 0:
                self.acknowledged.append(self.tried[-1])
        association.release()


class Run:
    """The box, its archive, what was sent and acknowledged, and how often it was killed."""

    def __init__(self, given):
        self.root, seed = lib.scratch(), random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        self.chance, self.began = random.Random(seed), time.monotonic()
        self.sink = lib.Sink(given.scanpost, self.root, None, "--slow", "5")
        # Small slabs, since each of the fifty starts reads those that are there; large enough
        # that those made ready at a start take all that is sent before the next.
        self.box = lib.Box(given.scanpost, f"{self.root}/box", {"archive": self.sink.port},
                           lib.SOON + lib.POSTS, slab_mib=8).install()
        self.tried, self.acknowledged, self.read = set(), set(), []
        self.kills, self.orphans = collections.Counter(), 0

    def kill(self, phase, counts):
        """Kills the box and starts it again; a worker that is left behind is counted and ended."""
        workers = self.box.workers()
        self.box.stop(9)
        end = time.monotonic() + ORPHAN_S
        left = set(workers) & set(lib.processes())
        while left and time.monotonic() < end:
            time.sleep(0.02)
            left &= set(lib.processes())
        for pid in left:
            os.kill(pid, 9)
        self.orphans += len(left)
        self.kills[phase] += counts()
        self.box.start()

    def say(self, phase):
        print(f"{phase}: {self.kills[phase]} kills, {time.monotonic() - self.began:.0f} s",
              flush=True)


def receiving(run):
    number = 0
    while run.kills["receiving"] < KILLS["receiving"]:
        sender = Sender(run.box.port, number, 400)
        number += 400
        sender.start()
        time.sleep(run.chance.uniform(0.05, 0.7))
        is_sending = sender.is_alive() and bool(sender.tried)
        run.kill("receiving", lambda: is_sending)
        sender.join(20)
        run.tried |= set(sender.tried)
        run.acknowledged |= set(sender.acknowledged)
    run.say("receiving")


def send_study(run, stacks):
    """Has a further study read; returns where its log lines begin."""
    import stacks as short
    from pynetdicom.dsutils import encode

    since = run.box.log_size()
    sent = stacks.study(len(run.read) + 1)
    run.read.append(str(sent[0].StudyInstanceUID))
    short.send(run.box.port, sent)
    digests = {hashlib.sha256(encode(each, False, True)).hexdigest() for each in sent}
    run.tried |= digests
    run.acknowledged |= digests
    return since


def awaited(run, word, since):
    """Waits closely for a line of the log; what follows it may take a few milliseconds."""
    end = time.monotonic() + READING_S
    while time.monotonic() < end:
        if found := run.box.log_lines(word, since):
            return found[0][0]
        time.sleep(0.002)
    raise AssertionError(f"waited {READING_S} s for the log to say {word}")


def reading(run, stacks):
    """Kills between `reading` and `writing`, at moments spread over what an undisturbed one takes.

    The same job is killed again and again: no number of power cuts may cost a study its reading.
    """
    since = send_study(run, stacks)
    takes = -awaited(run, "reading", since) + awaited(run, "writing", since)
    awaited(run, "written", since)
    print(f"an undisturbed reading takes {takes:.1f} s", flush=True)
    since = send_study(run, stacks)
    while run.kills["reading"] < KILLS["reading"]:
        awaited(run, "reading", since)
        time.sleep(run.chance.uniform(0, takes * 0.9))
        now, since = since, run.box.log_size()
        run.kill("reading", lambda: not run.box.log_lines("writing", now))
        if run.box.log_lines("written", now):
            since = send_study(run, stacks)
    run.say("reading")
    return since


def writing(run, stacks, since):
    """Kills upon `writing`; one that came behind `written` does not count."""
    while run.kills["writing"] < KILLS["writing"]:
        awaited(run, "writing", since)
        time.sleep(run.chance.uniform(0, 0.15))
        now, since = since, run.box.log_size()
        run.kill("writing", lambda: not run.box.log_lines("written", now))
        if run.box.log_lines("written", now):
            since = send_study(run, stacks)
    awaited(run, "written", since)
    run.say("writing")


def delivering(run):
    run.sink.start()
    # The courier has been refused for minutes and would wait for more; a start forgets that.
    run.kill("between", lambda: 0)
    while run.kills["delivering"] < KILLS["delivering"]:
        time.sleep(run.chance.uniform(0.02, 0.3))
        before = len(run.sink.files())
        if before == 0:
            continue
        assert before < len(run.acknowledged), "all was delivered before the kills were through"
        run.kill("delivering", lambda: 1)
    run.say("delivering")


def judge(run):
    import results

    lib.wait_for("nothing owed any more", lambda: run.box.owed() == 0, 180)
    documents = [path for path in run.sink.files() if results.is_result(path)]
    slices = [path for path in run.sink.files() if not results.is_result(path)]
    arrived = collections.Counter(power_cut.digest_of(path) for path in slices)
    extra = sum(arrived.values()) - len(arrived)
    by_uid, sets = collections.defaultdict(list), collections.defaultdict(set)
    for path in documents:
        data = results.file_bytes(path)
        head = results.head_of(data)
        by_uid[head.SOPInstanceUID].append(power_cut.digest_of(path))
        sets[head.StudyInstanceUID].add((head.SOPClassUID, head.SOPInstanceUID))
        if head.SOPClassUID == results.SR:
            assert head.CompletionFlag == "COMPLETE", results.texts_of(data)
    again = len(documents) - len(by_uid)
    print(f"{dict(run.kills)}, {sum(run.kills.values())} in all; {len(run.tried)} tried, "
          f"{len(run.acknowledged)} acknowledged, {len(arrived)} at the archive, {extra} arrived "
          f"once more; {len(run.read)} studies read, {len(by_uid)} results, {again} arrived once "
          f"more; {run.orphans} workers outlived their box by {ORPHAN_S} s", flush=True)
    assert run.acknowledged <= set(arrived), "something that was acknowledged is missing"
    assert set(arrived) <= run.tried, "something arrived that was never sent"
    assert all(len(set(each)) == 1 for each in by_uid.values()), "a result has two contents"
    assert set(sets) == set(run.read), "a study that was read has no results, or another has"
    for study, found in sets.items():
        kinds = collections.Counter(kind for kind, _ in found)
        assert kinds[results.SR] == 1 and kinds[results.SEG] == 1, f"{study}: {kinds}"
        assert kinds == collections.Counter(kind for kind, _ in sets[run.read[0]]), (
            "the same slices gave other results")
    assert extra + again <= run.kills["delivering"], "more arrived again than was in flight"
    assert all(KILLS[phase] <= run.kills[phase] for phase in KILLS) and (
        50 <= sum(run.kills.values())), run.kills
    assert run.orphans == 0, f"{run.orphans} workers went on reading for a box that was gone"


def main(given):
    lib.need_data(os.path.join(given.data, "ct-chest-lidc0001-ge"))
    import stacks as short

    run, stacks = Run(given), short.Stacks(given.data)
    try:
        run.box.start()
        receiving(run)
        writing(run, stacks, reading(run, stacks))
        delivering(run)
        judge(run)
    finally:
        run.box.stop(9)
        run.sink.stop(9)
    shutil.rmtree(run.root, ignore_errors=True)


if __name__ == "__main__":
    main(lib.arguments())
