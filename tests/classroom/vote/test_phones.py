"""What phones send and get: pages with and without JavaScript, JSON, and requests that nobody's phone would send."""

import json
import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient

from rnorm_core.classroom.question import Choice, Question
from rnorm_core.classroom.vote import bounds, page, phones, store, watch
from rnorm_core.classroom.vote.errors import TooLong
from tests import own_loop

TOKEN = "token-of-phone-0001"
EVIL = "<script>alert(1)</script>\"'&"


@pytest.fixture
def url(tmp_path) -> str:
    """One database is enough here."""
    return f"sqlite:///{tmp_path}/votes.sqlite"


@pytest.fixture
def client(shared):
    return TestClient(Starlette(routes=phones.ROUTES), follow_redirects=False)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """Every question asks the database."""
    monkeypatch.setattr(watch, "FRESH", 0.0)


@pytest.fixture
def key(shared):
    return shared.open_room()


def ask(shared, key, question) -> int:
    """The id of the round that begins."""
    shared.ask(key, question)
    return shared.room(key).asked.last.id


def send(client, key, path, **fields):
    return client.post(f"/vote/{key.code}/{path}", json={"token": TOKEN} | fields)


def test_a_vote_from_the_code_to_the_answer(client, shared, key, question):
    assert "Join the class vote" in client.get("/vote").text
    typed = client.get("/vote", params={"code": f"{key.code[:4].lower()} {key.code[4:]}"})
    assert (typed.status_code, typed.headers["location"]) == (303, f"vote/{key.code}")
    assert client.get("/vote/", params={"code": key.code}).headers["location"] == key.code
    opened = client.get(f"/vote/{key.code}")
    assert opened.status_code == 200
    assert "You are in" in opened.text
    assert shared.room(key).phones == 0  # a page that is looked at is no phone

    assert send(client, key, "now").json()["state"] == "waiting"
    assert shared.room(key).phones == 1
    round_id = ask(shared, key, question)
    told = send(client, key, "now").json()
    assert (told["state"], told["round"], told["answer"]) == ("open", round_id, None)
    for _ in range(2):  # the reply was lost
        told = send(client, key, "answer", round=round_id, choice=2).json()
        assert told["answer"] == 2
        assert "C is counted" in told["html"]
    assert shared.room(key).asked.last.answered == 1

    shared.close(key, shared.room(key).asked.id)
    late = send(client, key, "answer", round=round_id, choice=1)
    assert (late.status_code, late.json()) == (409, {"error": "This vote is closed.", "fix": "wait for the next one."})
    assert "You answered C" in send(client, key, "now").json()["html"]
    shared.reveal(key, shared.room(key).asked.id)
    told = send(client, key, "now").json()
    assert told["state"] == "revealed"
    assert re.search(r'<li class="right"><b>B</b><span>the scale <em>✓ right</em>', told["html"])
    assert "Look again." in told["html"]


def test_a_vote_without_javascript(client, shared, key, question):
    round_id = ask(shared, key, question)
    opened = client.get(f"/vote/{key.code}").text
    (token,) = re.findall(r'name="token" value="([^"]+)"', opened)
    (number,) = re.findall(r'name="round" value="(\d+)"', opened)
    assert int(number) == round_id
    for choice in ("0", "1"):
        answer = client.post(f"/vote/{key.code}", data={"token": token, "round": number, "choice": choice})
        assert answer.status_code == 200
        assert f'name="token" value="{token}"' in answer.text  # the same phone
        assert f"{'AB'[int(choice)]} is counted" in answer.text
    assert (shared.room(key).phones, shared.room(key).asked.last.answered) == (1, 1)
    shared.close(key, shared.room(key).asked.id)
    late = client.post(f"/vote/{key.code}", data={"token": token, "round": number, "choice": "2"})
    assert late.status_code == 409
    assert "This vote is closed." in late.text
    looked = client.post(f"/vote/{key.code}", data={"token": token, "look": "1"})
    assert "You answered B" in looked.text


def test_a_phone_is_told_what_is_new(client, shared, key, question):
    def look(tag: str) -> dict:
        return send(client, key, "now", tag=tag).json()

    tag = look("")["tag"]
    assert look(tag) == {"same": True}
    for change in (
        lambda: shared.ask(key, question), lambda: shared.close(key, shared.room(key).asked.id),
        lambda: shared.ask_again(key, shared.room(key).asked.id), lambda: shared.reveal(key, shared.room(key).asked.id),
    ):  # fmt: skip
        change()
        told = look(tag)
        assert "html" in told
        assert look(told["tag"]) == {"same": True}
        tag = told["tag"]
    shared.delete(key)
    assert send(client, key, "now", tag=tag).status_code == 404


def test_a_new_phone_comes_late_and_an_old_one_comes_back(client, shared, key, question):
    round_id = ask(shared, key, question)
    send(client, key, "answer", round=round_id, choice=0)
    shared.close(key, shared.room(key).asked.id)
    shared.ask_again(key, shared.room(key).asked.id)
    late = client.post(f"/vote/{key.code}/now", json={"token": "token-of-phone-0002"}).json()
    assert (late["state"], late["answer"]) == ("open", None)
    assert client.get(f"/vote/{key.code}").status_code == 200  # a reload
    back = send(client, key, "answer", round=late["round"], choice=1).json()
    assert back["answer"] == 1
    assert "Second vote" in back["html"]


@pytest.mark.parametrize("code", ["CDFGHJKM", "nothing", "a/b", "%3Cscript%3E", "É", "x" * 400])
def test_an_unknown_code(client, key, code):
    found = client.get(f"/vote/{code}")
    assert found.status_code == 404
    assert "No room has the code" in found.text
    assert "<script>" not in found.text
    assert len(found.text) < 2000


def test_an_unknown_code_in_json(client, shared, key):
    shared.delete(key)
    for path in ("now", "answer"):
        answer = send(client, key, path, round=1, choice=0)
        assert answer.status_code == 404
        assert "no room" in answer.json()["error"]
    assert client.post(f"/vote/{key.code}", data={"token": TOKEN}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 1900, b'{"token": 1}', b'{"token": "short"}',
        json.dumps({"token": "t" * 65}).encode(), json.dumps({"token": TOKEN}).encode(),
        *(
            json.dumps({"token": TOKEN, "round": number, "choice": choice}).encode()
            for number, choice in (("a", 0), (1.5, 0), (True, 0), (2**40, 0), (-1, 0), (None, 0), (1, "²"), (1, [0]))
        ),
    ],
)  # fmt: skip
def test_a_request_that_is_not_understood(client, shared, key, question, body):
    ask(shared, key, question)
    answer = client.post(f"/vote/{key.code}/answer", content=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "fix"}
    assert shared.room(key).phones == 0


@pytest.mark.parametrize("path", ["", "/now", "/answer"])
def test_a_large_request_is_refused(client, key, path):
    answer = client.post(f"/vote/{key.code}{path}", content=b"x" * (phones.BODY + 1))
    assert answer.status_code == 413


def test_an_endless_request_is_not_read_to_its_end():
    parts = iter(range(1000))

    async def receive():
        next(parts)
        return {"type": "http.request", "body": b"x" * 500, "more_body": True}

    request = Request({"type": "http", "method": "POST"}, receive)
    with pytest.raises(TooLong):
        own_loop.run(phones._body(request))
    assert next(parts) <= phones.BODY / 500 + 1


def test_texts_are_text(client, shared, key):
    ask(shared, key, Question(EVIL, (Choice(EVIL, EVIL), Choice("b")), right=0))
    pages = [client.get(f"/vote/{key.code}").text]
    told = send(client, key, "now").json()
    pages += [told["html"], send(client, key, "answer", round=told["round"], choice=0).json()["html"]]
    shared.reveal(key, shared.room(key).asked.id)
    pages += [send(client, key, "now").json()["html"]]
    for text in pages:
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;" in text
        assert "<script>" not in text


def test_every_answer_has_its_headers(client, shared, key, question):
    ask(shared, key, question)
    file = re.search(r'href="(phone-\w+\.css)"', client.get(f"/vote/{key.code}").text)
    answers = [
        client.get("/vote"), client.get(f"/vote/{key.code}"), client.get("/vote/unknown"), send(client, key, "now"),
        send(client, key, "answer"), client.post(f"/vote/{key.code}", data={}), client.get(f"/vote/{file[1]}"),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 200, 404, 200, 400, 400, 200]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers
        assert "x-frame-options" not in answer.headers  # a Space shows the app in a frame
    assert [answer.headers["cache-control"] for answer in answers[:-1]] == ["no-store"] * 6
    assert "immutable" in answers[-1].headers["cache-control"]


def test_a_page_is_a_few_kilobytes(client, shared, key, question):
    ask(shared, key, question)
    files = [client.get(f"/vote/{name}") for name in page.FILES]
    kinds = [file.headers["content-type"].partition(";")[0] for file in files]
    assert kinds == ["text/css", "text/javascript"]
    whole = len(client.get(f"/vote/{key.code}").content) + sum(len(file.content) for file in files)
    assert whole < 12_000


def test_a_page_loads_nothing_from_elsewhere_and_runs_no_inline_script(client, shared, key, question):
    ask(shared, key, question)
    for text in (client.get("/vote").text, client.get(f"/vote/{key.code}").text):
        assert "http" not in text
        assert not re.search(r"<script>|<script [^>]*>[^<]|\son\w+=|style=", text)


def test_a_full_room_says_so(client, shared, key, monkeypatch):
    monkeypatch.setattr(bounds, "PHONES", 1)
    send(client, key, "now")
    other = client.post(f"/vote/{key.code}/now", json={"token": "token-of-phone-0002"})
    assert (other.status_code, other.json()["error"]) == (429, "This room is full.")
    assert send(client, key, "now").status_code == 200


def test_a_file_that_is_deleted_while_the_server_runs(client, key, tmp_path):
    """Its rooms are gone; new ones can be opened."""
    send(client, key, "now")
    for file in tmp_path.glob("votes.sqlite*"):
        file.unlink()
    assert send(client, key, "now").status_code == 404
    again = store.shared().open_room()
    assert send(client, again, "now").status_code == 200


def test_a_folder_that_cannot_be_written(client, key, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("RNORM_HOME", str(tmp_path / "file"))
    answer = send(client, key, "now")
    assert answer.status_code == 503
    assert "RNORM_HOME" in answer.json()["fix"]


def test_a_database_that_is_away(client, key, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:hush@127.0.0.1:1/votes")
    monkeypatch.setattr(store, "_shared", {})
    answer = send(client, key, "now")
    assert (answer.status_code, answer.json()["error"]) == (503, "The database of votes does not answer.")
    shown = client.get(f"/vote/{key.code}")
    assert shown.status_code == 503
    assert "hush" not in answer.text + shown.text
