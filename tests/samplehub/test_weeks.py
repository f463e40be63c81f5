"""A week on the sample Hub."""

from __future__ import annotations

from scanner.samplehub import Repository, SampleHub, weeks


def test_the_scripted_week() -> None:
    with SampleHub() as hub:
        before = {r._id: (r.id, r.sha, r.downloads, r.truth) for r in hub.repositories}
        digest = hub.get(weeks.README_ONLY).files["model-00001-of-00004.safetensors"].sha256
        grown = hub.get(weeks.GROWN).files["model.safetensors"].sha256
        used = hub.get(weeks.GROWN).used_storage
        assert hub.advance_week() == hub.week == 1
        after = {r._id: r for r in hub.repositories}

        gone = set(before) - set(after)
        assert [before[key][0] for key in gone] == [weeks.DELETED]
        assert len(set(after) - set(before)) == 3
        assert {r.id for key, r in after.items() if key in before and r.id != before[key][0]} == {weeks.RENAMED[1]}
        assert hub.get(weeks.GATED).gated == "auto"
        assert "LICENSE" in hub.get(weeks.EXCLUDING).files
        assert "restricted_regions" not in (hub.get(weeks.NO_LONGER_EXCLUDING).card or {})
        assert hub.get(weeks.DISABLED).disabled
        assert all(r.downloads != before[key][2] for key, r in after.items() if key in before)

        new_shas = {r.id for key, r in after.items() if key in before and r.sha != before[key][1]}
        assert new_shas == {weeks.GATED, weeks.EXCLUDING, weeks.NO_LONGER_EXCLUDING, weeks.GROWN, weeks.README_ONLY}
        assert hub.get(weeks.README_ONLY).files["model-00001-of-00004.safetensors"].sha256 == digest
        assert hub.get(weeks.GROWN).files["model.safetensors"].sha256 != grown
        assert hub.get(weeks.GROWN).used_storage > used
        assert (hub.get(weeks.GROWN).truth or 0) > 1_000_000
        assert {r.id for key, r in after.items() if key in before and r.truth != before[key][3]} == {weeks.GROWN}


def test_weeks_are_the_same_in_every_run() -> None:
    hubs = [SampleHub(), SampleHub()]
    for hub in hubs:
        hub.advance_week()
        hub.advance_week()
    first, second = ({r.id: (r._id, r.sha, r.downloads, r.likes) for r in hub.repositories} for hub in hubs)
    assert first == second


def test_a_population_of_ones_own_gets_no_newcomers() -> None:
    hub = SampleHub([Repository(id="a/b", downloads=1000)])
    hub.advance_week()
    assert [r.id for r in hub.repositories] == ["a/b"]
    assert hub.get("a/b").downloads != 1000
