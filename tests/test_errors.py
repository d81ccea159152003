"""Errors are one line, whatever a damaged file made them say."""

from hypothesis import given
from hypothesis import strategies as st

from gfnet_mobile.errors import LONGEST, UserError


@given(st.text(max_size=2 * LONGEST))
def test_an_error_is_one_line_that_a_terminal_can_show(text):
    line = str(UserError(text))
    assert line.isprintable()
    assert len(line) <= LONGEST


def test_what_was_said_is_kept():
    assert str(UserError("operator 'a\n\x1b[31mb' is\tnot known")) == "operator 'a [31mb' is not known"
    assert str(UserError("x" * LONGEST)) == "x" * LONGEST
    assert str(UserError("x" * (LONGEST + 1))).endswith("x…")
