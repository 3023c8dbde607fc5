"""The measures keep to the contract, refuse to run without weights, and say what their words mean."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from curator_clip.aesthetic import Aesthetic
from curator_clip.embedding import Embedding
from curator_clip.network import Fit
from curator_clip.relevance import Relevance
from curator_clip.tests.tiny import Tiny, digest
from omegaconf import OmegaConf

from curator.errors import MeasureError, RecipeErrors
from curator.plan.logical import Node
from curator.spec.compile import compile_recipe
from curator.spec.operand import resolve_vector
from curator.spec.yaml_file import text_keys
from curator.store.key import digest as key_of
from curator.store.weights import resolve
from curator.testing.measure import MeasureTests, scene
from curator.testing.tiles import Footage, run

YES, NO = ("a person talking to the camera",), ("a slide", "a crowd")


def relevance(tiny: Tiny, **changed: Any) -> Relevance:
    return Relevance(**{"yes": YES, "no": NO, **tiny.settings, **changed})


def head(folder: Path, *, size: int = 24, layers: tuple[int, ...] = (1,)) -> Path:
    """An aesthetic head with the names of the published ones."""
    torch.manual_seed(1)
    sizes, arrays = (size, *layers), {}
    names = ("",) if len(layers) == 1 else tuple(f"layers.{k}." for k in (0, 2, 4, 6, 7))
    for name, taken, given in zip(names, sizes, sizes[1:], strict=False):
        arrays[f"{name}weight"] = torch.randn(given, taken)
        arrays[f"{name}bias"] = torch.randn(given)
    path = folder / f"head-{len(layers)}-{size}"
    torch.save(arrays, path)
    return path


def aesthetic(tiny: Tiny, path: Path) -> Aesthetic:
    return Aesthetic(**tiny.settings, head=path.as_uri(), head_sha256=digest(path))


class _WithFiles(MeasureTests):
    files: ClassVar[Mapping[str, Path]]

    def weights(self) -> Mapping[str, Path]:
        return self.files


class TestRelevance(_WithFiles):
    @pytest.fixture(autouse=True)
    def _made(self, tiny: Tiny) -> None:
        type(self).measure, type(self).files = relevance(tiny), tiny.files


class TestEmbedding(_WithFiles):
    @pytest.fixture(autouse=True)
    def _made(self, tiny: Tiny) -> None:
        type(self).measure, type(self).files = Embedding(**tiny.settings), tiny.files


class TestAesthetic(_WithFiles):
    @pytest.fixture(autouse=True)
    def _made(self, tiny: Tiny, tmp_path: Path) -> None:
        path = head(tmp_path)
        type(self).measure, type(self).files = aesthetic(tiny, path), {**tiny.files, "head": path}


# --- what the numbers are


def test_margin_is_the_softmax_over_all_prompts_at_the_networks_own_scale(tiny: Tiny) -> None:
    series = run(relevance(tiny), scene(), weights=tiny.files)
    pictures = series["embedding"].values.astype(np.float64)
    package_words = _words(tiny, (*YES, *NO))
    cosines = pictures @ package_words.T  # of vectors in half precision
    assert series["yes_similarity"].values == pytest.approx(cosines[:, 0], abs=2e-3)
    assert series["no_similarity"].values == pytest.approx(cosines[:, 1:].max(axis=1), abs=2e-3)
    powers = np.exp(100 * (cosines - cosines.max(axis=1, keepdims=True)))
    share = powers[:, 0] / powers.sum(axis=1)
    assert series["probability"].values == pytest.approx(share, abs=0.05)
    assert series["margin"].values == pytest.approx(2 * series["probability"].values - 1, abs=1e-6)


def _words(tiny: Tiny, prompts: tuple[str, ...]) -> np.ndarray:
    from curator_clip.describe import open_clip

    tokens = open_clip().get_tokenizer(f"local-dir:{tiny.folder / 'local'}")(list(prompts))
    with torch.inference_mode():
        return tiny.model.encode_text(tokens, normalize=True).numpy().astype(np.float64)


def test_what_is_asked_for_is_the_opposite_of_what_is_not(tiny: Tiny) -> None:
    one = run(relevance(tiny), scene(), weights=tiny.files)
    other = run(relevance(tiny, yes=NO, no=YES), scene(), weights=tiny.files)
    assert one["margin"].values == pytest.approx(-other["margin"].values, abs=1e-6)
    assert np.array_equal(one["yes_similarity"].values, other["no_similarity"].values)


def test_other_prompts_change_nothing_about_a_prompt_or_a_picture(tiny: Tiny) -> None:
    one = run(relevance(tiny), scene(), weights=tiny.files)
    more = run(relevance(tiny, no=(*NO, "an empty room")), scene(), weights=tiny.files)
    assert np.array_equal(one["yes_similarity"].values, more["yes_similarity"].values)
    assert one["embedding"] == more["embedding"]
    assert np.all(more["margin"].values <= one["margin"].values)


def test_a_frame_alone_has_the_same_bits_as_in_company(tiny: Tiny) -> None:
    measure = relevance(tiny)
    whole = run(measure, Footage(scene().frames[::25], fps=Fraction(1)), weights=tiny.files)
    for index in (0, 4, 7):
        alone = Footage(scene().frames[25 * index : 25 * index + 1], fps=Fraction(1))
        one = run(measure, alone, weights=tiny.files)
        for name, series in one.items():
            assert np.array_equal(series.values[0], whole[name].values[index]), name


def test_vectors_have_length_one_and_the_networks_own_size(tiny: Tiny) -> None:
    vectors = run(Embedding(**tiny.settings), scene(), weights=tiny.files)["embedding"].values
    assert vectors.shape == (9, 24)
    assert np.linalg.norm(vectors.astype(np.float64), axis=1) == pytest.approx(1, abs=1e-3)


def test_the_mark_is_what_the_layers_of_the_head_make_of_a_vector(
    tiny: Tiny, tmp_path: Path
) -> None:
    for layers in ((1,), (12, 8, 6, 4, 1)):
        path = head(tmp_path, layers=layers)
        held = torch.load(path, weights_only=True)
        names = sorted({name.removesuffix("weight").removesuffix("bias") for name in held})
        files = {**tiny.files, "head": path}
        series = run(aesthetic(tiny, path), scene(), weights=files)
        vector = run(Embedding(**tiny.settings), scene(), weights=tiny.files)["embedding"].values
        value = torch.from_numpy(vector.astype(np.float32))
        for name in names:
            value = torch.nn.functional.linear(value, held[f"{name}weight"], held[f"{name}bias"])
        assert series["score"].values == pytest.approx(value[:, 0].numpy(), rel=0.02, abs=0.02)


def test_a_head_for_another_network_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    for path in (
        head(tmp_path, size=32),
        head(tmp_path, layers=(2,), size=24),
        tiny.checkpoint,
        tiny.config,
    ):
        files = {**tiny.files, "head": path}
        with pytest.raises(MeasureError) as caught:
            aesthetic(tiny, path).start(files)
        assert caught.value.reason == "weights-mismatch"


# --- settings


@pytest.mark.parametrize("kind", [Relevance, Embedding, Aesthetic])
def test_without_weights_a_measure_can_be_described_and_not_started(kind: Any) -> None:
    assert kind().weights == ()
    with pytest.raises(MeasureError) as caught:
        kind().start({})
    assert caught.value.reason == "weights-missing"


@pytest.mark.parametrize(
    "changed",
    [
        {"checkpoint": ""},
        {"sha256": ""},
        {"sha256": "ABC"},
        {"model": "ViT-B-32"},
        {"config": ""},
        {"training": "openai"},
        {"config_sha256": "0" * 63},
        {"yes": ()},
        {"no": ()},
        {"no": (*NO, *YES)},
        {"yes": (" ",)},
        {"fps": 0.0},
        {"max_side_px": 16},
        {"tokenizer": "tokenizer.json", "tokenizer_sha256": "0" * 64},
        {"tokenizer": "tokenizer.json", "tokenizer_config": "tokenizer_config.json"},
    ],
    ids=str,
)
def test_settings_that_name_no_certain_computation_are_refused(
    tiny: Tiny, changed: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        relevance(tiny, **changed)


def test_prompts_alone_are_refused_where_the_recipe_is_read() -> None:
    node = {
        "name": "words",
        "target": "avatar",
        "sources": {"films": {"url": "a.mp4", "license": "CC0-1.0"}},
        "measure": {"talk": {"op": "relevance", "yes": ["a face"], "no": ["a slide"]}},
        "keep": {"talk": {"of": "talk.margin.median", "min": 0}},
    }
    with pytest.raises(RecipeErrors) as caught:
        compile_recipe(node)
    [error] = caught.value.errors
    assert error.reason == "recipe-out-of-range"
    assert "checkpoint" in error.message


def test_the_recipe_of_the_readme_compiles_and_its_words_reach_the_measure() -> None:
    readme = Path(__file__).parents[1] / "README.md"
    blocks = readme.read_text().split("```yaml\n")[1:]
    some = "0" * 64
    texts = [
        block.partition("```")[0].replace("<64 hex digits that sha256sum prints>", f"'{some}'")
        for block in blocks
    ]
    assert len(texts) == 3
    footage = {"films": {"url": "a.mp4", "license": "CC0-1.0"}}
    for text in texts:
        node = {
            "name": "words",
            "target": "avatar",
            "sources": footage,
            **OmegaConf.to_container(OmegaConf.create(text_keys(text))),
        }
        recipe = compile_recipe(node)
        for name, spec in recipe.measure.items():
            assert spec.params["sha256"], name
        assert recipe.keep or recipe.segment.where


def test_vectors_can_be_compared_by(tiny: Tiny) -> None:
    recipe = compile_recipe(
        {
            "name": "words",
            "target": "avatar",
            "sources": {"films": {"url": "a.mp4", "license": "CC0-1.0"}},
            "measure": {"seen": {"op": "embedding", **tiny.settings}},
            "distinct": {"vectors": {"seen": {"of": "seen.embedding", "max_distance": 0.05}}},
        }
    )
    assert resolve_vector("seen.embedding", recipe.measure).op == "embedding"


# --- keys


def _key(measure: Relevance) -> str:
    return key_of(Node("talk", "relevance", measure).document(fingerprint="f", grid="g"))


@pytest.mark.parametrize(
    "changed",
    [
        {"yes": ("a person",)},
        {"no": tuple(reversed(NO))},
        {"sha256": "0" * 64},
        {"config_sha256": "0" * 64},
        {"fit": Fit.whole},
        {"fps": 2.0},
        {"max_side_px": 640},
    ],
    ids=str,
)
def test_what_can_change_a_number_changes_the_key(tiny: Tiny, changed: dict[str, Any]) -> None:
    assert _key(relevance(tiny, **changed)) != _key(relevance(tiny))


@pytest.mark.parametrize(
    "changed",
    [{"checkpoint": "hf://a/b@main/c.safetensors"}, {"config": "/elsewhere"}, {"license": "MIT"}],
    ids=str,
)
def test_where_the_files_lie_does_not(tiny: Tiny, changed: dict[str, Any]) -> None:
    assert _key(relevance(tiny, **changed)) == _key(relevance(tiny))


def test_the_tokenizer_is_in_the_key_by_its_digest(tiny: Tiny) -> None:
    def worded(digit: str, where: str) -> Relevance:
        words = {"tokenizer": f"{where}.json", "tokenizer_config": f"{where}_config.json"}
        digests = {f"{name}_sha256": digit * 64 for name in words}
        return relevance(tiny, **words, **digests)

    names = [one.name for one in worded("0", "here").weights]
    assert names == ["checkpoint", "config", "tokenizer", "tokenizer_config"]
    assert _key(worded("0", "here")) == _key(worded("0", "there"))
    assert len({_key(worded("0", "x")), _key(worded("1", "x")), _key(relevance(tiny))}) == 3


def test_the_architecture_and_the_training_are_in_the_key(tiny: Tiny) -> None:
    def named(**changed: str) -> Relevance:
        return relevance(
            tiny, **{"config": "", "config_sha256": "", "model": "ViT-B-16", **changed}
        )

    keys = {_key(named()), _key(named(model="ViT-B-32")), _key(named(training="openai"))}
    assert len(keys) == 3


def test_the_store_hands_out_what_the_recipe_names(tiny: Tiny, tmp_path: Path) -> None:
    measure = relevance(tiny, checkpoint=str(tiny.checkpoint))
    files = {one.name: resolve(one, tmp_path / "store") for one in measure.weights}
    assert {one.license for one in measure.weights} == {"CC0-1.0"}
    footage = Footage(scene().frames[:30])
    assert run(measure, footage, weights=files) == run(measure, footage, weights=tiny.files)
