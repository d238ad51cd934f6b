"""Lessons of about ten minutes. Each asks for a prediction, then shows the experiment that answers it."""

from rnorm_core.ui.lessons import browser, question, view
from rnorm_core.ui.shared.guard import guard

with guard("lessons"):
    browser.remember()
    where = question.chosen()
    if where is None:
        view.show_list()
    else:
        view.show_step(where)
