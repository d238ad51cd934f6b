"""The accuracies in docs/networks.md are the cards': `python -m tests.test_readme_numbers` prints them for pasting."""

from rnorm_core import zoo

EPS_255 = (0.25, 0.5, 1, 2, 8)


def cell(row: dict) -> str:
    """63.0 (56.1 to 69.4)"""
    return f"{100 * row['correct'] / row['n']:.1f} ({100 * row['low']:.1f} to {100 * row['high']:.1f})"


def table(cards: list[zoo.Card]) -> str:
    header = ["network", "weights", "clean", *(f"{eps:g}/255" for eps in EPS_255)]
    lines = [header, ["---"] * len(header)]
    for card in cards:
        rows = [card.accuracy()] + [card.accuracy("pgd", eps) for eps in EPS_255]
        lines.append([f"`{card.name}`", f"`{card.sha256[:12]}`", *(cell(row) for row in rows if row)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def test_the_accuracies_are_those_of_the_cards():
    text = (zoo.DIRECTORY.parent / "docs" / "networks.md").read_text(encoding="utf-8")
    assert table([zoo.card(name) for name in zoo.names()]) in text


def test_the_number_of_images_is_the_one_that_is_said():
    text = (zoo.DIRECTORY.parent / "docs" / "networks.md").read_text(encoding="utf-8")
    for name in zoo.names():
        clean, attacked = zoo.card(name).accuracy(), zoo.card(name).accuracy("pgd", 1)
        assert clean
        assert attacked
        assert f"clean: n = {clean['n']:,}" in text
        assert f"attacked: n = {attacked['n']:,}" in text


if __name__ == "__main__":
    print(table([zoo.card(name) for name in zoo.names()]))
