"""Kills the real box with SIGKILL at random points of receiving and of delivering.

Half of the kills hit it while pynetdicom sends to it and its archive is away, the other half while
it posts. A kill counts only when its phase was under way. At the end everything that was answered
0000 must be at the archive with the bytes that were sent, nothing that was never sent may be there,
and what arrived more than once must be one object per kill at most: the one that was in flight.
The phases of reading and writing enter when the box reads.
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

KILLS_EACH = 25


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


def main(given):
    root, seed = lib.scratch(), random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    sink = lib.Sink(given.scanpost, root, None, "--slow", "5")
    # Small slabs: each of the fifty starts reads those that are there.
    box = lib.Box(given.scanpost, f"{root}/box", {"archive": sink.port}, slab_mib=1).start()
    tried, acknowledged, number = set(), set(), 0
    kills, began = collections.Counter(), time.monotonic()
    try:
        while kills["receiving"] < KILLS_EACH:
            sender = Sender(box.port, number, 400)
            number += 400
            sender.start()
            time.sleep(chance.uniform(0.05, 0.7))
            kills["receiving"] += sender.is_alive() and bool(sender.tried)
            box.stop(9)
            sender.join(20)
            tried |= set(sender.tried)
            acknowledged |= set(sender.acknowledged)
            box.start()
        print(f"receiving: {time.monotonic() - began:.0f} s", flush=True)
        sink.start()
        while kills["delivering"] < KILLS_EACH:
            time.sleep(chance.uniform(0.02, 0.3))
            before = len(sink.files())
            if before == 0:
                continue
            kills["delivering"] += before < len(acknowledged)
            assert before < len(acknowledged), "all was delivered before the kills were through"
            box.stop(9)
            box.start()
        print(f"delivering: {time.monotonic() - began:.0f} s", flush=True)
        lib.wait_for("nothing owed any more", lambda: box.owed() == 0, 180)
        arrived = collections.Counter(power_cut.digest_of(path) for path in sink.files())
        extra = sum(arrived.values()) - len(arrived)
        print(f"{dict(kills)}, {len(tried)} tried, {len(acknowledged)} acknowledged, "
              f"{len(arrived)} at the archive, {extra} arrived once more", flush=True)
        assert acknowledged <= set(arrived), "something that was acknowledged is missing"
        assert set(arrived) <= tried, "something arrived that was never sent"
        assert extra <= kills["delivering"], "more arrived again than was in flight"
    finally:
        box.stop(9)
        sink.stop(9)
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main(lib.arguments())
