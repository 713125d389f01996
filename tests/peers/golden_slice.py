#!/usr/bin/env python3
"""Draws the golden slice of a cell-logit package and computes its output with ONNX Runtime.

    golden_slice.py models/lung-nodule            compares with what the package holds
    golden_slice.py models/lung-nodule --write    writes golden/slice.i16 and golden/output.f32

The slice is drawn, not scanned: lung with grain, a chest wall, vessels and three balls. ONNX
Runtime runs with its optimizations off, because then it does what ONNX says, QuantizeLinear and
DequantizeLinear around f32 operators. With its optimizations on, it differed by more than a whole
logit on a processor without VNNI; saturating sums are suspected, not shown.

Needs numpy, onnx and onnxruntime from PyPI.
"""
import pathlib
import sys
import tomllib

import numpy
import onnx
import onnxruntime


def draw(rows, columns):
    """Returns HU; integers only, so that every machine draws the same."""
    y, x = numpy.mgrid[0:rows, 0:columns].astype(numpy.int64)
    grain = ((x * 7919 + y * 104729 + (x * y) * 31) * 2654435761 >> 16) % 81 - 40
    hu = -860 + grain

    def ball(centre_y, centre_x, radius, value):
        away = (y - centre_y) ** 2 + (x - centre_x) ** 2
        # Two pixels of slope at the rim, as a scanner would blur it.
        share = numpy.clip((radius + 1) ** 2 - away, 0, 4 * radius) * 256 // (4 * radius)
        return hu + (value + grain // 4 - hu) * share // 256

    hu = numpy.where(x - (y - rows // 2) ** 2 // 220 < 14, 40 + grain // 2, hu)
    for step in range(5):
        along = abs((x - 30 - 18 * step) * 3 - (y - 10 * step) * (step % 3)) < 5
        hu = numpy.where(along & (y > 20 * step), -120 + grain, hu)
    hu = ball(rows // 4, columns // 2, 5, 30)
    hu = ball(rows * 5 // 8, columns * 3 // 4, 9, 45)
    hu = ball(rows * 3 // 4, columns // 4, 14, 25)
    return numpy.clip(hu, -1024, 3071).astype("<i2")


def run(graph, manifest, hu):
    low, high = manifest["input"]["window"]
    t = numpy.clip((hu.astype(numpy.float32) - low) / (high - low), 0, 1).astype(numpy.float32)
    x = (t - numpy.float32(manifest["input"]["shift"])) * numpy.float32(manifest["input"]["gain"])
    model = onnx.load_from_string(graph)
    for port in (model.graph.input[0], model.graph.output[0]):
        for axis in (0, 2, 3):
            dim = port.type.tensor_type.shape.dim[axis]
            dim.ClearField("dim_value")
            dim.dim_param = f"{port.name}_{axis}"
    del model.graph.value_info[:]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {manifest["input"]["name"]: x[None, None]})[0].astype("<f4")


def main():
    folder = pathlib.Path(sys.argv[1])
    manifest = tomllib.loads((folder / "model.toml").read_text(encoding="utf-8"))
    golden = manifest["golden"]
    hu = draw(*golden["slice_px"])
    output = run((folder / manifest["parts"]["graph"]).read_bytes(), manifest, hu)
    print("cells", output.shape[2:], "least", output.min(), "most", output.max())
    if "--write" in sys.argv:
        (folder / golden["slice"]).write_bytes(hu.tobytes())
        (folder / golden["output"]).write_bytes(output.tobytes())
        return 0
    kept = numpy.frombuffer((folder / golden["output"]).read_bytes(), "<f4")
    same_slice = (folder / golden["slice"]).read_bytes() == hu.tobytes()
    worst = float(abs(kept - output.ravel()).max())
    print("slice", "is the one drawn here" if same_slice else "DIFFERS", "worst", worst)
    return 0 if same_slice and worst <= golden["tolerance"] else 1


if __name__ == "__main__":
    sys.exit(main())
