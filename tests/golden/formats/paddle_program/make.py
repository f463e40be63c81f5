"""Makes the golden programs, and the streams of ../paddle_inference: `pip install paddlepaddle`, then run this file.

Run without arguments it starts itself twice, since both kinds of program do not go together in one process.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
STREAMS = HERE.parent / "paddle_inference"


def program(folder: Path, kind: str) -> None:
    os.environ["FLAGS_enable_pir_api"] = "1" if kind == "pir" else "0"  # noqa: SIM112 -- Paddle spells it so
    import paddle
    from paddle.static.io import save_vars

    layers = paddle.nn
    net = layers.Sequential(layers.Linear(8, 16), layers.BatchNorm1D(16), layers.Linear(16, 4))
    net.eval()
    paddle.jit.save(net, str(folder / "inference"), input_spec=[paddle.static.InputSpec([None, 8], "float32")])
    if kind == "pir":
        shutil.copy(folder / "inference.json", HERE / "pir.json")
        return
    shutil.copy(folder / "inference.pdmodel", HERE / "blocks.pdmodel")
    net = layers.Sequential(layers.Linear(8, 16), layers.Linear(16, 1000))
    paddle.jit.save(net, str(folder / "wide"), input_spec=[paddle.static.InputSpec([None, 8], "float32")])
    data = (folder / "wide.pdiparams").read_bytes()
    (STREAMS / "together.pdiparams").write_bytes(data[:8192])  # the rest is the last tensor's values
    print("together.pdiparams has", len(data), "bytes")
    paddle.enable_static()
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, startup):
        paddle.static.nn.fc(paddle.static.data("x", [None, 8]), 16)
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(startup)
        save_vars(executor, str(folder / "apart"), main_program=main, predicate=lambda variable: variable.persistable)
    shutil.copy(folder / "apart" / "fc_0.w_0", STREAMS / "fc_0.w_0")


if len(sys.argv) > 1:
    with tempfile.TemporaryDirectory() as made:
        program(Path(made), sys.argv[1])
else:
    for part in ("pir", "blocks"):
        subprocess.run([sys.executable, __file__, part], check=True)
