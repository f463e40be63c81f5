"""What several scans make of a model that changes between them: nothing known is forgotten, nothing stale is kept."""

from datetime import timedelta
from typing import Any

import pytest

from config.regulation import Regulation
from scanner.assessment import Assessment
from scanner.catalogue.store import RunState
from scanner.deepread import Options
from scanner.run import Outcome
from scanner.samplehub import Blob, Fault, Repository, SampleHub, Tensor
from scanner.samplehub.files import safetensors
from scanner.scope import Distribution, VerdictStatus
from scanner.selection import Selection
from tests.scanner.conftest import MOMENT, Bench

NAME = "zz/model"
MINE = Selection(author="zz")
ALL = Selection(everything=True, page_size=50)
IN, OUT, OPEN = VerdictStatus.IN_SCOPE, VerdictStatus.OUT_OF_SCOPE, VerdictStatus.UNDECIDED
LICENCE = Blob.of("This licence does not apply in mainland China.")
UNANSWERED = Fault(kind="status", server="hub", path="resolve", status=503, times=None)


def repository(elements: int = 1_500_000, name: str = NAME, **more: Any) -> Repository:
    files = {"model.safetensors": safetensors.write({"weight": Tensor("F16", (elements,))})}
    return Repository(id=name, files=files, **{"card": {"license": "mit"}, **more})


def declared(elements: int) -> dict[str, Any]:
    return {"parameters": {"F16": elements}, "total": elements}


def week(bench: Bench, number: int, selection: Selection = MINE, **options: Any) -> Outcome:
    return bench.scan(selection, Options(**options), moment=MOMENT + timedelta(days=7 * number))


def model(bench: Bench, name: str = NAME) -> Assessment:
    return bench.models()[name]


def count(bench: Bench, name: str = NAME) -> tuple[int, int | None, bool]:
    estimate = model(bench, name).estimate
    assert estimate is not None
    return estimate.low, estimate.high, estimate.exact


def readme(bench: Bench, text: str) -> None:
    bench.hub.get(NAME).commit("readme", "2026-11-20T00:00:00.000Z", changed={"README.md": Blob.of(text)})


EXACT = (1_500_000, 1_500_000, True)


def test_a_gate_that_is_lifted_lets_the_count_be_read(bench: Bench) -> None:
    bench.hub.add(repository(gated="auto"))
    week(bench, 0)
    assert bench.status(NAME) is OPEN
    bench.hub.get(NAME).gated = False
    week(bench, 1)
    assert count(bench) == EXACT


def test_a_model_that_is_enabled_again_is_read(bench: Bench) -> None:
    bench.hub.add(repository(disabled=True))
    week(bench, 0)
    assert model(bench).verdicts[0].reasons[0] == "not-distributed"
    bench.hub.get(NAME).disabled = False
    week(bench, 1)
    assert count(bench) == EXACT


def test_a_model_that_went_and_came_back_is_read(bench: Bench) -> None:
    bench.hub.add(repository())
    week(bench, 0, ALL, deep="never")
    gone = bench.hub.remove(NAME)
    week(bench, 1, ALL)
    assert model(bench).distribution is Distribution.DELETED
    bench.hub.add(gone)
    week(bench, 2, ALL)
    assert model(bench).distribution is Distribution.PUBLIC
    assert count(bench) == EXACT


def test_another_threshold_is_read_for(bench: Bench) -> None:
    bench.hub.add(repository(40_000_000))
    week(bench, 0)
    assert not count(bench)[2]
    values = bench.regulation.model_dump()
    values["threshold"]["parameters"] = 100_000_000
    bench.regulation = Regulation.model_validate(values)
    week(bench, 1)
    assert bench.status(NAME) is OUT
    assert count(bench) == (40_000_000, 40_000_000, True)


def test_deep_always_after_auto_makes_the_count_exact_and_then_rests(bench: Bench) -> None:
    bench.hub.add(repository(2_000_000, declared=declared(2_000_000)))
    week(bench, 0)
    assert not count(bench)[2]
    week(bench, 1, deep="always")
    assert count(bench) == (2_000_000, 2_000_000, True)
    bench.hub.requests.clear()
    week(bench, 2, deep="always")
    assert not [r for r in bench.hub.requests if r.bucket == "resolvers"]


def test_a_model_that_cannot_be_settled_is_not_read_again_and_again(bench: Bench) -> None:
    bench.hub.add(repository(gated="manual"))
    week(bench, 0)
    bench.hub.requests.clear()
    week(bench, 1)
    assert bench.status(NAME) is OPEN
    assert not [r for r in bench.hub.requests if r.bucket == "resolvers"]


def test_a_read_that_fails_for_now_forgets_nothing(bench: Bench) -> None:
    bench.hub.add(repository())
    week(bench, 0)
    readme(bench, "---\nlicense: mit\n---\nmore words")
    bench.hub.inject(UNANSWERED)
    assert week(bench, 1).state is RunState.INCOMPLETE
    assert count(bench) == EXACT
    bench.hub.clear_faults()
    assert week(bench, 2).state is RunState.COMPLETE
    assert count(bench) == EXACT
    assert bench.reader.run(3).deep_reads == 1


def test_a_gate_before_known_bytes_hides_nothing(bench: Bench) -> None:
    bench.hub.add(repository())
    week(bench, 0)
    bench.hub.get(NAME).gated = "auto"
    readme(bench, "---\nlicense: mit\n---\ngated now")
    week(bench, 1)
    assert count(bench) == EXACT
    assert model(bench).gated == "auto"


def test_the_same_bytes_under_other_settings_are_counted_anew(bench: Bench) -> None:
    weights = safetensors.write({"l.weight": Tensor("U8", (1024, 600)), "l.scales": Tensor("F16", (1024, 8))})

    def packed(name: str, method: str, bits: int) -> Repository:
        config = {"model_type": "x", "quantization_config": {"quant_method": method, "bits": bits}}
        return Repository(id=name, files={"model.safetensors": weights}, card={"license": "mit"}, config=config)

    bench.hub.add(packed("zz/a", "bitnet", 2))
    week(bench, 0, deep="always")
    bench.hub.add(packed("zz/b", "quanto", 8))
    week(bench, 1, deep="always")
    low, high, _ = count(bench, "zz/b")
    assert low <= 614_400 <= (high or low)
    assert count(bench, "zz/a") != count(bench, "zz/b")


def test_full_reads_bytes_again(bench: Bench) -> None:
    bench.hub.add(repository())
    week(bench, 0)
    for full, reads in ((False, 0), (True, 1)):
        bench.hub.requests.clear()
        week(bench, 1, full=full)
        assert len([r for r in bench.hub.requests if r.server == "cdn"]) == reads


@pytest.mark.parametrize("trouble", ["budget", "fault", "full"])
def test_a_known_exemption_stays_until_the_texts_have_been_read_again(bench: Bench, trouble: str) -> None:
    custom = {"license": "other", "license_name": "custom"}
    bench.hub.add(repository(2_000_000, declared=declared(2_000_000), card=custom))
    bench.hub.get(NAME).commit("licence", "2026-11-01T00:00:00.000Z", changed={"LICENSE": LICENCE})
    week(bench, 0)
    assert model(bench).verdicts[0].reasons[0] == "excluded-by-declaration"
    bench.hub.get(NAME).commit("words", "2026-11-20T00:00:00.000Z")
    if trouble == "fault":
        bench.hub.inject(UNANSWERED)
    week(bench, 1, texts_per_run=200 if trouble == "fault" else 0, full=trouble == "full")
    assert model(bench).verdicts[0].reasons[0] == "excluded-by-declaration"
    bench.hub.clear_faults()
    bench.hub.get(NAME).commit("free", "2026-11-27T00:00:00.000Z", changed={"LICENSE": Blob.of("Use it anywhere.")})
    week(bench, 2)
    assert bench.status(NAME) is IN


def test_texts_beyond_the_budget_are_read_by_later_scans(bench: Bench) -> None:
    custom = {"license": "other", "license_name": "custom"}
    for number in range(3):
        name = f"zz/m{number}"
        bench.hub.add(repository(2_000_000, name, declared=declared(2_000_000), card=custom))
        bench.hub.get(name).commit("licence", "2026-11-01T00:00:00.000Z", changed={"LICENSE": LICENCE})
    for number in range(3):
        week(bench, number, texts_per_run=1)
        excluded = [a for a in bench.models().values() if a.verdicts[0].status is OUT]
        assert len(excluded) == number + 1


def test_another_scan_in_between_does_not_throw_a_sweep_away(bench: Bench) -> None:
    sweep = Selection(everything=True, page_size=20)
    begun = bench.scan(sweep, Options(texts_by_rank=0), client=bench.client(max_requests=2))
    assert begun.state is RunState.INTERRUPTED
    listed = bench.reader.run(begun.run_id).listed
    bench.scan(Selection(author="evenkeel"), moment=MOMENT + timedelta(hours=1))
    bench.hub.requests.clear()
    resumed = bench.scan(sweep, Options(texts_by_rank=0), moment=MOMENT + timedelta(hours=2))
    assert (resumed.resumed, resumed.state) == (True, RunState.COMPLETE)
    run = bench.reader.run(None)
    assert run.listed == len(bench.models()) > listed
    # What the first stretch showed counts as shown: nobody is asked after by name.
    assert all(model.distribution is not Distribution.DELETED for model in bench.models().values())
    asked = [r.path for r in bench.hub.requests if r.path.startswith("/api/models/") and "blobs" in r.query]
    assert len(asked) <= bench.reader.run(None).deep_reads + 20


def test_what_another_endpoint_shows_does_not_hide_a_deletion(bench: Bench) -> None:
    with SampleHub() as mirror:
        bench.hub.add(repository(_id="f" * 24))
        mirror.add(repository(_id="f" * 24))
        week(bench, 0, ALL)
        main, bench.hub = bench.hub, mirror
        week(bench, 1, ALL)
        bench.hub = main
        main.remove(NAME)
        week(bench, 2, ALL)
        assert model(bench).distribution is Distribution.DELETED


def test_a_deletion_shows_in_the_listing_of_one_author_too(bench: Bench) -> None:
    bench.hub.add(repository(), repository(name="zz/other"))
    week(bench, 0)
    bench.hub.remove(NAME)
    week(bench, 1)
    assert model(bench).distribution is Distribution.DELETED
    assert bench.status("zz/other") is IN


def test_a_name_given_to_another_repository_is_another_model(bench: Bench) -> None:
    bench.hub.add(repository())
    week(bench, 0, ALL)
    bench.hub.remove(NAME)
    bench.hub.add(repository(500_000, created_at="2026-11-24T00:00:00.000Z"))
    week(bench, 1, ALL)
    both = [a for a in bench.reader.assessments(bench.reader.run(None)) if a.name == NAME]
    assert sorted((a.distribution, a.verdicts[0].status) for a in both) == [
        (Distribution.DELETED, OUT),
        (Distribution.PUBLIC, OUT),
    ]
    found = bench.reader.find(NAME, bench.reader.run(None))
    assert found is not None
    assert found.distribution is Distribution.PUBLIC


def test_an_adapter_is_one_whatever_its_files_are_called(bench: Bench) -> None:
    weights = safetensors.write({"lora_unet_x.lora_down.weight": Tensor("F16", (8, 320))})
    card = {"license": "mit", "base_model": "evenkeel/threshold-over-listed"}
    config = Blob.of('{"peft_type": "LORA"}')
    bench.hub.add(
        Repository(id="zz/style", files={"my_style_v2.safetensors": weights}, card=card, base_relation="adapter"),
        Repository(id="zz/peft", files={"adapter_config.json": config, "model.safetensors": weights}, card=card),
    )
    week(bench, 0)
    for name in ("zz/style", "zz/peft"):
        assert model(bench, name).adapter
        assert "adapter-own-count" in model(bench, name).verdicts[0].reasons
