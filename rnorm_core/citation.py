"""How to cite the paper that this project examines, and this project, as BibTeX."""

from rnorm_core.data.works import works

ARXIV = "2006.11007"
TITLE, VERSION, YEAR = "RobustNorm Lab", "0.1.0", 2026  # as in `CITATION.cff`


def paper() -> str:
    known = works()[0]
    return f"""@article{{awais2020towards,
  title         = {{{known.title}}},
  author        = {{{" and ".join(known.authors)}}},
  journal       = {{arXiv preprint arXiv:{ARXIV}}},
  year          = {{{known.year}}},
  eprint        = {{{ARXIV}}},
  archivePrefix = {{arXiv}}
}}"""


def software() -> str:
    """The same facts as `CITATION.cff`."""
    return f"""@software{{robustnormlab,
  title   = {{{TITLE}}},
  author  = {{{{{TITLE} contributors}}}},
  version = {{{VERSION}}},
  year    = {{{YEAR}}},
  license = {{MIT}}
}}"""
