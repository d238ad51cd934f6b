"""Codes of rooms, tokens of phones, secrets of owners: all random."""

import hashlib
import secrets

# No vowels, so that a code is no word, and of signs that look alike at most one: neither 0, 1, 2, 5, 8 nor B, L, S, Z.
LETTERS = "CDFGHJKMNPQRTVWXY34679"
LENGTH = 8  # 5e10 codes: who guesses a hundred a second finds one of 200 open rooms in a month, and a room lives a day
TOKEN = 64  # letters at most; ours have 22


def new_code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def new_token() -> str:
    """128 random bits."""
    return secrets.token_urlsafe(16)


def plain(code: str) -> str:
    """A code as a person typed it -> as it is stored: "cdfg hjkm" and "CDFG-HJKM" are CDFGHJKM."""
    return "".join(letter for letter in code.upper() if letter not in " -\t")


def shown(code: str) -> str:
    """In two halves, as one reads it aloud."""
    return f"{code[: LENGTH // 2]} {code[LENGTH // 2 :]}"


def hashed(secret: str) -> str:
    """What is stored of a token or secret. Both are random and long, so one hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
