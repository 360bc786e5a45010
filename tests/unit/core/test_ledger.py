"""A checkpoint sees the rows of one moment while the world goes on."""

import pytest

from postroad.core.ledger import Ledger, Row


class Note(Row):
    def __init__(self, name: str, text: str) -> None:
        super().__init__(name.encode())
        self.text = text

    def encode(self) -> bytes:
        return self.text.encode()


def written(ledger: Ledger, name: str, text: str) -> Note:
    note = Note(name, text)
    ledger.touch(note)
    return note


def change(ledger: Ledger, note: Note, text: str) -> None:
    ledger.touch(note)
    note.text = text


def taken(ledger: Ledger) -> dict[bytes, bytes | None]:
    while not ledger.pay_some(1):
        pass
    return ledger.take()


def test_only_what_changed_since_the_last_cut_is_written() -> None:
    ledger = Ledger()
    a, b = written(ledger, "a", "1"), written(ledger, "b", "1")
    ledger.cut()
    assert taken(ledger) == {b"a": b"1", b"b": b"1"}
    change(ledger, b, "2")
    ledger.cut()
    assert taken(ledger) == {b"b": b"2"}
    ledger.cut()
    assert taken(ledger) == {}
    assert not a.dirty


def test_a_row_that_changes_after_the_cut_is_written_as_it_was() -> None:
    ledger = Ledger()
    a, b = written(ledger, "a", "1"), written(ledger, "b", "1")
    ledger.cut()
    change(ledger, a, "2")
    change(ledger, a, "3")
    ledger.drop(b)
    c = written(ledger, "c", "1")
    assert taken(ledger) == {b"a": b"1", b"b": b"1"}
    ledger.cut()
    assert taken(ledger) == {b"a": b"3", b"b": None, b"c": b"1"}
    assert not c.owed


def test_a_row_that_is_gone_at_the_cut_is_deleted() -> None:
    ledger = Ledger()
    a = written(ledger, "a", "1")
    ledger.drop(a)
    ledger.cut()
    again = written(ledger, "a", "new")
    assert taken(ledger) == {b"a": None}
    ledger.cut()
    assert taken(ledger) == {b"a": b"new"}
    assert not again.dirty


def test_rows_are_encoded_about_so_many_bytes_at_a_time() -> None:
    ledger = Ledger()
    for number in range(10):
        written(ledger, f"{number}", "x" * 10)
    ledger.cut()
    assert not ledger.pay_some(25)
    assert len(ledger.take()) == 3
    assert not ledger.pay_some(25)
    assert ledger.pay_some(1_000)
    assert len(ledger.take()) == 7
    assert ledger.pay_some(1)


def test_a_checkpoint_that_failed_is_forgotten() -> None:
    ledger = Ledger()
    a, b = written(ledger, "a", "1"), written(ledger, "b", "1")
    ledger.cut()
    ledger.pay_some(1)
    ledger.give_up()
    for note in (a, b):
        ledger.touch(note)
    ledger.cut()
    assert taken(ledger) == {b"a": b"1", b"b": b"1"}


def test_a_row_that_a_failed_checkpoint_deleted_is_deleted_by_the_next() -> None:
    ledger = Ledger()
    a, b = written(ledger, "a", "1"), written(ledger, "b", "1")
    ledger.cut()
    taken(ledger)
    ledger.drop(a)
    ledger.drop(b)
    ledger.cut()
    again = written(ledger, "b", "new")
    ledger.give_up()
    ledger.touch(again)
    ledger.cut()
    assert taken(ledger) == {b"a": None, b"b": b"new"}


def test_a_row_says_for_itself_what_it_is() -> None:
    row = Row(b"k")
    with pytest.raises(AssertionError, match="encodes itself"):
        row.encode()


def test_so_many_rows_are_encoded_at_once_in_the_order_they_changed() -> None:
    ledger = Ledger()
    notes = [written(ledger, f"{number}", "text") for number in range(10)]
    ledger.cut()
    change(ledger, notes[1], "later")
    assert not ledger.pay_some(1_000, 3)
    assert list(ledger.take()) == [b"1", b"0", b"2", b"3"]
    assert not ledger.pay_some(1_000, 3)
    assert ledger.pay_some(1_000, 3)
    assert list(ledger.take()) == [b"4", b"5", b"6", b"7", b"8", b"9"]
