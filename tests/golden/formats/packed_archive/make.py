"""Makes the packed array; the packed tars come out of ../tar_archive/make.py."""

import gzip
import io
from pathlib import Path

import numpy as np

stream = io.BytesIO()
np.save(stream, np.zeros((3, 4), np.float32))
(Path(__file__).parent / "array.npy.gz").write_bytes(gzip.compress(stream.getvalue(), mtime=0))
