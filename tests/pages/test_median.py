"""The fourth statistics mode, the batch's median as a defence, wherever a laboratory computes."""

from tests.pages.shown import texts  # noqa
