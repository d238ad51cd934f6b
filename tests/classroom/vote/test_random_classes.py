"""Random classes against a few dictionaries: no answer is counted twice, none is lost, the rules hold."""

import random
from dataclasses import dataclass, field

import pytest

from rnorm_core.classroom.question import Choice, Question
from rnorm_core.classroom.vote.errors import Closed, VoteError
from rnorm_core.classroom.vote.state import Result


@dataclass
class Model:
    """What should be true of a room. rounds: of the current question, each phone's answer."""

    phones: set[str] = field(default_factory=set)
    choices: int = 0
    right: int | None = None
    rounds: list[dict[str, int]] = field(default_factory=list)
    closed: bool = False
    revealed: bool = False
    questions: int = 0
    answers: int = 0  # to earlier questions

    def ask(self, choices: int, right: int | None) -> None:
        self.answers += sum(map(len, self.rounds))
        self.choices, self.right, self.rounds = choices, right, [{}]
        self.closed = self.revealed = False
        self.questions += 1


def step(rng: random.Random, store, key, model: Model) -> None:
    asked = store.room(key).asked
    token = f"token-of-phone-{rng.randrange(12):04d}"
    action = rng.choices(["answer", "now", "ask", "close", "again", "reveal"], [20, 6, 1, 2, 2, 1])[0]
    if action == "now":
        store.now(key.code, token)
        model.phones.add(token)
    elif action == "ask":
        choices, right = rng.randint(2, 6), rng.choice([None, 0, 1])
        store.ask(key, Question("Which?", tuple(Choice(str(i)) for i in range(choices)), right))
        model.ask(choices, right)
    elif asked is None:
        return
    elif action == "answer":
        late = rng.random() < 0.2 and len(asked.rounds) > 1  # on its way since the first vote
        round_id, choice = asked.rounds[0 if late else -1].id, rng.randrange(model.choices)
        for _ in range(rng.choice([1, 1, 2, 3])):  # the reply was lost, so the phone sends it again
            if late or model.closed:
                with pytest.raises(Closed):
                    store.answer(key.code, token, round_id, choice)
            else:
                store.answer(key.code, token, round_id, choice)
                model.rounds[-1][token] = choice
                model.phones.add(token)
    elif action == "close":
        store.close(key, asked.id)
        model.closed = True
    elif action == "reveal":
        store.reveal(key, asked.id)
        model.closed = model.revealed = True
    elif model.revealed:
        with pytest.raises(VoteError):
            store.ask_again(key, asked.id)
    else:
        store.ask_again(key, asked.id)
        if len(model.rounds) == 1:
            model.rounds.append({})
            model.closed = False


def compare(store, key, model: Model) -> None:
    room = store.room(key)
    assert room.phones == len(model.phones)
    assert len(store.records(key)) == model.answers + sum(map(len, model.rounds))
    if room.asked is None:
        assert model.questions == 0
        return
    assert room.asked.number == model.questions
    assert [one.answered for one in room.asked.rounds] == [len(answers) for answers in model.rounds]
    assert (room.asked.last.closed, room.asked.revealed) == (model.closed, model.revealed)
    for token in model.phones:
        assert store.now(key.code, token).answers == tuple(answers.get(token) for answers in model.rounds)
    if model.revealed:
        numbered = [{int(token[-4:]): choice for token, choice in answers.items()} for answers in model.rounds]
        assert store.result(key, room.asked.id) == Result.of(model.choices, numbered)
    else:
        with pytest.raises(VoteError):
            store.result(key, room.asked.id)


@pytest.mark.parametrize("seed", range(6))
def test_a_random_class(store, seed):
    rng, classes = random.Random(seed), [(store.open_room(), Model()) for _ in range(2)]
    for number in range(150):
        key, model = rng.choice(classes)
        step(rng, store, key, model)
        if number % 10 == 9:
            for room in classes:
                compare(store, *room)
