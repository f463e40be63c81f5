"""Makes the golden GGUF files: `pip install gguf`, then run this file."""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter

HERE = Path(__file__).parent
writer = GGUFWriter(HERE / "tokens-and-quantised.gguf", "llama")
writer.add_token_list([f"token {number}" for number in range(50)])
writer.add_tensor("a.weight", np.zeros((3, 4), np.float32))
writer.add_tensor("blk.0.weight", np.zeros((2, 18), np.uint8), raw_dtype=2)  # Q4_0: 2 rows of 32
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
