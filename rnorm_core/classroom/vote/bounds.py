"""What one room, and one server, takes. A class shares one address, so nothing is limited by address."""

from rnorm_core.classroom.question import Question
from rnorm_core.classroom.vote.errors import TooLong, VoteError

DAY = 86_400  # seconds that a room lives
UNUSED = 3_600  # seconds after which a room that no phone has joined may make way for another
ROOMS = 200
PHONES = 500  # in a room
QUESTIONS = 100  # in a room
ANSWERS = 20_000  # in a room: a new round needs space for an answer of each phone
LETTERS, CHOICE_LETTERS, SOURCE_LETTERS = 1000, 600, 200  # of a question, of a choice or its feedback, of a source
CHOICES = range(2, 7)  # how many a question may have
ROUNDS = 2  # of a question


def check(question: Question, source: str) -> None:
    texts = [(question.text, LETTERS), (source, SOURCE_LETTERS)]
    for choice in question.choices:
        texts += [(choice.text, CHOICE_LETTERS), (choice.feedback, LETTERS)]
    if not question.text.strip() or not all(choice.text.strip() for choice in question.choices):
        raise VoteError("A question and each of its choices need a text.", "write it.")
    if len(question.choices) not in CHOICES:
        bounds = f"{CHOICES[0]} to {CHOICES[-1]}"
        raise VoteError(f"A question has {bounds} choices, and this one has {len(question.choices)}.", "change them.")
    if question.right is not None and not 0 <= question.right < len(question.choices):
        raise VoteError("The right choice is none of the choices.", "choose another one.")
    for text, most in texts:
        if len(text) > most:
            raise TooLong(f"A text has {len(text):,} letters.", f"use at most {most:,}.")
