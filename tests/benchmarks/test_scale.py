"""A seeded sample of the simulation of a million names: the shipped protocols, with many failures."""

from __future__ import annotations

from dataclasses import replace

from tests.benchmarks.scale import Setting, Simulation, summarize

SAMPLE = Setting(names=40, days=100, lost=0.03, refused=0.02, kills=200.0)


def simulated(setting: Setting) -> tuple[Simulation, dict[str, float]]:
    simulation = Simulation(setting, sample=1, seed=7)
    return simulation, summarize(simulation, list(simulation.run()))


def test_months_of_lost_responses_and_killed_workers_leave_every_name_with_a_token_and_no_token_in_no_store() -> None:
    simulation, found = simulated(SAMPLE)
    (credential,) = simulation.credentials
    assert all(name.works(name.record.current, simulation.now) for name in credential.names)
    assert found["killed in the middle"] > 0
    assert found["stopped, resumed the next day"] > 0
    assert (found["names with an expired token"], found["tokens in no store"]) == (0, 0)
    assert 150 < found["calls a name, a year"] < 300


def test_a_fleet_file_spreads_renewals_that_would_otherwise_fall_on_one_day() -> None:
    _, spread = simulated(SAMPLE)
    _, not_spread = simulated(replace(SAMPLE, is_spread=False))
    assert not_spread["busiest by average"] > 2 * spread["busiest by average"]
