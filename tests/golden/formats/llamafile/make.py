"""Makes the golden llamafile: `pip install gguf numpy`, then run this file.

The program in front is a stand-in that begins like one; the zip is appended as llamafile's zipalign does, uncompressed.
"""

import tempfile
import zipfile
from pathlib import Path

import numpy as np
from gguf import GGUFWriter

HERE = Path(__file__).parent
with tempfile.TemporaryDirectory() as folder:
    model = Path(folder) / "model.gguf"
    writer = GGUFWriter(model, "llama")
    writer.add_token_list([f"token {number}" for number in range(20)])
    writer.add_tensor("token_embd.weight", np.zeros((20, 8), np.float32))
    writer.add_tensor("blk.0.attn_q.weight", np.zeros((4, 18), np.uint8), raw_dtype=2)  # Q4_0: 4 rows of 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    target = HERE / "program-with-model.llamafile"
    target.write_bytes(b"MZqFpD='\n" + bytes(3000))
    with zipfile.ZipFile(target, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(".args"), "-m\nmodel.gguf\n")
        archive.writestr(zipfile.ZipInfo("model.gguf"), model.read_bytes())
