import pytest
import typer

from postroad.cli.durations import duration_ms, duration_text


@pytest.mark.parametrize(
    ("text", "ms"),
    [("0s", 0), ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("12h", 43_200_000)],
)
def test_a_duration_has_a_unit(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "5", "5 s", "-1s", "1w", "1.5s", "s"])
def test_anything_else_is_a_mistake(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no duration"):
        duration_ms(text)


@pytest.mark.parametrize("text", ["500ms", "30s", "90s", "5m", "12h", "14d"])
def test_a_duration_is_shown_as_it_was_given(text: str) -> None:
    assert duration_text(duration_ms(text)) == text
