"""An open_clip network from files, by open_clip's own strict loader, and never with invented numbers."""

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
from curator_clip.describe import Source, describe, missing, open_clip

__all__ = ["Loaded", "is_safetensors", "open_network", "open_tokenizer"]

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


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A loaded network."""

    model: Any
    prepare: Any
    """From a PIL picture to what the network takes."""
    size: int
    """Numbers in a vector."""


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
    suffix = "safetensors" if is_safetensors(source.checkpoint) else "bin"
    files = {f"open_clip_model.{suffix}": source.checkpoint}
    with _folder(described, files) as folder, _calm():
        model = _created(package, folder, source)
    prepared_by = package.transform.PreprocessCfg(**model.visual.preprocess_cfg)
    return Loaded(
        model=model.eval(),
        prepare=package.transform.image_transform_v2(prepared_by, is_train=False),
        size=int(described["model_cfg"]["embed_dim"]),
    )


def open_tokenizer(source: Source, files: Mapping[str, Path]) -> Any:
    """What turns words into the numbers that a network reads: open_clip's own, or one from `files`.

    Args:
        source: the network.
        files: of the tokenizer that it was trained with, by the names that they have on the Hub.

    Raises:
        MeasureError: ``clip-words`` for a network whose tokenizer is not open_clip's when there are no
            files or they are no tokenizer, ``extra-missing`` without transformers.
    """
    package = open_clip()
    described = describe(source)
    trained_with = described["model_cfg"]["text_cfg"].get("hf_tokenizer_name", "")
    if trained_with and not files:
        raise MeasureError(
            f"the network reads words with the tokenizer '{trained_with}', which is no part of open_clip",
            reason="clip-words",
            hint="set `tokenizer` and `tokenizer_config`: files of the repository that has the weights",
        )
    with _folder(described, files if trained_with else {}) as folder, _calm():
        try:
            if trained_with:
                _vet_words(files)
            return package.get_tokenizer(f"local-dir:{folder}")
        except ImportError as error:
            raise missing(error) from error
        except (*_BROKEN, OSError) as error:
            raise MeasureError(
                f"the tokenizer cannot be read: {_brief(error)}", reason="clip-words"
            ) from error


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: a length of 8 bytes, then JSON."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _vet_words(files: Mapping[str, Path]) -> None:
    """The same for the files of a tokenizer."""
    about = json.loads(files["tokenizer_config.json"].read_text(encoding="utf-8"))
    if not isinstance(about, dict) or "auto_map" in about:
        raise ValueError("`tokenizer_config` may not bring code of its own (`auto_map`)")


@contextlib.contextmanager
def _folder(described: Mapping[str, Any], files: Mapping[str, Path]) -> Iterator[Path]:
    """A folder as open_clip reads them: it goes by names, and the store's files are named by digest."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "open_clip_config.json").write_text(json.dumps(described), encoding="utf-8")
        for file, path in files.items():
            (folder / file).symlink_to(path.absolute())
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
