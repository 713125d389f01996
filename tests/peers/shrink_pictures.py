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
# Noise is what costs. Values are rounded to a multiple of these, colours as well as greys: a
# palette would spend itself on greys and turn outlines and scores grey, too.
STEPS = (1, 4, 8, 12, 16, 24)


def small(image):
    """The image as PNG, rounded as little as it takes."""
    for step in STEPS:
        out = io.BytesIO()
        rounded = image.point(lambda value: min(255, round(value / step) * step))
        rounded.save(out, "PNG", optimize=True)
        if out.tell() < BYTES_MAX:
            return out.getvalue(), step
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
        data, step = small(image)
        with open(os.path.join(out, name), "wb") as file:
            file.write(data)
        size = f"{image.width} by {image.height}"
        print(f"{name}: {size}, {len(data)} bytes, values in steps of {step}")


if __name__ == "__main__":
    main()
