"""Turns a demo's capture and a screenshot into PNGs that are small enough for the repository.

    python tests/peers/shrink_pictures.py SCRATCH OUT

SCRATCH holds demo/results and page.png. The capture is read by pydicom, as an archive would.
"""

import io
import os
import sys

import pydicom
from PIL import Image

BYTES_MAX = 250_000
# From all colours down to what the page's few and the picture's greys still bear.
COLOURS = (None, 256, 192, 128, 96)


def small(image):
    """The image as PNG with as many colours as fit."""
    for colours in COLOURS:
        out = io.BytesIO()
        less = image if colours is None else image.quantize(colours, dither=Image.Dither.NONE)
        less.save(out, "PNG", optimize=True)
        if out.tell() < BYTES_MAX:
            return out.getvalue()
    raise SystemExit(f"the picture does not fit {BYTES_MAX} bytes")


def first_capture(folder):
    """The capture with the first mark's own slice: captures come in the order of marks."""
    names = sorted(name for name in os.listdir(folder) if name.endswith("-capture.dcm"))
    captures = [pydicom.dcmread(os.path.join(folder, name)) for name in names]
    return min(captures, key=lambda capture: capture.InstanceNumber)


def main():
    scratch, out = sys.argv[1:3]
    capture = first_capture(os.path.join(scratch, "demo", "results"))
    pictures = {
        "result.png": Image.fromarray(capture.pixel_array),
        "page.png": Image.open(os.path.join(scratch, "page.png")).convert("RGB"),
    }
    for name, image in pictures.items():
        data = small(image)
        with open(os.path.join(out, name), "wb") as file:
            file.write(data)
        print(f"{name}: {image.width} by {image.height}, {len(data)} bytes")


if __name__ == "__main__":
    main()
