"""Gated, disabled and territorially limited repositories, and neighbours that only look limited."""

from __future__ import annotations

from typing import Any

from scanner.samplehub.files import safetensors
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.tensors import Tensors, stored
from scanner.samplehub.population import shapes, texts
from scanner.samplehub.population.boundary import of_size
from scanner.samplehub.population.making import as_json, body, declared, llama_config, shown
from scanner.samplehub.repository import Repository

DRACO: dict[str, Any] = {"hidden": 2048, "layers": 16, "intermediate": 8192, "kv": 512, "vocab": 128256, "tied": True}
OTTER: dict[str, Any] = {"hidden": 1024, "layers": 24, "intermediate": 2816, "kv": 1024, "vocab": 50304}


def build() -> list[Repository]:
    """All of this module's repositories."""
    return [*_gated(), *_licences(), *_prompts_and_keys(), *_derived()]


def _model(
    name: str, note: str, card: dict[str, Any], text: str, sizes: dict[str, Any] = OTTER, **more: Any
) -> Repository:
    tensors, config = shapes.llama(**sizes), llama_config(**sizes)
    licence = more.pop("licence", None)
    files = {"config.json": as_json(config), "model.safetensors": safetensors.write(tensors)}
    files |= {"LICENSE": Blob.of(licence)} if licence else {}
    return Repository(
        id=name,
        note=note,
        truth=stored(tensors),
        files=files,
        card={"pipeline_tag": "text-generation"} | card,
        body=body(name.partition("/")[2], text),
        declared=declared(tensors),
        config=shown(config),
        library_name="transformers",
        pipeline_tag="text-generation",
        **more,
    )


def _gated() -> list[Repository]:
    tiny: Tensors = of_size(400_000)
    return [
        _model(
            "dracosoft/draco-1b",
            "gated auto: anyone who asks gets in",
            {
                "license": "llama3.2",
                "extra_gated_prompt": "Share your contact details to get access.",
                "extra_gated_fields": {"Name": "text", "Affiliation": "text"},
            },
            "Behind a form.",
            DRACO,
            gated="auto",
            created_at="2024-09-18T15:03:14.000Z",
            downloads=2_350_664,
            likes=1_903,
            trending_score=40,
        ),
        _model(
            "dracosoft/draco-1b-medical",
            "gated manual, asks for the country: that is collecting, not restricting",
            {
                "license": "cc-by-nc-4.0",
                "base_model": "dracosoft/draco-1b",
                "extra_gated_prompt": "Tell us who you are and what you plan. We read every request.",
                "extra_gated_fields": {"Company": "text", "Country": "country", "I agree to the terms": "checkbox"},
            },
            "For research in hospitals.",
            DRACO,
            gated="manual",
            base_relation="finetune",
            created_at="2025-05-05T05:05:05.000Z",
            downloads=12_050,
            likes=64,
        ),
        _model(
            "vireo-audio/vireo-tts",
            "gated, and the EU is turned away: an active exclusion of the EU",
            {
                "license": "other",
                "license_name": "vireo-1",
                "extra_gated_eu_disallowed": True,
                "extra_gated_prompt": texts.EU_PROMPT,
            },
            "Speech.",
            gated="auto",
            created_at="2025-07-19T14:00:00.000Z",
            downloads=40_911,
            likes=210,
        ),
        _model(
            "vireo-audio/vireo-tts-open",
            "extra_gated_eu_disallowed, but not gated: declared and without effect",
            {"license": "apache-2.0", "extra_gated_eu_disallowed": True},
            "The open sister.",
            created_at="2025-07-20T14:00:00.000Z",
            downloads=3_777,
            likes=15,
        ),
        Repository(
            id="clinicbench/ecg-gated-small",
            note="gated manual and far below the threshold",
            truth=400_000,
            files={"model.safetensors": safetensors.write(tiny)},
            declared=declared(tiny),
            card={"license": "cc-by-nc-4.0", "extra_gated_prompt": "For clinicians."},
            body=body("ECG", "Small."),
            gated="manual",
            created_at="2025-09-09T08:00:00.000Z",
            downloads=7,
        ),
        _model(
            "redactedlab/voiceclone-xl",
            "disabled by moderation: metadata in the listing, everything else refused",
            {"license": "mit"},
            "Withdrawn.",
            disabled=True,
            created_at="2025-03-30T23:59:59.000Z",
            downloads=90,
        ),
        _model(
            "dracosoft/draco-next-internal",
            "private: looks as if it did not exist",
            {"license": "other"},
            "Not yet.",
            private=True,
            created_at="2026-11-01T00:00:00.000Z",
            downloads=0,
        ),
    ]


def _licences() -> list[Repository]:
    def licence(text: str, name: str) -> str:
        return text.format(name=name, owner=f"{name} authors", date="March 3, 2026")

    return [
        _model(
            "tidewater-games/brine-large",
            "licence other, community style: the EU, the United Kingdom and South Korea left out",
            {"license": "other", "license_name": "brine-community", "license_link": "LICENSE"},
            "See LICENSE for the terms.",
            licence=licence(texts.COMMUNITY_LICENCE, "BRINE"),
            created_at="2025-12-01T10:00:00.000Z",
            downloads=150_400,
            likes=377,
            trending_score=17,
        ),
        _model(
            "northgate-ai/lattice-base",
            "licence other whose text leaves out mainland China, but not Hong Kong, Macao, Taiwan",
            {"license": "other", "license_name": "lattice-model-license", "license_link": "LICENSE"},
            "A base model. Terms are in LICENSE.",
            licence=licence(texts.MAINLAND_EXCLUDED_LICENCE, "LATTICE"),
            created_at="2026-03-03T09:00:00.000Z",
            downloads=66_120,
            likes=81,
        ),
        _model(
            "victoria-peak/harbour-eval",
            "limited to Hong Kong only",
            {"license": "other", "license_name": "harbour-evaluation"},
            "Evaluation in Hong Kong only.",
            licence=licence(texts.HONG_KONG_ONLY_LICENCE, "HARBOUR"),
            created_at="2026-05-11T03:00:00.000Z",
            downloads=402,
        ),
        _model(
            "stonebridge/granitic-small",
            "an embargo clause, which exempts from nothing",
            {"license": "other", "license_name": "granitic-open"},
            "Free for all but the embargoed.",
            licence=licence(texts.EMBARGO_LICENCE, "GRANITIC"),
            created_at="2026-05-12T03:00:00.000Z",
            downloads=8_133,
            likes=12,
        ),
        _model(
            "stonebridge/granitic-tiny-unknown",
            "licence other and no text anywhere",
            {"license": "other"},
            "Ask us.",
            created_at="2026-05-13T03:00:00.000Z",
            downloads=91,
        ),
    ]


def _prompts_and_keys() -> list[Repository]:
    return [
        _model(
            "palisade/sentinel-guard",
            "mainland China excluded by the gating prompt of a gated repository",
            {
                "license": "apache-2.0",
                "extra_gated_prompt": texts.MAINLAND_PROMPT,
                "extra_gated_fields": {"Country": "country", "I confirm the above": "checkbox"},
            },
            "A classifier.",
            gated="manual",
            created_at="2026-07-07T07:00:00.000Z",
            downloads=5_009,
            likes=44,
        ),
        _model(
            "palisade/sentinel-lite",
            "a custom key: restricted_regions: [CN]",
            {"license": "apache-2.0", "restricted_regions": ["CN"]},
            "Not for every region, see the metadata.",
            created_at="2026-07-08T07:00:00.000Z",
            downloads=1_450,
        ),
        _model(
            "haiwai-ai/yuanfang-500m",
            "mainland China excluded by a sentence in Chinese in the card",
            {"license": "apache-2.0", "language": ["zh"]},
            texts.CHINESE_RESTRICTED_BODY,
            created_at="2026-08-18T02:00:00.000Z",
            downloads=22_871,
            likes=39,
        ),
    ]


def _derived() -> list[Repository]:
    return [
        _model(
            "cobblestone/lattice-chat",
            "derived from a model that excludes mainland China, and silent about it itself",
            {"license": "apache-2.0", "base_model": "northgate-ai/lattice-base"},
            "Chat.",
            base_relation="finetune",
            created_at="2026-04-01T18:00:00.000Z",
            downloads=3_301,
            likes=5,
        ),
    ]
