"""The sentence that a presenter shows."""

import pytest

from rnorm_core.ui.shared.panels import first_sentences


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("No. Of 20 photos 0.5 % are right. More.", "No. Of 20 photos 0.5 % are right."),
        ("**Yes.** Of these 20 photos seven. Others.", "**Yes.** Of these 20 photos seven."),
        ("By its values' **range to the power p.** In layer 6", "By its values' **range to the power p.**"),
        ("Without an end 13.6^0.2 = 1.68", "Without an end 13.6^0.2 = 1.68"),
        ("Left sees a ship here. A.\n\nRight sees a dog here. B.", "Left sees a ship here.\n\nRight sees a dog here."),
    ],
)  # fmt: skip
def test_the_first_sentence_is_an_answer(text, first):
    assert first_sentences(text) == first
