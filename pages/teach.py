"""Teach: two ways through the lessons for a class, all lessons with their sheets, the vote, and what a class needs."""

from rnorm_core.ui.lessons import teach
from rnorm_core.ui.shared.guard import guard
from rnorm_core.ui.shared.panels import answer, page_title
from rnorm_core.ui.shared.stage import copy_link

with guard("teach", whole=True):
    copy_link.bar()
    page_title("How do I teach with it?")
    answer(teach.ANSWER)
    teach.show()
