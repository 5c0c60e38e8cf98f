#!/usr/bin/python3
"""check_files.py FOLDER: ONNX's own checker on the files that write_onnx_files
wrote into FOLDER. Exits with 77 (skipped) without the onnx package."""

import pathlib
import sys

try:
    import onnx
    import onnx.checker
except ImportError:
    print("skipped: there is no onnx package for", sys.executable)
    sys.exit(77)


def problem_of(path):
    """What is wrong with the file, or None."""
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the checker raises many kinds
        return str(error)
    if model.ir_version != 8:
        return f"ir_version is {model.ir_version}, expected 8"
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    if batch.dim_param != "batch":
        return "the batch is not dynamic"
    return None


def main():
    paths = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
    failures = 0
    for path in paths:
        problem = problem_of(path)
        if problem is not None:
            failures += 1
            print(f"{path.name}: {problem}")
    print(f"{len(paths)} files, {failures} refused by onnx {onnx.__version__}")
    return 0 if paths and failures == 0 else 1


sys.exit(main())
