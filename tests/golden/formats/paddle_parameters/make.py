"""Makes the golden parameter files: `pip install paddlepaddle`, then run this file."""

from pathlib import Path

import paddle

HERE = Path(__file__).parent
layers = paddle.nn
net = layers.Sequential(layers.Linear(8, 16), layers.BatchNorm1D(16), layers.Linear(16, 4))
optimizer = paddle.optimizer.Adam(parameters=net.parameters())
net(paddle.rand([3, 8])).mean().backward()
optimizer.step()
paddle.save(net.state_dict(), str(HERE / "protocol-2.pdparams"), protocol=2)
nested = {"state_dict": net.state_dict(), "epoch": 3, "opt": optimizer.state_dict()}
paddle.save(nested, str(HERE / "with-optimizer.pdparams"))
types = {
    "weight": paddle.ones([6, 7]).astype("bfloat16"),
    "half": paddle.ones([5]).astype("float16"),
    "steps": paddle.ones([3], dtype="int64"),
}
paddle.save(types, str(HERE / "bfloat16.pdparams"))
