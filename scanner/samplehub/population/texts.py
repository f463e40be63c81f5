"""Licence and card passages of the sample Hub, worded by ourselves after the manner of licences met in the wild."""

COMMUNITY_LICENCE = """{name} COMMUNITY LICENSE AGREEMENT
Release date: {date}

1. Definitions
"Materials" means the weights, the inference code and the documentation that {owner} publishes under
this agreement. "Territory" means all countries of the world, except those of the European Union,
the United Kingdom and South Korea.

2. Grant
{owner} gives you a royalty-free licence, which is not exclusive and cannot be passed on, to use,
copy and change the Materials, in the Territory only. You may not use the Materials, or anything
made with them, outside of the Territory.

3. Large services
If a product of yours has more than 100 million monthly active users, ask {owner} for a licence of its own.

4. No warranty
The Materials come as they are.
"""

MAINLAND_EXCLUDED_LICENCE = """{name} MODEL LICENSE
Version 1.2, {date}

Article 1. Scope
{owner} grants any person the right to download, run and adapt the Model, subject to the articles below.

Article 2. Area of the grant
This license does not apply in mainland China. No right to use, copy, host or distribute the Model
or any derivative is granted within the People's Republic of China (for the purposes of this license
excluding Hong Kong, Macao and Taiwan).

Article 3. Derivatives
Whoever passes on a derivative passes on Article 2 with it.

Article 4. Liability
The Model is provided without warranty of any kind.
"""

HONG_KONG_ONLY_LICENCE = """{name} EVALUATION LICENCE

The rights under this licence are limited to the Hong Kong Special Administrative Region. Outside of
Hong Kong no right to use the model is granted. Within Hong Kong the model may be run, tested and
fine-tuned for purposes of evaluation until further notice.
"""

EMBARGO_LICENCE = """{name} OPEN LICENSE

1. You may use, modify and distribute the model for any purpose, commercial ones included.

2. Export control. You confirm that you are not located in, and will not make the model available to
persons in, Cuba, Iran, North Korea, Syria, or any other country or territory under a comprehensive
embargo, and that you are on no list of sanctioned persons.

3. There is no warranty.
"""

PLAIN_LICENCE = """MIT-style licence of the {name} authors

Do with this software and these weights as you like, as long as this notice stays with them. There
is no warranty of any kind, and nobody who wrote them is liable for anything that comes of their
use.
"""

MAINLAND_PROMPT = (
    "By requesting access you confirm that you are not located in mainland China and will not make the weights "
    "available to anyone there. Requests from mainland China are declined."
)

EU_PROMPT = "Access is not offered to persons or companies established in the European Union."

CHINESE_BODY = """本模型由星河实验室训练，参数量约十亿，支持中文与英文对话。

## 使用方法

使用 transformers 加载即可。建议使用 bfloat16 精度。

## 许可

本模型采用 Apache-2.0 许可证，可用于商业用途。
"""

CHINESE_RESTRICTED_BODY = """本模型面向海外用户发布。

## 使用限制

本模型的授权范围不包括中国大陆地区。禁止在中国大陆境内下载、使用或提供本模型（不含香港、澳门和台湾地区）。
"""

JAPANESE_BODY = """日本語の童話と百科記事で学習した小さな言語モデルです。

## 使い方

transformers で読み込めます。研究目的での利用を想定しています。

## ライセンス

CC-BY-SA-4.0 に従います。
"""
