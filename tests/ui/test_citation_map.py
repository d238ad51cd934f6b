"""The map of works: every work has its place, nothing lies on something else, and edges join what is shown."""

from itertools import combinations

from rnorm_core.data.works import works
from rnorm_core.ui.paper import citation_map


def test_everything_has_a_place_of_its_own():
    spots, headings = citation_map.places()
    assert set(spots) == {work.key for work in works()}
    for (ax, ay), (bx, by) in combinations([*spots.values(), *headings.values()], 2):
        assert abs(ax - bx) >= citation_map.COLUMN / 2 or abs(ay - by) >= citation_map.ROW - 1
    by_year = {work.year: {spots[other.key][0] for other in works() if other.year == work.year} for work in works()}
    assert all(len(columns) == 1 for columns in by_year.values())


def test_edges_join_only_what_is_shown():
    paper, *others = works()
    found = citation_map.elements([paper, *others[:3]])
    nodes = {node["data"]["id"] for node in found["nodes"]}
    assert {paper.key, *(work.key for work in others[:3])} <= nodes
    assert all({edge["data"]["source"], edge["data"]["target"]} <= nodes for edge in found["edges"])
    assert sum(edge["data"]["label"] == "cites" for edge in found["edges"]) == 3
    assert len({edge["data"]["id"] for edge in citation_map.elements(works())["edges"]}) == len(
        citation_map.elements(works())["edges"]
    )
    assert citation_map.elements([paper])["edges"] == []


def test_a_theme_has_a_colour_and_a_shape():
    styles = [style.dump() for style in citation_map._styles()[:-1]]
    assert len({style["style"]["background-color"] for style in styles}) == len(styles)
    assert len({style["style"]["shape"] for style in styles}) == len(styles)


def test_links_stay_links():
    """Nothing is asked of another host: the map's data holds no address."""
    assert "http" not in str(citation_map.elements(works()))
