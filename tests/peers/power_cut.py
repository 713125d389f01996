"""Cuts the power of the real binary and looks what is left.

The box runs on ext4 over a block device that logs every write and every flush. pynetdicom sends
objects by C-STORE; at each 0000 the length of the log is noted. Afterwards the disk is rebuilt as
it would be after a cut at a random place of the log, in two tear modes: nothing that no flush
covers survives, or a random subset of it does, in pieces of 512 bytes. The real binary starts on
each such disk, with an archive that answers now, and every object that was acknowledged before the
cut must arrive there with the bytes that were sent.

Exit 0: nothing was lost. Exit 1: something was. Exit 77: it could not be tried, and why.
"""

import argparse
import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lib

SECTOR = 512
DISK_MIB = 192


class LoggedDisk:
    """ext4 on a loop device over qemu-storage-daemon's write log."""

    def __init__(self, daemon, root):
        self.root, self.daemon = root, daemon
        self.base, self.start_image = f"{root}/base.img", f"{root}/start.img"
        self.log, self.device, self.mount = f"{root}/log.img", f"{root}/dev.img", f"{root}/mnt"
        os.makedirs(self.mount)
        run("truncate", "-s", f"{DISK_MIB}M", self.base)
        run("truncate", "-s", "4G", self.log)
        open(self.device, "w").close()
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.base)
        shutil.copyfile(self.base, self.start_image)
        self.child = subprocess.Popen([
            daemon,
            "--blockdev", f"file,node-name=f,filename={self.base}",
            "--blockdev", f"file,node-name=l,filename={self.log}",
            "--blockdev", "blklogwrites,node-name=lw,file=f,log=l,log-super-update-interval=1",
            "--export", f"fuse,id=e,node-name=lw,mountpoint={self.device},writable=on",
        ])
        lib.wait_for("the exported disk", lambda: os.path.getsize(self.device) > 0)
        self.loop = run("losetup", "-f", "--show", "--direct-io=on", self.device).strip()
        run("mount", "-o", "commit=1", self.loop, self.mount)

    def entries(self):
        """How many writes and flushes the log holds now."""
        with open(self.log, "rb") as log:
            return struct.unpack("<QQQ", log.read(24))[2]

    def close(self):
        run("umount", self.mount)
        run("losetup", "-d", self.loop)
        time.sleep(1)
        self.child.terminate()
        self.child.wait()


class Replay:
    """The log, and disks as they would be after a cut."""

    def __init__(self, disk):
        self.disk, self.entries = disk, []
        with open(disk.log, "rb") as log:
            magic, _, count, sector = struct.unpack("<QQQI", log.read(28))
            assert magic == 0x6A736677736872, "this is no write log"
            log.seek(sector)
            for _ in range(count):
                place, length, flags, _ = struct.unpack("<QQQQ", log.read(sector)[:32])
                self.entries.append((place, length, flags, log.tell()))
                if not flags & 4:
                    log.seek(length * sector, 1)

    def image_after(self, cut, is_torn, chance, path):
        """Rebuilds the disk after a cut behind `cut` entries."""
        shutil.copyfile(self.disk.start_image, path)
        flushed = max((k for k in range(cut) if self.entries[k][2] & 1), default=-1)
        with open(path, "r+b") as image, open(self.disk.log, "rb") as log:
            for k, (place, length, flags, offset) in enumerate(self.entries[:cut]):
                if flags & 4 or length == 0:
                    continue
                log.seek(offset)
                if k <= flushed or flags & 2:
                    image.seek(place * SECTOR)
                    image.write(log.read(length * SECTOR))
                elif is_torn:
                    for at in range(length):
                        piece = log.read(SECTOR)
                        if chance.random() < 0.5:
                            image.seek((place + at) * SECTOR)
                            image.write(piece)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def phantom(number):
    """A small CT instance of its own content, by pydicom."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, f"1.2.826.0.1.3680043.10.511.{number}"
    made.StudyInstanceUID = f"1.2.826.0.1.3680043.10.511.77.{number // 20}"
    made.SeriesInstanceUID = made.StudyInstanceUID + ".1"
    made.Modality, made.PatientName, made.PatientID = "CT", "POWER^CUT", "P1"
    made.Rows, made.Columns, made.SamplesPerPixel = 128, 128, 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
    made.PixelData = random.Random(number).randbytes(128 * 128 * 2)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def send(port, disk, count):
    """Sends `count` objects; returns (instance, digest of the data set, log length) for each."""
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
    from pynetdicom import AE
    from pynetdicom.dsutils import encode

    entity = AE("SENDER")
    entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    acknowledged, association = [], None
    for number in range(count):
        if association is None or number % 10 == 0:
            if association:
                association.release()
            association = entity.associate("127.0.0.1", port, ae_title="SCANPOST")
            assert association.is_established, "the box refused the association"
        made = phantom(number)
        status = association.send_c_store(made).Status
        assert status == 0, f"the box answered {status:#06x}"
        digest = hashlib.sha256(encode(made, False, True)).hexdigest()
        acknowledged.append((made.SOPInstanceUID, digest, disk.entries()))
    association.release()
    return acknowledged


def survivors(scanpost, root, mount, expected):
    """Starts the box on a rebuilt disk; returns the digests that reach an archive."""
    sink = lib.Sink(scanpost, root).start()
    box = make_box(scanpost, root, mount, sink.port)
    try:
        box.start()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = {digest_of(path) for path in sink.files()}
            if expected <= found:
                return found
            time.sleep(0.2)
        return {digest_of(path) for path in sink.files()}
    finally:
        box.stop(9)
        sink.stop(9)


def digest_of(path):
    return hashlib.sha256(lib.split_file(path)[1]).hexdigest()


def make_box(scanpost, root, mount, port):
    box = lib.Box(scanpost, root, {"archive": port})
    text = open(box.config).read()
    text = text.replace(f'"{root}/state"', f'"{mount}/state"')
    text = text.replace(f'"{root}/key"', f'"{mount}/key"')
    text = text.replace("slab_mib = 16", "slab_mib = 2").replace("mib = 64", "mib = 16")
    open(box.config, "w").write(text)
    return box


def mount_as_at_boot(loop, mount):
    """Mounts a disk; one that does not mount is checked first, as every boot does.

    ext4 writes its superblock in place and with a checksum: torn at 512 bytes it does not mount
    before a check has put a backup in its place. That is the file system's to mend, not ours.
    """
    mounted = subprocess.run(["mount", loop, mount], capture_output=True, text=True)
    if mounted.returncode == 0:
        return
    print(f"the disk does not mount: {mounted.stderr.strip()}", flush=True)
    checked = subprocess.run(["e2fsck", "-fy", loop], capture_output=True, text=True)
    print(f"e2fsck ended with {checked.returncode}: {checked.stdout.strip()[:300]}", flush=True)
    assert checked.returncode < 4, "e2fsck left errors behind"
    run("mount", loop, mount)


def try_cut(replay, scanpost, root, cut, is_torn, chance, acknowledged):
    """Returns the acknowledged objects that did not survive the cut."""
    image, mount = f"{root}/cut.img", f"{root}/cut"
    os.makedirs(mount, exist_ok=True)
    replay.image_after(cut, is_torn, chance, image)
    expected = {digest: name for name, digest, at in acknowledged if at <= cut}
    loop = run("losetup", "-f", "--show", image).strip()
    try:
        mount_as_at_boot(loop, mount)
        try:
            place = f"{root}/after"
            shutil.rmtree(place, ignore_errors=True)
            os.makedirs(place)
            found = survivors(scanpost, place, mount, set(expected))
        finally:
            run("umount", mount)
    finally:
        run("losetup", "-d", loop)
    return [name for digest, name in expected.items() if digest not in found]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scanpost", required=True)
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--cuts", type=int, default=60)
    parser.add_argument("--objects", type=int, default=40)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--stop-at-first", action="store_true")
    given = parser.parse_args()
    if os.geteuid() != 0:
        lib.skip("not root: loop devices and mounts are needed")
    scanpost, root = os.path.abspath(given.scanpost), lib.scratch()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    disk = LoggedDisk(os.path.abspath(given.daemon), root)
    box = make_box(scanpost, f"{root}/before", disk.mount, lib.free_port())
    try:
        box.start()
        born = disk.entries()
        acknowledged = send(box.port, disk, given.objects)
        time.sleep(1)
    finally:
        box.stop(9)
        disk.close()
    replay = Replay(disk)
    lost, checked = [], 0
    for number in range(given.cuts):
        cut = chance.randrange(born, len(replay.entries) + 1)
        is_torn = number % 2 == 1
        missing = try_cut(replay, scanpost, root, cut, is_torn, chance, acknowledged)
        checked += sum(1 for _, _, at in acknowledged if at <= cut)
        lost += missing
        print(f"cut {number} at {cut} torn={is_torn}: {len(missing)} lost", flush=True)
        if missing and given.stop_at_first:
            break
    flushes = sum(1 for entry in replay.entries if entry[2] & 1)
    print(f"{len(replay.entries)} log entries, {flushes} flushes, {given.cuts} cuts, "
          f"{checked} acknowledgements checked, {len(lost)} lost")
    shutil.rmtree(root, ignore_errors=True)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
