"""What takes down recorded requests hears of others, too, and leaves them alone."""

from types import SimpleNamespace

from gnomon._recording import Watch


def test_an_event_of_a_request_that_nobody_watches_is_passed_over():
    watch = Watch()
    watch(SimpleNamespace(request_id="of-nobody", kind="request.finished"))
    assert watch.live == {}
