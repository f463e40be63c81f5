"""Makes the golden Caffe files: `pip install protobuf==3.20.3`, caffe_pb2.py of BVLC/caffe on the path."""

from pathlib import Path

import caffe_pb2

HERE = Path(__file__).parent


def add_blobs(blobs, *shapes):
    for shape in shapes:
        blob = blobs.add()
        blob.shape.dim.extend(shape)
        count = 1
        for size in shape:
            count *= size
        blob.data.extend([0.5] * count)


# 4 x 3 x 3 x 3 and 4, statistics of 4, 4 and 1, a scale of 4 and 4, 5 x 20 and 5: 234.
net = caffe_pb2.NetParameter(name="net")
net.layer.add(name="data", type="Input", top=["data"])
for name, kind, shapes in (
    ("conv", "Convolution", ((4, 3, 3, 3), (4,))),
    ("norm", "BatchNorm", ((4,), (4,), (1,))),
    ("scale", "Scale", ((4,), (4,))),
    ("fc", "InnerProduct", ((5, 20), (5,))),
):
    add_blobs(net.layer.add(name=name, type=kind).blobs, *shapes)
(HERE / "layers.caffemodel").write_bytes(net.SerializeToString())

# Layers of version 1, with the old four dimensions: 2 x 3 and 2.
old = caffe_pb2.NetParameter(name="old", input=["data"], input_dim=[1, 3, 1, 1])
layer = old.layers.add(name="fc", type=caffe_pb2.V1LayerParameter.INNER_PRODUCT)
for width, height in ((3, 2), (2, 1)):
    blob = layer.blobs.add(num=1, channels=1, height=height, width=width)
    blob.data.extend([0.5] * (width * height))
    blob.diff.extend([0.0] * (width * height))
(HERE / "version-1.caffemodel").write_bytes(old.SerializeToString())
