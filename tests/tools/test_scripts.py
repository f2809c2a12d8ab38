import os
import shutil

import change
import interpreters
import peers
import pytest

from bench import harness, servers


def test_a_fragment_is_named_by_its_words(repository):
    path = change.write(repository.root, "low", "fixed", "An empty list is a list.")
    assert path.name == "+an-empty-list-is-a-list.fixed.md"
    assert path.read_text() == "An empty list is a list.\n"
    with pytest.raises(ValueError, match="there already"):
        change.write(repository.root, "low", "fixed", "An empty list is a list!")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope", "fixed", "text"), "no package 'nope'; there are: low, high"),
        (("low", "feature", "text"), "no kind 'feature'; a change is one of: breaking"),
        (("low", "fixed", "…"), "no word in it"),
    ],
)
def test_a_wrong_fragment_is_refused(repository, arguments, message):
    with pytest.raises(ValueError, match=message):
        change.write(repository.root, *arguments)


def test_a_long_text_gives_a_short_name(repository):
    assert len(change.write(repository.root, "low", "added", "word " * 100).name) < 70


def test_the_change_script_says_how_it_is_used(capsys):
    assert change.main([]) == 2
    assert "usage: change PACKAGE" in capsys.readouterr().err
    assert change.main(["nope", "fixed", "text"]) == 2
    assert "no package 'nope'" in capsys.readouterr().err


def test_the_running_interpreter_is_among_those_found():
    found = interpreters.interpreters()
    assert interpreters.running() in found
    assert all(tuple(map(int, version.split("."))) >= interpreters.OLDEST for version in found)


def test_every_interpreter_is_found_on_the_path_by_its_version():
    path = interpreters.path("/nowhere")
    assert path.startswith("/nowhere" + os.pathsep)
    assert interpreters.path(path) == path
    assert all(shutil.which(f"python{version}", path=path) for version in interpreters.interpreters())


def test_every_benchmark_declares_its_peers():
    assert peers.modules()
    assert isinstance(peers.required(peers.modules()), list)
    with pytest.raises(SystemExit, match="no benchmark 'nope'; there are:"):
        peers.required(["nope"])


def figures(*values):
    rows = iter(values)
    return lambda: next(rows)


def test_a_case_is_judged_by_the_ratio_of_medians():
    case = harness.Case(
        "twice",
        figures(0, 2.0, 9.0, 2.0),
        peer=figures(0, 1.0, 1.0, 1.0),
        peer_name="one",
        at_most=2.0,
        rounds=3,
    )
    outcome = harness.measure(case)
    assert (outcome.ratio, outcome.met, outcome.goal) == (2.0, True, "≤ 2")
    assert "met" in harness.report([outcome])


def test_a_missed_goal_is_said():
    outcome = harness.measure(harness.Case("slow", lambda: 1.0, peer=lambda: 2.0, at_least=0.8, rounds=3))
    assert outcome.met is False
    assert "MISSED" in harness.report([outcome])


def test_what_is_subtracted_is_measured_in_the_same_round():
    case = harness.Case("over", lambda: 3.0, peer=lambda: 1.0, minus=lambda: 1.0, rounds=3)
    assert harness.measure(case).ratio == 2.0


def test_a_sampler_gives_seconds_per_call():
    calls = []
    seconds = harness.per_call(lambda: calls.append(1))()
    assert 0 < seconds < harness.SAMPLE_SECONDS
    assert harness.unit() > 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.0, "12,345"), (12.34, "12.3"), (0.0123, "12.30 ms"), (2.5e-6, "2.50 µs"), (0.0, "0")],
)
def test_figures_are_for_people(value, text):
    assert harness.figure(value) == text


WRK = """Running 1s test @ http://127.0.0.1:1/hello
  Latency Distribution
     50%  400.00us
     99%    1.23ms
  10000 requests in 1.00s, 1.40MB read
{more}Requests/sec:  12345.67
"""


def test_what_wrk_prints_is_read():
    assert servers.read_wrk(WRK.format(more="")) == pytest.approx((12345.67, 0.00123))


@pytest.mark.parametrize("more", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1\n"])
def test_a_load_that_met_errors_is_no_measurement(more):
    with pytest.raises(RuntimeError, match="could not measure"):
        servers.read_wrk(WRK.format(more=more))
