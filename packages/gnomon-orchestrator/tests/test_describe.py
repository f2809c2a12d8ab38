"""What a plan will run, as data and as text."""

from __future__ import annotations

from gnomon_orchestrator import Hook, Orchestrator
from gnomon_orchestrator.testing import FakeGuard, FakeValidator, Refused


def handler(req, res, lctx, gctx):
    pass


def open_transaction(lctx):
    pass


def close_transaction(lctx):
    pass


def test_the_effective_order():
    hooks = [
        Hook(lambda: None, "before", name="cors", at="received"),
        Hook(lambda: None, "after", name="stamp"),
        Hook(lambda: None, "catch", name="log"),
        Hook(lambda: None, "after", name="flushed", at="last_byte"),
        Hook(lambda: None, "after", name="head", at="first_byte"),
    ]
    route = [
        Hook(open_transaction, "before", timeout=1.5, retries=2, backoff=0.1, retry_on=(KeyError, OSError)),
        Hook(close_transaction, "after", requires=open_transaction, isolated=True, in_thread=True),
        Hook(
            lambda: None,
            "catch",
            name="explain",
            requires=Hook(open_transaction, name="opening"),
            retry_on=OSError,
        ),
    ]
    plan = Orchestrator(hooks, guards=[FakeGuard(handler, "quota")]).plan(
        handler,
        hooks=route,
        guards=[FakeGuard(handler, "roles")],
        request=FakeValidator(lambda req: True, reads_body=True),
        response=FakeValidator(lambda res: True),
        timeout=5.0,
        in_thread=True,
        name="POST /orders",
    )
    assert (
        str(plan.describe())
        == """\
POST /orders  timeout=5
  in   received    global  cors
  in   guard               quota
  in   guard               roles
  in   body                read
  in   validation          request
  in   before      route   open_transaction  timeout=1.5 retries=2 backoff=0.1 retry_on=KeyError,OSError
  in   handler             handler  in_thread=True
  out  after       route   close_transaction  isolated=True in_thread=True requires=open_transaction
  out  after       global  stamp
  out  validation          response
  out  first_byte  global  head
  out  send
  out  last_byte   global  flushed
  fail catch       route   explain  retry_on=OSError requires=opening
  fail catch       global  log"""
    )
    data = plan.describe()
    assert [step.way for step in data.steps].count("in") == 7
    assert data.steps[5].options["timeout"] == 1.5
    assert repr(plan) == "<Plan POST /orders>"


def test_a_refusal_shows_only_what_it_runs():
    hooks = [Hook(lambda: None, "before", name="never"), Hook(lambda: None, "after", name="stamp")]
    plan = Orchestrator(hooks).refusal(lambda: Refused(404), name="no route")
    assert (
        str(plan.describe())
        == """\
no route
  in   refusal             no route
  out  after       global  stamp
  out  send"""
    )
