import json


def texts(page) -> str:
    return "\n".join(block.value for block in page.markdown)


def test_something_is_seen_without_any_button(open_page):
    page = open_page("start")
    text = texts(page)
    assert "**BatchNorm, tracked**" in text
    assert "**RobustNorm, tracked**" in text
    assert (
        "".join(part.proto.body for part in page.get("html")).count("<figure>") == 6
    )  # clean, attacked, difference; left and right
    assert "What you see" in text
    assert "Why" in text
    assert "Try this" in text
    assert not page.warning


def test_accuracy_comes_from_the_cards_with_hash_and_n(open_page):
    from rnorm_core import zoo

    page = open_page("start")
    chart = json.loads(page.get("plotly_chart")[0].proto.spec)
    card = zoo.card("cifar10-resnet20-bn")
    row = card.accuracy("pgd", 1)
    line = chart["data"][0]
    at = [point[2] for point in line["customdata"]].index("1")
    assert line["customdata"][at][:2] == [row["correct"], row["n"]]
    assert card.sha256[:12] in "".join(block.value for block in page.caption)


def test_eps_0_changes_nothing(open_page):
    page = open_page("start", eps="0")
    assert texts(page).count(" held: still ") == 2
    assert texts(page).count("its confidence stayed at ") == 2


def test_the_photo_is_the_seeds_choice_alone(open_page):
    def photo(page):
        return next(block.value for block in page.caption if block.value.startswith("The photo:"))

    poor = photo(open_page("start", left_mode="batch", right_mode="batch"))
    assert poor == photo(open_page("start"))
    assert poor != photo(open_page("start", seed="1"))


def test_a_photo_that_was_attacked_here_is_known_on_the_page_craft(open_page, monkeypatch):
    """Both pages ask for one computation: nothing is attacked a second time."""
    photo = "cat af12e124"
    first = open_page("start", eps="0.75", seed="0").session_state["_ticket work"].result()

    def no_attack(*args, **kwargs):
        raise AssertionError("attacked again")

    monkeypatch.setattr("rnorm_core.experiments.attack_pair.run", no_attack)
    second = open_page("craft", eps="0.75", seed="0", images=[photo]).session_state["_ticket work"].result()
    assert second is first
    assert first.batch.name(0) == photo


def test_a_model_in_a_batch_mode_says_so(open_page):
    page = open_page("start", right="cifar10-resnet20-bn", right_mode="batch")
    assert "**BatchNorm, batch**" in texts(page)
    assert any("takes statistics from the pictures" in block.value for block in page.caption)


def test_everything_but_the_device_is_in_the_address(open_page, in_address):
    page = open_page("start")
    assert in_address(page) == {"left", "left_mode", "right", "right_mode", "source", "seed", "eps"}


def test_only_the_modes_that_a_model_has_are_offered(open_page):
    page = open_page("start", right="cifar10-resnet20-none", right_mode="batch")
    assert page.selectbox(key="right_mode").options == ["tracked"]
    assert "`right_mode=batch`" in page.warning[0].value
    page.selectbox(key="right shown").set_value("cifar10-resnet20-bn").run()
    assert page.selectbox(key="right_mode").options == ["tracked", "batch", "tracked-mean"]
