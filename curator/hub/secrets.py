"""Tokens stay where they are: everything that leaves this layer as text goes through here."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["holds_secret", "quiet_logs", "redact"]

_HIDDEN = "***"
_TOKEN = re.compile(r"\b(?:hf|api_org|hf_jwt|hf_oauth)_[A-Za-z0-9_.-]{8,}")
_USERINFO = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
_SIGNED = re.compile(
    r"(?i)([?&](?:x-amz-[a-z-]+|signature|sig|awsaccesskeyid|policy|key-pair-id|token|access_token)=)[^&\s'\"]+"
)
_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s'\",]+")
_VARIABLES = (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)
_SHORTEST = 6
"""Whatever is shorter is no secret, and hiding it would hide half of the text."""


def redact(text: str) -> str:
    """Text without tokens, passwords in addresses, and signatures of signed addresses."""
    for secret in sorted(_known(), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = _TOKEN.sub(_HIDDEN, text)
    text = _USERINFO.sub(_HIDDEN, text)
    text = _BEARER.sub(rf"\g<1>{_HIDDEN}", text)
    return _SIGNED.sub(rf"\g<1>{_HIDDEN}", text)


def holds_secret(data: bytes) -> bool:
    """Whether a file tells a token of this machine, what looks like one, or an address with a password or signature."""
    if any(secret.encode() in data for secret in _known()):
        return True
    text = data.decode("latin-1")
    return any(pattern.search(text) for pattern in (_TOKEN, _USERINFO, _SIGNED))


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Every log record made meanwhile, by whatever library, is made without secrets."""
    before = logging.getLogRecordFactory()

    def factory(*args: object, **kwargs: object) -> logging.LogRecord:
        record = before(*args, **kwargs)
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and record.exc_info[1] is not None:
            # A traceback is text that nobody can redact later.
            name = type(record.exc_info[1]).__name__
            record.msg += f" ({name}: {redact(str(record.exc_info[1]))})"
            record.exc_info = None
        return record

    logging.setLogRecordFactory(factory)
    try:
        yield
    finally:
        logging.setLogRecordFactory(before)


def _known() -> Iterable[str]:
    """Secrets of this process and of the login of this machine."""
    values = [os.environ.get(name, "") for name in _VARIABLES]
    home = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    path = Path(os.environ.get("HF_TOKEN_PATH") or Path(home) / "token")
    with suppress(OSError, UnicodeDecodeError):  # nobody is logged in
        values.append(path.read_text(encoding="utf-8"))
    return {value.strip() for value in values if len(value.strip()) >= _SHORTEST}
