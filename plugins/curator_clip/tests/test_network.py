"""Networks are loaded whole or not at all, and give the very numbers that open_clip gives."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from curator_clip import encoder as encoder_module
from curator_clip.describe import Source, describe, open_clip
from curator_clip.embedding import Embedding
from curator_clip.encoder import Encoder, shared_encoder
from curator_clip.load import open_network, open_tokenizer
from curator_clip.relevance import Relevance
from curator_clip.tests.tiny import ARCHITECTURE, PREPARED_BY, Tiny
from PIL import Image

from curator.abc.measure import FrameBlock, Tile
from curator.errors import MeasureError
from curator.media.decode import DecodeStats, read_tiles
from curator.media.probe import probe
from curator.model.tile import Tiles
from curator.testing.measure import scene

Pictures = npt.NDArray[np.uint8]


def source(tiny: Tiny, **changed: Any) -> Source:
    given = {
        "model": "",
        "training": "",
        "config": tiny.config,
        "checkpoint": tiny.checkpoint,
        "digests": ("", ""),
        "fit": "published",
    }
    return Source(**{**given, **changed})


def reference(tiny: Tiny, frames: Pictures, **prepared_by: Any) -> npt.NDArray[np.float32]:
    """open_clip's own vectors of pictures, from the network that was never in a file."""
    package = open_clip()
    how = package.transform.PreprocessCfg(**{**PREPARED_BY, "size": 32, **prepared_by})
    prepare = package.transform.image_transform_v2(how, is_train=False)
    with torch.inference_mode():
        rows = [prepare(Image.fromarray(frame))[None] for frame in frames]
        found = [tiny.model.encode_image(row, normalize=True)[0] for row in rows]
    return torch.stack(found).numpy()


# --- the same numbers as open_clip


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_pictures_have_open_clips_own_vectors_bit_by_bit(tmp_path: Path, kind: str) -> None:
    tiny, frames = Tiny(tmp_path, format=kind), scene().frames[::60]
    assert np.array_equal(Encoder(source(tiny)).pictures(frames), reference(tiny, frames))


def test_words_have_open_clips_own_vectors_bit_by_bit(tiny: Tiny) -> None:
    prompts = ("a person talking to the camera", "Ein Straßencafé, 2 people")
    made = Encoder(source(tiny))
    made.learn(prompts, {})
    tokenize = open_clip().get_tokenizer(f"local-dir:{tiny.folder / 'local'}")
    with torch.inference_mode():
        for prompt, vector in zip(prompts, made.prompts(prompts), strict=True):
            theirs = tiny.model.encode_text(tokenize([prompt]), normalize=True)[0]
            assert np.array_equal(vector, theirs.numpy())
    assert made.scale == pytest.approx(100, rel=1e-5)


@pytest.mark.parametrize(("fit", "mode"), [("whole", "longest"), ("squash", "squash")])
def test_a_picture_can_be_seen_whole(tiny: Tiny, fit: str, mode: str) -> None:
    frames = scene().frames[:1]
    seen = Encoder(source(tiny, fit=fit)).pictures(frames)
    assert np.array_equal(seen, reference(tiny, frames, resize_mode=mode))
    assert not np.array_equal(seen, reference(tiny, frames))


def test_what_lies_at_the_sides_of_a_wide_picture_is_seen_only_when_asked_for(tiny: Tiny) -> None:
    wide = np.zeros((1, 60, 160, 3), np.uint8)
    marked = wide.copy()
    marked[:, :, :40] = 255
    for fit, same in (("published", True), ("whole", False), ("squash", False)):
        made = Encoder(source(tiny, fit=fit))
        assert np.array_equal(made.pictures(wide), made.pictures(marked)) is same


def test_files_of_half_precision_are_read(tiny: Tiny, tmp_path: Path) -> None:
    halves = {name: one.half() for name, one in tiny.model.state_dict().items()}
    torch.save({"state_dict": {f"module.{k}": v for k, v in halves.items()}}, tmp_path / "half")
    frames = scene().frames[:1]
    seen = Encoder(source(tiny, checkpoint=tmp_path / "half")).pictures(frames)
    assert seen == pytest.approx(reference(tiny, frames), abs=5e-3)


def test_the_view_costs_little_against_the_original_size(tiny: Tiny) -> None:
    """Pictures come to the network through a view of 640 px: area filter first, bicubic after."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (36, 64, 3), dtype=np.uint8)
    large = cv2.resize(coarse, (1920, 1080), interpolation=cv2.INTER_CUBIC)
    large = np.clip(large + rng.normal(0, 12, large.shape), 0, 255).astype(np.uint8)
    view = cv2.resize(large, (640, 360), interpolation=cv2.INTER_AREA)
    direct, through = (reference(tiny, one[None])[0] for one in (large, view))
    assert not np.array_equal(direct, through)
    assert float(direct @ through) > 0.999


def test_frames_of_a_file_are_seen_as_open_clip_sees_them(tiny: Tiny, footage: Path) -> None:
    measure = Embedding(**tiny.settings)
    found = probe(footage)
    [need] = measure.needs.values()
    running = measure.start(tiny.files)
    for one in read_tiles(footage, found, (need,), Tiles.all(1), stats=DecodeStats()):
        block = one.blocks[need]
        assert isinstance(block, FrameBlock)
        tile = Tile(one.index, one.span, found.info, {"rgb": block}, {})
        vectors = running.tile(tile)["embedding"].values
        theirs = reference(tiny, block.pixels[block.own]).astype(np.float16)
        assert len(vectors) >= 2
        assert np.array_equal(vectors, theirs)


@pytest.fixture
def footage() -> Path:
    return Path(__file__).parents[3] / "tests" / "data" / "footage" / "juggle_720p.mp4"


# --- once in a process


def test_measures_with_the_same_network_look_at_a_frame_once(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_encoder.cache_clear()
    looks: list[int] = []
    look = encoder_module._look

    def counted(network: Any, frame: Pictures) -> Any:
        looks.append(1)
        return look(network, frame)

    monkeypatch.setattr(encoder_module, "_look", counted)
    first = Relevance(yes=("a cat",), no=("a dog",), **tiny.settings)
    second = Relevance(yes=("a hand",), no=("a face", "a cat"), **tiny.settings)
    frames = scene().frames[::50]
    for measure in (first, second, Embedding(**tiny.settings)):
        made = measure.encoder(tiny.files, ("a cat", "a dog"))
        vectors = made.pictures(frames)
    assert len(looks) == len(frames)
    assert np.array_equal(vectors, reference(tiny, frames))


def test_memory_of_frames_has_an_end(tiny: Tiny) -> None:
    made = Encoder(source(tiny))
    for index in range(encoder_module._REMEMBERED + 5):
        made.pictures(np.full((1, 8, 8, 3), index, np.uint8))
    assert len(made._seen) == encoder_module._REMEMBERED


def test_the_text_tower_is_let_go_and_comes_back_for_new_words(tiny: Tiny) -> None:
    made, fresh = Encoder(source(tiny)), Encoder(source(tiny))
    size = sum(one.numel() for one in made._network.model.parameters())
    made.learn(["a cat"], {})
    assert sum(one.numel() for one in made._network.model.parameters()) < size / 10
    made.learn(["a cat", "a dog"], {})
    fresh.learn(["a dog", "a cat"], {})
    prompts = ("a cat", "a dog")
    assert np.array_equal(made.prompts(prompts), fresh.prompts(prompts))


def test_open_clip_leaves_the_root_logger_alone(tiny: Tiny, capfd: Any) -> None:
    before = list(logging.getLogger().handlers)
    open_network(source(tiny))
    assert logging.getLogger().handlers == before
    assert torch.get_num_threads() == 1


# --- never the wrong numbers


def changed(tiny: Tiny, folder: Path, how: str) -> Path:
    arrays = dict(tiny.model.state_dict())
    if how == "lacks one":
        arrays.pop("visual.proj")
    elif how == "has another":
        arrays["visual.more"] = torch.zeros(1)
    elif how == "another shape":
        arrays["visual.proj"] = torch.zeros(32, 25)
    path = folder / how.replace(" ", "-")
    torch.save(arrays, path)
    return path


@pytest.mark.parametrize("how", ["lacks one", "has another", "another shape"])
def test_a_checkpoint_of_another_network_is_refused(tiny: Tiny, tmp_path: Path, how: str) -> None:
    with pytest.raises(MeasureError) as caught:
        open_network(source(tiny, checkpoint=changed(tiny, tmp_path, how)))
    assert caught.value.reason == "weights-mismatch"


@pytest.mark.parametrize(
    "content",
    [b"", b"no network", b"PK\x03\x04torn", b"\x08\0\0\0\0\0\0\0{broken", json.dumps([1]).encode()],
    ids=["empty", "text", "torn zip", "torn safetensors", "json"],
)
def test_a_file_that_is_no_checkpoint_is_refused(
    tiny: Tiny, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(MeasureError) as caught:
        open_network(source(tiny, checkpoint=tmp_path / "file"))
    assert caught.value.reason == "weights-mismatch"


def test_a_checkpoint_cannot_run_code(tiny: Tiny, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"state_dict": Trap()}, tmp_path / "trap")
    with pytest.raises(MeasureError):
        open_network(source(tiny, checkpoint=tmp_path / "trap"))
    assert not (tmp_path / "sprung").exists()


# --- what a name means


def named(tiny: Tiny, model: str, training: str = "") -> dict[str, Any]:
    return describe(source(tiny, config=None, model=model, training=training))


def test_a_training_decides_activation_and_preparation(tiny: Tiny) -> None:
    assert named(tiny, "ViT-B-32", "openai")["model_cfg"]["quick_gelu"] is True
    assert named(tiny, "ViT-B-32", "laion2b_s34b_b79k")["model_cfg"]["quick_gelu"] is False
    assert named(tiny, "ViT-L-14", "laion2b_s32b_b82k")["preprocess_cfg"]["mean"][0] == 0.5
    siglip = named(tiny, "ViT-B-16-SigLIP")  # one training, so it need not be named
    assert siglip["preprocess_cfg"]["resize_mode"] == "squash"
    assert named(tiny, "ViT-B-32-quickgelu", "openai")["model_cfg"]["quick_gelu"] is True
    assert named(tiny, "ViT-M-16")["preprocess_cfg"] == {}  # never published: open_clip's defaults


@pytest.mark.parametrize(
    ("model", "training", "reason", "hint"),
    [
        ("ViT-B-32", "", "clip-training", "openai"),
        ("ViT-L-14-336", "", "clip-training", "openai"),  # published with another activation
        ("ViT-B-32", "laion2b_s34b_b79", "clip-training", "laion2b_s34b_b79k"),
        ("ViT-B32", "", "clip-model", "ViT-B-32"),
        ("hf-hub:a/b", "", "clip-model", ""),
        ("local-dir:/tmp", "", "clip-model", ""),
        ("roberta-ViT-B-32", "", "clip-words", "hf_model_name"),
    ],
)
def test_a_name_that_leaves_a_choice_is_refused_with_what_there_is(
    tiny: Tiny, model: str, training: str, reason: str, hint: str
) -> None:
    with pytest.raises(MeasureError) as caught:
        named(tiny, model, training)
    assert caught.value.reason == reason
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        '{"model_cfg": {}}',
        '{"model_cfg": 3}',
        '{"model_cfg": "embed_dim"}',
        '{"model_cfg": {"embed_dim": 1, "vision_cfg": {}, "text_cfg": 3}}',
    ],
)
def test_a_config_that_is_none_is_refused(tiny: Tiny, tmp_path: Path, content: str) -> None:
    (tmp_path / "config").write_text(content)
    with pytest.raises(MeasureError) as caught:
        describe(source(tiny, config=tmp_path / "config"))
    assert caught.value.reason == "clip-model"


@pytest.fixture
def wordy(tiny: Tiny, tmp_path: Path) -> Source:
    """The small network, said to read words with a tokenizer of its own."""
    text = {
        **ARCHITECTURE["text_cfg"],
        "hf_tokenizer_name": "owner/words",
        "tokenizer_kwargs": {"clean": "canonicalize"},
    }
    described = {"model_cfg": {**ARCHITECTURE, "text_cfg": text}, "preprocess_cfg": PREPARED_BY}
    (tmp_path / "config").write_text(json.dumps(described))
    return source(tiny, config=tmp_path / "config")


@pytest.fixture
def words(tmp_path: Path) -> dict[str, Path]:
    """A tokenizer as the Hub has them, of seven words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    known = ("<pad>", "</s>", "<unk>", "a", "cat", "dog", "slide")
    made = Tokenizer(models.WordLevel({w: k for k, w in enumerate(known)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    made.save(str(tmp_path / ("0" * 64)))
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
    }
    (tmp_path / ("1" * 64)).write_text(json.dumps(about))
    return {
        "tokenizer.json": tmp_path / ("0" * 64),
        "tokenizer_config.json": tmp_path / ("1" * 64),
    }


def test_words_of_a_network_with_its_own_tokenizer_are_read_by_its_files(
    tiny: Tiny, wordy: Source, words: dict[str, Path]
) -> None:
    made = Encoder(wordy)
    made.learn(["a Cat!", "a dog"], words)
    for prompt, number in (("a Cat!", 4), ("a dog", 5)):
        tokens = torch.zeros(1, 16, dtype=torch.long)
        tokens[0, :3] = torch.tensor([3, number, 1])
        with torch.inference_mode():
            theirs = tiny.model.encode_text(tokens, normalize=True)[0]
        assert np.array_equal(made.prompts([prompt])[0], theirs.numpy())
    made.learn([" ".join(["cat"] * 15)], words)
    with pytest.raises(MeasureError) as caught:
        made.learn([" ".join(["cat"] * 16)], words)
    assert caught.value.reason == "prompt-too-long"


def test_without_these_files_words_are_refused_and_pictures_are_not(
    tiny: Tiny, wordy: Source
) -> None:
    made = Encoder(wordy)
    frames = scene().frames[:1]
    assert np.array_equal(made.pictures(frames), reference(tiny, frames))
    with pytest.raises(MeasureError) as caught:
        made.learn(["a cat"], {})
    assert caught.value.reason == "clip-words"
    assert "tokenizer_config" in (caught.value.hint or "")


@pytest.mark.parametrize("torn", ["tokenizer.json", "tokenizer_config.json"])
def test_files_that_are_no_tokenizer_are_refused(
    wordy: Source, words: dict[str, Path], torn: str
) -> None:
    words[torn].write_text("{")
    with pytest.raises(MeasureError) as caught:
        open_tokenizer(wordy, words)
    assert caught.value.reason == "clip-words"


def test_a_tokenizer_cannot_bring_code(wordy: Source, words: dict[str, Path]) -> None:
    path = words["tokenizer_config.json"]
    path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": {"x": "a/b--c.D"}}))
    with pytest.raises(MeasureError) as caught:
        open_tokenizer(wordy, words)
    assert caught.value.reason == "clip-words"
    assert "auto_map" in caught.value.message


@pytest.mark.parametrize(
    ("section", "asked"),
    [
        ("text_cfg", {"tokenizer_kwargs": {"trust_remote_code": True}}),
        ("vision_cfg", {"timm_model_name": "hf-hub:owner/network"}),
    ],
)
def test_a_config_cannot_fetch_anything(
    tiny: Tiny, tmp_path: Path, section: str, asked: dict[str, Any]
) -> None:
    model = {**ARCHITECTURE, section: {**ARCHITECTURE[section], **asked}}
    (tmp_path / "config").write_text(json.dumps({"model_cfg": model}))
    with pytest.raises(MeasureError) as caught:
        open_network(source(tiny, config=tmp_path / "config"))
    assert caught.value.reason == "clip-model"


def test_every_architecture_of_open_clip_can_be_described(tiny: Tiny) -> None:
    """But those whose text tower or training leaves something open, which say so."""
    reasons: dict[str, list[str]] = {}
    for name in open_clip().list_models():
        try:
            assert named(tiny, name)["model_cfg"]["embed_dim"] > 0
            reasons.setdefault("", []).append(name)
        except MeasureError as error:
            reasons.setdefault(error.reason, []).append(name)
    assert set(reasons) == {"", "clip-training", "clip-words"}
    assert set(reasons["clip-training"]) >= {"ViT-B-32", "ViT-L-14", "ViT-H-14"}
    assert len(reasons[""]) > 100


def test_a_prompt_that_would_be_cut_off_is_refused(tiny: Tiny) -> None:
    made = Encoder(source(tiny))
    made.learn([" ".join(["cat"] * 14)], {})
    with pytest.raises(MeasureError) as caught:
        made.learn([" ".join(["cat"] * 15)], {})
    assert caught.value.reason == "prompt-too-long"
