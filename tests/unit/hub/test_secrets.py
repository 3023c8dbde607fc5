from __future__ import annotations

import logging
from pathlib import Path

import pytest

from curator.hub.secrets import holds_secret, quiet_logs, redact

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz01234567"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"token {TOKEN}.", "token ***"),
        ("https://ann:pa55@host/x", "https://***@host/x"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        (
            "https://s3/x?X-Amz-Signature=ab12&part=1&sig=zz",
            "https://s3/x?X-Amz-Signature=***&part=1&sig=***",
        ),
        ("shelf_life hf_x s3://bucket/x", "shelf_life hf_x s3://bucket/x"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_token_that_looks_like_nothing_is_known_from_the_login(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / "token").write_text("of-my-own-hub\n")
    assert redact("it is of-my-own-hub!") == "it is ***!"
    assert holds_secret(b'{"url": "https://x?of-my-own-hub"}')
    assert not holds_secret(b"nothing here")
    (tmp_path / "token").unlink()
    monkeypatch.setenv("HF_TOKEN", "another-word")
    assert redact("another-word of-my-own-hub") == "*** of-my-own-hub"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f'"token": "{TOKEN}"', True),
        ('"https://ann:pa55@host/film.mp4"', True),
        ('"https://s3/film.mp4?X-Amz-Signature=ab12"', True),
        ('"https://host/film.mp4?page=2"', False),
        ('"s3://bucket/a@b:c/film.mp4"', False),
        ("<a href='https://host/?q=token'>", False),
    ],
)
def test_a_file_that_tells_a_secret_is_known(text: str, found: bool) -> None:
    assert holds_secret(text.encode()) is found


def test_log_records_of_any_library_are_made_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("some.library")
    with quiet_logs():
        log.warning("sent %s", {"Authorization": f"Bearer {TOKEN}"})
        try:
            raise ValueError(TOKEN)
        except ValueError:
            log.exception("no good")
    assert TOKEN not in caplog.text
    assert "sent {'Authorization': 'Bearer ***'}" in caplog.text
    assert "no good (ValueError: ***)" in caplog.text
    before = logging.getLogRecordFactory()
    assert before is logging.LogRecord or "factory" not in before.__qualname__
