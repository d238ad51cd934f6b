"""Which values of the address are named as unusable."""

import pytest
from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from rnorm_core.ui.shared import query_params as url

    url.bound(st.select_slider, "Size", [1, 2, 4, 8], 1, key="size")
    url.bound(st.pills, "Norm", ["bn", "rn", "gn"], key="norm", selection_mode="multi")
    url.bound(st.number_input, "Seed", 0, 9, 0, 1, key="seed")
    url.notices()


@pytest.fixture
def visit():
    def opened(**address: str | list[str]) -> AppTest:
        app = AppTest.from_function(page, default_timeout=60)
        for key, value in address.items():
            app.query_params[key] = value
        return app.run()

    return opened


def test_usable_values_are_used_without_a_notice(visit):
    app = visit(size="4", norm=["rn", "bn"], seed="7")
    assert (app.select_slider[0].value, app.pills[0].value, app.number_input[0].value) == (4, ["rn", "bn"], 7)
    assert not app.warning


@pytest.mark.parametrize(
    ("key", "value", "named", "instead"),
    [("size", "3", "3", "1"), ("norm", ["rn", "ln"], "ln", "rn"), ("seed", "12", "12", "0")],
)
def test_what_cannot_be_used_is_named_until_that_choice_is_changed(visit, key, value, named, instead):
    app = visit(**{key: value})
    (warning,) = app.warning
    assert warning.value.startswith(f"`{key}={named}` ")
    assert instead in warning.value.split(";")[1]
    app.select_slider[0].set_value(8).run()
    assert len(app.warning) == (key != "size")


def test_an_address_that_follows_late_is_not_named(visit):
    app = visit()
    app.query_params["size"] = "2"  # of the press before; the widget is further by now
    app.select_slider[0].set_value(4).run()
    assert app.select_slider[0].value == 4
    assert not app.warning


def test_an_unknown_setting_is_named(visit):
    assert visit(colour="red").warning[0].value.startswith("`colour=red` ")
