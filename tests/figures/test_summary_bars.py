"""The small pictures that a page begins with: what they draw, what they say, that they are sound SVG."""

from xml.etree import ElementTree

from rnorm_core.evaluation import wilson
from rnorm_core.figures.markup.summary_bars import WIDTH, Bar, draw
from rnorm_core.figures.style import LOOKS

SVG = "{http://www.w3.org/2000/svg}"


class Share:
    def __init__(self, correct: int, n: int) -> None:
        self.value, self.n = correct / n, n
        self.low, self.high = wilson(correct, n)


def test_bars_are_as_long_as_the_shares():
    shown = draw("Who?", [Bar("first", "bn", Share(50, 200)), Bar("second", "rn", Share(0, 200))])
    picture = ElementTree.fromstring(shown.svg)
    bars = [bar for bar in picture.iter(f"{SVG}rect") if bar.get("fill")]
    assert [(float(bar.get("width")), bar.get("fill")) for bar in bars] == [
        (WIDTH / 4, LOOKS["bn"].colour), (0, LOOKS["rn"].colour),
    ]  # fmt: skip
    low, high = wilson(50, 200)
    line = next(picture.iter(f"{SVG}path")).get("d")
    assert line.startswith(f"M{round(WIDTH * low, 1)} ")
    assert f"H{round(WIDTH * high, 1)}M" in line
    assert [text.text for text in picture.iter(f"{SVG}text")] == ["Who?", "first", "25.0 %", "second", "0 %"]


def test_it_says_what_it_shows():
    shown = draw("Who?", [Bar("first", "bn", Share(1500, 2000))])
    assert shown.alt == "Who? first 75.0 % (95 %: 73.1 to 76.8, n = 2,000)."


def test_letters_of_a_name_do_no_harm_and_a_long_one_ends_in_dots():
    shown = draw("a & b", [Bar("<script>" + "x" * 90, "none", Share(1, 2))])
    texts = [text.text for text in ElementTree.fromstring(shown.svg).iter(f"{SVG}text")]
    assert texts[0] == "a & b"
    assert texts[1].startswith("<script>x")
    assert texts[1].endswith("…")
    assert len(texts[1]) < 50
