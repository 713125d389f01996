"""Short real series to send: a few neighbouring slices of a chest CT under UIDs of their own."""

import copy
import io
import os

import pydicom

import senders

ROOT = "1.2.826.0.1.3680043.10.511.88"
# Places (mm) around the nodule of LIDC-IDRI-0001; the package reads series of 40 slices or more.
LOWEST, HIGHEST = -168, -63


class Stacks:
    """Makes studies of one stack that differ in their UIDs only."""

    def __init__(self, data):
        folder = os.path.join(data, "ct-chest-lidc0001-ge")
        found = []
        for path in senders.dicom_files(folder):
            head = pydicom.dcmread(path, stop_before_pixels=True)
            place = float(head.ImagePositionPatient[2])
            if LOWEST <= place <= HIGHEST:
                found.append((place, path))
        self.slices = [pydicom.dcmread(path) for _, path in sorted(found)]
        assert 41 <= len(self.slices) <= 45, f"{len(self.slices)} slices"

    def study(self, number, changes=()):
        """The stack as study `number`, from the feet up; `changes` are further attributes."""
        made = []
        for place, each in enumerate(self.slices, 1):
            one = copy.deepcopy(each)
            one.StudyInstanceUID = f"{ROOT}.{number}"
            one.SeriesInstanceUID = f"{ROOT}.{number}.1"
            one.SOPInstanceUID = f"{ROOT}.{number}.1.{place}"
            one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
            for name, value in dict(changes).items():
                setattr(one, name, value)
            made.append(one)
        return made


def send(port, data_sets):
    """Sends data sets with pynetdicom in one association; every one must be answered 0000."""
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
    from pynetdicom import AE

    entity = AE("SENDER")
    entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title="SCANPOST")
    assert association.is_established, "the box refused the association"
    for each in data_sets:
        status = association.send_c_store(each).Status
        assert status == 0, f"the box answered {status:#06x}"
    association.release()


def file_of(data_set):
    """A data set as the bytes of a file."""
    out = io.BytesIO()
    pydicom.dcmwrite(out, data_set)
    return out.getvalue()
