"""What a network is: its architecture, and how pictures are prepared for it.

open_clip takes a name, and fills in from a table of published trainings how pictures are prepared and
which activation is used. A file of weights does not say that, and the wrong choice gives numbers that
look right. So a network is described in full before it is made, as ``open_clip_config.json`` does.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.errors import MeasureError
from curator.infer.torchvision_ops import make_importable

__all__ = ["Source", "describe", "missing", "open_clip"]

_MODES = {"whole": "longest", "squash": "squash"}
_PREPARED_BY = ("mean", "std", "interpolation", "resize_mode")
_HARMLESS = frozenset({"clean", "strip_sep_token"})
"""What the architectures of open_clip ask of their tokenizers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Everything that decides what a network computes, as files at hand."""

    model: str
    training: str
    config: Path | None
    checkpoint: Path
    digests: tuple[str, str]
    """Of the checkpoint and the config, so that paths are not all that tells sources apart."""
    fit: str


def open_clip() -> Any:
    """The package, imported.

    Raises:
        MeasureError: ``extra-missing``.
    """
    try:
        make_importable()
        import open_clip as package
    except ImportError as error:
        raise missing(error) from error
    return package


def describe(source: Source) -> dict[str, Any]:
    """``model_cfg`` and ``preprocess_cfg`` of a source, as ``open_clip_config.json`` has them.

    Raises:
        MeasureError: ``clip-model`` for a name or a config that is none, ``clip-training`` when it
            must be said which training a checkpoint is from, ``clip-words`` for a text tower that
            is fetched from elsewhere.
    """
    described = _from_file(source.config) if source.config else _by_name(source)
    if source.fit in _MODES:
        described["preprocess_cfg"]["resize_mode"] = _MODES[source.fit]
    return described


def missing(error: ImportError) -> MeasureError:
    """What to install."""
    return MeasureError(
        f"open_clip or what it needs cannot be imported: {error}",
        reason="extra-missing",
        hint="pip install 'curator-build[clip]'",
    )


def _from_file(config: Path) -> dict[str, Any]:
    try:
        read = json.loads(config.read_text(encoding="utf-8"))
        model = read["model_cfg"]
        complete = "embed_dim" in model and all(
            isinstance(model.get(part), dict) for part in ("vision_cfg", "text_cfg")
        )
    except (AttributeError, ValueError, KeyError, TypeError) as error:
        raise _no_config(repr(error)) from error
    if not complete:
        raise _no_config("`model_cfg` needs embed_dim, vision_cfg and text_cfg")
    _vet(model)
    return {"model_cfg": model, "preprocess_cfg": dict(read.get("preprocess_cfg", {}))}


def _vet(model: Mapping[str, Any]) -> None:
    """Refuse what would fetch a network, or hand words to code that is fetched: a config is data."""
    asked = set(model["text_cfg"].get("tokenizer_kwargs", {})) - _HARMLESS
    if asked:
        raise _no_config(f"`tokenizer_kwargs` may not hold {', '.join(sorted(asked))}")
    if ":" in str(model["vision_cfg"].get("timm_model_name", "")):
        raise _no_config("`timm_model_name` names an architecture, not an address")
    if "hf_model_name" in model["text_cfg"]:
        raise MeasureError(
            f"the text tower '{model['text_cfg']['hf_model_name']}' is no part of open_clip",
            reason="clip-words",
            hint="choose an architecture whose `text_cfg` has no `hf_model_name`",
        )


def _no_config(why: str) -> MeasureError:
    return MeasureError(
        f"the file given as `config` is no open_clip_config.json: {why}", reason="clip-model"
    )


def _by_name(source: Source) -> dict[str, Any]:
    package = open_clip()
    model = package.get_model_config(source.model) if ":" not in source.model else None
    if model is None:
        raise MeasureError(
            f"open_clip has no architecture '{source.model}'",
            reason="clip-model",
            hint=_near(source.model, package.list_models()),
        )
    _vet(model)
    training = _training(source, quick_gelu=bool(model.get("quick_gelu", False)))
    if "quick_gelu" in training:
        model["quick_gelu"] = training["quick_gelu"]
    prepared_by = {name: training[name] for name in _PREPARED_BY if name in training}
    return {"model_cfg": model, "preprocess_cfg": prepared_by}


def _training(source: Source, *, quick_gelu: bool) -> Mapping[str, Any]:
    """What open_clip knows of the training that was named, or that all trainings have in common.

    `quick_gelu` is the activation that the architecture has when nobody says otherwise.
    """
    table = open_clip().pretrained
    tags = table.list_pretrained_tags_by_model(source.model)
    known = {tag: table.get_pretrained_cfg(source.model, tag) for tag in tags}
    if source.training and source.training not in known:
        raise MeasureError(
            f"open_clip knows no training '{source.training}' of '{source.model}'",
            reason="clip-training",
            hint=_near(source.training, list(known)),
        )
    if source.training:
        return _differs_by(known[source.training])
    kinds: dict[str, list[str]] = {}
    for tag, about in known.items():
        kinds.setdefault(json.dumps(_differs_by(about), sort_keys=True), []).append(tag)
    as_is = all(_differs_by(about)["quick_gelu"] == quick_gelu for about in known.values())
    if len(kinds) > 1 or not as_is:
        raise MeasureError(
            f"published trainings of '{source.model}' differ in activation or preprocessing (or from"
            " the architecture as open_clip makes it), so it must be said which one the checkpoint is from",
            reason="clip-training",
            hint="set `training`; alike are "
            + "; ".join(", ".join(tags) for tags in kinds.values())
            + "; for a training of your own give `config` in place of `model`",
        )
    return json.loads(next(iter(kinds))) if kinds else {}


def _differs_by(training: Mapping[str, Any]) -> dict[str, Any]:
    about = {name: training[name] for name in _PREPARED_BY if name in training}
    return {**about, "quick_gelu": bool(training.get("quick_gelu", False))}


def _near(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.4)
    return f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(known) or 'none'}"
