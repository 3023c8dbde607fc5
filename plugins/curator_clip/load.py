"""An open_clip network from files, by open_clip's own strict loader, and never with invented numbers.

open_clip takes a name, and fills in from a table of published trainings how pictures are prepared and
which activation is used. A file alone does not say that, and the wrong choice gives numbers that look
right. So a network is described in full first (`describe`), as ``open_clip_config.json`` does.
"""

from __future__ import annotations

import contextlib
import json
import logging
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from curator.errors import MeasureError
from curator.infer.torchvision_ops import make_importable

__all__ = ["Loaded", "Source", "describe", "is_safetensors", "open_clip", "open_network"]

_MODES = {"whole": "longest", "squash": "squash"}
_PREPARED_BY = ("mean", "std", "interpolation", "resize_mode")
_BROKEN = (
    AttributeError,
    EOFError,
    KeyError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""What torch and open_clip raise for files that are no checkpoint, or that of another network."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A loaded network."""

    model: Any
    tokenizer: Any
    """None when open_clip brings none for its words."""
    reader: str
    """Name of the tokenizer that it was trained with; empty for open_clip's own."""
    prepare: Any
    """From a PIL picture to what the network takes."""
    size: int
    """Numbers in a vector."""


def open_clip() -> Any:
    """The package, imported.

    Raises:
        MeasureError: ``extra-missing``.
    """
    try:
        make_importable()
        import open_clip as package
    except ImportError as error:
        raise MeasureError(
            f"open_clip cannot be imported: {error}",
            reason="extra-missing",
            hint="pip install 'curator-build[clip]'",
        ) from error
    return package


def open_network(source: Source) -> Loaded:
    """The network of a source, on the CPU, in single precision, one thread, ready to run.

    Raises:
        MeasureError: ``extra-missing`` without open_clip; what `describe` raises;
            ``weights-mismatch`` when the checkpoint cannot be read or is that of another network.
    """
    package = open_clip()
    import torch

    torch.set_num_threads(1)
    described = describe(source)
    reader = described["model_cfg"]["text_cfg"].get("hf_tokenizer_name", "")
    with _folder(described, source.checkpoint) as folder, _calm():
        model = _created(package, folder, source)
        tokenizer = None if reader else package.get_tokenizer(f"local-dir:{folder}")
    prepared_by = package.transform.PreprocessCfg(**model.visual.preprocess_cfg)
    return Loaded(
        model=model.eval(),
        tokenizer=tokenizer,
        reader=reader,
        prepare=package.transform.image_transform_v2(prepared_by, is_train=False),
        size=int(described["model_cfg"]["embed_dim"]),
    )


def describe(source: Source) -> dict[str, Any]:
    """``model_cfg`` and ``preprocess_cfg`` of a source, as ``open_clip_config.json`` has them.

    Raises:
        MeasureError: ``clip-model`` for a name or a config that is none, ``clip-training`` when it
            must be said which training a checkpoint is from, ``clip-words`` for a text tower that
            is fetched from elsewhere.
    """
    described = _from_file(source.config) if source.config else _by_name(source)
    if "hf_model_name" in described["model_cfg"]["text_cfg"]:
        raise MeasureError(
            f"the text tower of '{source.model or 'the config'}' is no part of open_clip",
            reason="clip-words",
            hint="choose an architecture whose `text_cfg` has no `hf_model_name`",
        )
    if source.fit in _MODES:
        described["preprocess_cfg"]["resize_mode"] = _MODES[source.fit]
    return described


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: a length of 8 bytes, then JSON."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _from_file(config: Path) -> dict[str, Any]:
    try:
        read = json.loads(config.read_text(encoding="utf-8"))
        model = read["model_cfg"]
        complete = {"embed_dim", "vision_cfg", "text_cfg"} <= set(model)
    except (ValueError, KeyError, TypeError) as error:
        raise _no_config(repr(error)) from error
    if not complete:
        raise _no_config("`model_cfg` needs embed_dim, vision_cfg and text_cfg")
    return {"model_cfg": model, "preprocess_cfg": dict(read.get("preprocess_cfg", {}))}


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
    training = _training(source)
    if "quick_gelu" in training:
        model["quick_gelu"] = training["quick_gelu"]
    prepared_by = {name: training[name] for name in _PREPARED_BY if name in training}
    return {"model_cfg": model, "preprocess_cfg": prepared_by}


def _training(source: Source) -> Mapping[str, Any]:
    """What open_clip knows of the training that was named, or that all trainings have in common."""
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
    if len(kinds) > 1:
        raise MeasureError(
            f"published trainings of '{source.model}' differ in activation or preprocessing,"
            " so it must be said which one the checkpoint is from",
            reason="clip-training",
            hint="set `training`; alike are " + "; ".join(", ".join(t) for t in kinds.values()),
        )
    return json.loads(next(iter(kinds))) if kinds else {}


def _differs_by(training: Mapping[str, Any]) -> dict[str, Any]:
    about = {name: training[name] for name in _PREPARED_BY if name in training}
    return {**about, "quick_gelu": bool(training.get("quick_gelu", False))}


def _near(word: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, known, n=3, cutoff=0.4)
    return f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(known) or 'none'}"


@contextlib.contextmanager
def _folder(described: Mapping[str, Any], checkpoint: Path) -> Iterator[Path]:
    """A folder as open_clip reads them; it tells formats by suffixes, and the store's files have none."""
    suffix = "safetensors" if is_safetensors(checkpoint) else "bin"
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "open_clip_config.json").write_text(json.dumps(described), encoding="utf-8")
        (folder / f"open_clip_model.{suffix}").symlink_to(checkpoint.absolute())
        yield folder


@contextlib.contextmanager
def _calm() -> Iterator[None]:
    """open_clip logs through the root logger, which would give it a handler for good."""
    root, nothing = logging.getLogger(), logging.NullHandler()
    root.addHandler(nothing)
    try:
        yield
    finally:
        root.removeHandler(nothing)


def _created(package: Any, folder: Path, source: Source) -> Any:
    from safetensors import SafetensorError

    try:
        return package.create_model(f"local-dir:{folder}", require_pretrained=True)
    except (*_BROKEN, SafetensorError) as error:
        name = source.model or "the config"
        raise MeasureError(
            f"the checkpoint cannot be loaded as '{name}': {_brief(error)}",
            reason="weights-mismatch",
            hint="is it from this architecture? TorchScript archives are not read; open_clip's own files are",
        ) from error


def _brief(error: BaseException) -> str:
    """The first lines: mismatches list every name."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]} ..."
