"""Two independent senders: DCMTK's storescu, and pynetdicom with the bytes of the files."""

import os
import subprocess
import sys

import lib


def dicom_files(folder):
    """Every DICOM file under a folder, in the order of its path."""
    found = []
    for place, _, names in os.walk(folder):
        found += [os.path.join(place, name) for name in names if name.endswith(".dcm")]
    return sorted(found)


def storescu(port, folder):
    """Sends a folder as DCMTK does; fails unless every object was answered 0000."""
    command = ["storescu", "+sd", "+r", "--no-halt", "-aet", "SENDER", "-aec", "SCANPOST",
               "--scan-pattern", "*.dcm", "127.0.0.1", str(port), folder]
    done = subprocess.run(command, env=lib.NODELAY, capture_output=True, text=True)
    assert done.returncode == 0, f"storescu ended with {done.returncode}:\n{done.stderr[-2000:]}"


def pynetdicom(port, folder):
    """Sends a folder file by file with pynetdicom, each data set as it stands in its file.

    Returns [(path, status)]; a context is asked for each class and transfer syntax.
    """
    return pynetdicom_files(port, dicom_files(folder))


def pynetdicom_files(port, paths, calling="SENDER"):
    import pydicom
    from pynetdicom import AE, _config

    _config.STORE_SEND_CHUNKED_DATASET = True
    wanted = {}
    for path in paths:
        with open(path, "rb") as file:
            pydicom.filereader.read_preamble(file, force=False)
            head = pydicom.filereader._read_file_meta_info(file)
        wanted.setdefault((head.MediaStorageSOPClassUID, head.TransferSyntaxUID), []).append(path)
    order = {path: number for number, path in enumerate(paths)}
    entity, answers = AE(calling), []
    for sop_class, syntax in wanted:
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate("127.0.0.1", port, ae_title="SCANPOST")
    assert association.is_established, "the box refused the association"
    for path in sorted(paths, key=order.get):
        status = association.send_c_store(path)
        answers.append((path, status.Status if status else None))
    association.release()
    return answers


if __name__ == "__main__":
    sys.exit("this file is a part of the checks beside it")
