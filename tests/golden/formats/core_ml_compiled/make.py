"""Writes programs as the text that Core ML's compiler leaves in `model.mil`; it runs on Apple's systems only.

The forms of types, values and references are those of programs with versions 1.0 (iOS 16) and 1.3 (iOS 18).
"""

from pathlib import Path

HERE = Path(__file__).parent
WEIGHTS = "@model_path/weights/weight.bin"


def old(shape, kind, offset):
    place = f'path = tensor<string, []>("{WEIGHTS}"), offset = tensor<uint64, []>({offset})'
    return f"tensor<{kind}, [{shape}]>(BLOBFILE({place}))"


def new(shape, kind, offset):
    return f'tensor<{kind}, [{shape}]>(BLOBFILE(path = string("{WEIGHTS}"), offset = uint64({offset})))'


# 8 x 4 and 8 (standing here), 16 x 8 by a lookup table: 168.
(HERE / "version-1.0.mil").write_text(f"""program(1.0)
[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{{{"coremlc-version", "1.0"}}}})]
{{
    func main<ios16>(tensor<fp16, [1, 4]> x) {{
            tensor<int32, []> axis = const()[name = tensor<string, []>("axis"), val = tensor<int32, []>(1)];
            tensor<fp16, [8, 4]> w = const()[name = tensor<string, []>("w; \\"q\\""), val = {old("8, 4", "fp16", 64)}];
            tensor<fp16, [8]> b = const()[name = tensor<string, []>("b"), val = tensor<fp16, [8]>([0x1p+0, 0x0p+0])];
            tensor<fp16, [1, 8]> y = linear(bias = b, weight = w, x = x)[name = tensor<string, []>("y")];
            tensor<fp16, [16, 8]> p = constexpr_lut_to_dense()[indices = {old("64", "uint8", 256)}, \
lut = {old("16", "fp16", 512)}, name = tensor<string, []>("p"), shape = tensor<uint32, [2]>([16, 8])];
            tensor<fp16, [1, 16]> z = linear(weight = p, x = y)[name = tensor<string, []>("z")];
    }} -> (z);
}}
""")

# 8 x 4 with a scale for each row: 32.
BODY = f"""            tensor<int8, [8, 4]> q = const()[name = string("q"), val = {new("8, 4", "int8", 64)}];
            tensor<fp16, [8, 1]> s = const()[name = string("s"), val = {new("8, 1", "fp16", 192)}];
            tensor<fp16, [8, 4]> w = constexpr_blockwise_shift_scale(data = q, scale = s)[name = string("w")];
            tensor<fp16, [1, 8]> y = linear(weight = w, x = x)[name = string("y")];
"""
(HERE / "version-1.3.mil").write_text(f"""program(1.3)
[buildInfo = dict<string, string>({{{{"coremlc-version", "3.0"}}}})]
{{
    func main<ios18>(tensor<fp16, [1, 4]> x) {{
{BODY}    }} -> (y);
}}
""")
