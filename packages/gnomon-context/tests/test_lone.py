"""What comes out of a block that has nurseries of its own inside."""

from __future__ import annotations

import pytest

from gnomon_context.runtime import lone_error


def test_a_lone_error_keeps_its_cause_and_its_context():
    cause, context, error = KeyError("cause"), KeyError("context"), ValueError("lone")
    error.__cause__, error.__context__ = cause, context
    with pytest.raises(ValueError, match="lone") as raised, lone_error():
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [error])])
    assert raised.value is error
    assert (error.__cause__, error.__context__) == (cause, context)


def test_several_stay_together_and_others_pass():
    several = ExceptionGroup("two", [ValueError("one"), ValueError("another")])
    with pytest.raises(ExceptionGroup) as raised, lone_error():
        raise BaseExceptionGroup("outer", [several])
    assert raised.value is several
    with pytest.raises(KeyboardInterrupt), lone_error():
        raise BaseExceptionGroup("outer", [KeyboardInterrupt()])
    with pytest.raises(ValueError, match="bare"), lone_error():
        raise ValueError("bare")
