"""Makes the golden Kaldi file: run this file; bounds were counted by hand.

Laid out as Kaldi's nnet3 writes its components.
"""

import struct
from pathlib import Path

HERE = Path(__file__).parent


def number(value):
    return b"\4" + struct.pack("<i", value)


def matrix(rows, columns):
    return b"FM " + number(rows) + number(columns) + struct.pack("<f", 0.5) * (rows * columns)


def vector(count):
    return b"FV " + number(count) + struct.pack("<f", 0.5) * count


model = b"\0B<TransitionModel> <LogProbs> " + vector(7) + b"</LogProbs> <Nnet3> <LinearParams> " + matrix(8, 5)
model += (
    b"<BiasParams> " + vector(8) + b"<LinearParams> CM2 " + struct.pack("<2f2i", 0, 1, 4, 8) + bytes(64) + b"</Nnet3> "
)
(HERE / "tiny.mdl").write_bytes(model)
print(40 + 32, "in matrices,", 15, "in vectors")
