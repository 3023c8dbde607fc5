"""The logical plan: what must be known of every video so that a recipe can be decided."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from curator.abc.measure import AudioNeed, FrameNeed, Measure
from curator.abc.shots import ShotDetector
from curator.plan.checks import Check, Scope
from curator.plan.sync import Alignment
from curator.registry import load_aligner, load_measure, load_shots
from curator.spec.crops import crop_series
from curator.spec.manifests import is_manifest, resolve_manifest
from curator.spec.operand import (
    Operand,
    key_settings,
    measure_instance,
    resolve,
    resolve_condition,
    resolve_series,
    resolve_vector,
)
from curator.spec.operators import instance
from curator.spec.recipe import AlignSpec, Condition, Recipe
from curator.spec.selection import GROUPS
from curator.spec.told import is_told, resolve_told, track_of
from curator.spec.tracks import OWN_AUDIO, sidecar_of

__all__ = [
    "FORMAT",
    "PHASH",
    "POSTER",
    "SHOTS",
    "SNAP",
    "SPLIT",
    "LogicalPlan",
    "Node",
    "compile_plan",
]

FORMAT = 1
"""Part of every key: raise it to orphan every fact."""
SHOTS = "shots"
"""Name of the node that finds the cuts."""
POSTER = "poster"
"""Name of the node that takes the pictures of the report."""
SNAP = "segment.snap"
"""Name of the check that lets everything through: its series must be known before clips are found."""
SPLIT = "segment.split."
"""What names of such checks begin with for the series that stretches are split by."""
PHASH = "phash"
"""Name of the node whose hashes tell copies."""


@dataclass(frozen=True, slots=True)
class Node:
    """A measure with its settings: one computation that the plan needs."""

    name: str
    """The name that conditions use; it is not part of the key."""
    op: str
    measure: Measure

    @property
    def looks(self) -> bool:
        """Whether it needs pictures."""
        return any(isinstance(need, FrameNeed) for need in self.measure.needs.values())

    @property
    def listens(self) -> bool:
        """Whether it needs sound."""
        return any(isinstance(need, AudioNeed) for need in self.measure.needs.values())

    @property
    def detector(self) -> ShotDetector:
        """The measure as a shot detector; only for the node `SHOTS`."""
        assert self.name == SHOTS, "only the shots node is a detector"
        return cast("ShotDetector", self.measure)

    def settings(self) -> Mapping[str, Any]:
        """Every setting that can change a result, by name, resolved: the `params` of its key."""
        return key_settings(self.measure)

    def document(self, *, fingerprint: str, grid: str) -> dict[str, Any]:
        """The key's document: everything that can change the result, and nothing else.

        Args:
            fingerprint: of the video's content.
            grid: digest of the probe's output, which holds the native time grid.
        """
        return {
            "format": FORMAT,
            "kind": "measure",
            "op": self.op,
            "version": self.measure.version,
            "params": dict(self.settings()),
            "weights": {weight.name: weight.sha256 for weight in self.measure.weights},
            "view": "views/1 tiles/4s",
            "inputs": {"video": fingerprint, "grid": grid},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalPlan:
    """What must be known. Nodes that nothing asks for are not in it."""

    recipe: Recipe
    nodes: Mapping[str, Node]
    """By name: `SHOTS`, `POSTER` and every measure that a check, a comparison, a quota or a track uses."""
    checks: tuple[Check, ...]
    """Video checks, then frame checks, then clip checks; recipe order inside each."""
    asked: tuple[Operand, ...] = ()
    """Numbers per clip that no check looks at, but a preference or a quota does."""
    tracks: Mapping[str, Operand] = field(default_factory=dict)
    """Series that are released with samples, by the track's name."""
    crop: Mapping[str, Operand] = field(default_factory=dict)
    """Series that say where the subject and the picture are, by role (`crop_series`)."""
    sidecars: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Tracks of sidecars that are released with samples: name to (role, track)."""
    sound: str | None = None
    """Role of the sidecar whose sound samples carry; None for the video's own."""
    cameras: Mapping[str, str] = field(default_factory=dict)
    """More videos that samples carry: name to role."""
    transcript: tuple[str, str] | None = None
    """(role, track) of the text between whose sentences clips begin and end."""
    alignments: tuple[Alignment, ...] = ()
    """What must agree with the pictures, in recipe order."""
    for_sync: frozenset[str] = frozenset()
    """Nodes that only alignments ask for: they run on clips that everything else has kept."""
    vectors: tuple[Operand, ...] = ()
    """Series of vectors by which clips are compared or grouped."""

    @property
    def settles(self) -> bool:
        """Whether clips of all videos are looked at together, once each video is decided."""
        return self.recipe.distinct is not None or bool(self.recipe.balance)

    @property
    def roles(self) -> frozenset[str]:
        """Sidecars that the recipe uses."""
        named = {role for role, _ in self.sidecars.values()}
        named |= set(self.cameras.values())
        named |= {one.role for one in self.alignments if one.role is not None}
        named |= self.told_roles
        return frozenset(named | ({self.sound} if self.sound else set()))

    @property
    def told(self) -> Mapping[str, tuple[str, str]]:
        """Tracks that checks are about: the operand's `measure` to (role, track)."""
        found = {check.operand.measure: track_of(check.operand) for check in self.checks}
        return {name: one for name, one in found.items() if one is not None}

    @property
    def told_roles(self) -> frozenset[str]:
        """Sidecars that must be read before clips can be judged."""
        named = {role for role, _ in self.told.values()}
        return frozenset(named | ({self.transcript[0]} if self.transcript else set()))

    def aligned(self, check: Check) -> str | None:
        """The alignment that has to be settled before `check` can ask its track, if there is one.

        Where clips are is decided before anything is aligned, by the declared clock.
        """
        found = track_of(check.operand)
        if found is None or check.scope is not Scope.clip:
            return None
        role, track = found
        of = (one for one in self.alignments if one.role == role)
        ours = (one for one in of if one.track in ("", track) or track.startswith(f"{one.track}."))
        return next((one.name for one in ours), None)

    @property
    def judged(self) -> LogicalPlan:
        """The plan without what only alignments ask for: what the cascade orders."""
        rest = {name: node for name, node in self.nodes.items() if name not in self.for_sync}
        return dataclasses.replace(self, nodes=rest)

    def scoped(self, scope: Scope) -> tuple[Check, ...]:
        """The checks of one scope, in recipe order."""
        return tuple(check for check in self.checks if check.scope is scope)

    def checks_of(self, node: str, scope: Scope) -> tuple[Check, ...]:
        """The checks of one scope that read `node`."""
        return tuple(c for c in self.scoped(scope) if c.operand.measure == node)


def compile_plan(recipe: Recipe) -> LogicalPlan:
    """The logical plan of a checked recipe. Only the measures that it uses are imported.

    Raises:
        MeasureError: when an operator is not installed.
    """
    nodes: dict[str, Node] = {}
    checks: list[Check] = []
    for section, conditions in (("where", recipe.segment.where), ("keep", recipe.keep)):
        for name, condition in conditions.items():
            checks.append(_check(recipe, section, name, condition, nodes))
    if recipe.segment.snap is not None:
        operand = resolve_series(recipe.segment.snap.of, recipe.measure)
        _add_node(nodes, operand)
        checks.append(Check.unbounded(SNAP, operand))
    checks += _splits(recipe, nodes)
    asked, vectors = _compared_by(recipe)
    tracks = {
        name: resolve_series(track.of, recipe.measure)
        for name, track in recipe.sample.tracks.items()
        if sidecar_of(track.of) is None
    }
    crop = {
        role: resolve_series(of, recipe.measure)
        for role, of in crop_series(recipe.sample.video).items()
    }
    for operand in (*asked, *vectors, *tracks.values(), *crop.values()):
        _add_node(nodes, operand)
    if recipe.distinct is not None and recipe.distinct.pictures:
        nodes.setdefault(PHASH, Node(PHASH, PHASH, measure_instance(load_measure(PHASH), {})))
    detector = measure_instance(load_shots(recipe.segment.shots.op), recipe.segment.shots.params)
    fixed = {
        SHOTS: Node(SHOTS, recipe.segment.shots.op, detector),
        POSTER: Node(POSTER, POSTER, measure_instance(load_measure(POSTER), {})),
    }
    wanted = frozenset(nodes)
    alignments = tuple(_alignment(recipe, name, spec, nodes) for name, spec in recipe.align.items())
    order = {Scope.video: 0, Scope.frame: 1, Scope.clip: 2}
    return LogicalPlan(
        recipe=recipe,
        nodes={**fixed, **nodes},
        checks=tuple(sorted(checks, key=lambda check: order[check.scope])),
        asked=asked,
        vectors=vectors,
        tracks=tracks,
        crop=crop,
        sidecars={
            name: found
            for name, track in recipe.sample.tracks.items()
            if (found := sidecar_of(track.of)) is not None
        },
        sound=_sound(recipe),
        cameras={
            name: found[0]
            for name, camera in recipe.sample.videos.items()
            if (found := sidecar_of(camera.of)) is not None
        },
        transcript=_transcript(recipe),
        alignments=alignments,
        for_sync=frozenset(nodes) - wanted,
    )


def _sound(recipe: Recipe) -> str | None:
    of = recipe.sample.audio.of if recipe.sample.audio is not None else None
    found = sidecar_of(of) if of is not None else None
    return found[0] if found is not None else None


def _transcript(recipe: Recipe) -> tuple[str, str] | None:
    snap = recipe.segment.snap
    return sidecar_of(snap.text) if snap is not None and snap.text is not None else None


def _alignment(recipe: Recipe, name: str, spec: AlignSpec, nodes: dict[str, Node]) -> Alignment:
    """The alignment of one track. A measure that it asks for is the recipe's own of that name, if there is one."""
    aligner = instance(load_aligner(spec.op), spec.params)
    named: dict[str, str] = {}
    for op, params in aligner.measures.items():
        own = recipe.measure.get(op)
        held = {**(own.params if own is not None and own.op == op else {}), **params}
        node = Node(
            op if not params else f"{op}@{name}", op, measure_instance(load_measure(op), held)
        )
        nodes.setdefault(node.name, node)
        named[op] = node.name
    role, _, track = name.partition(".")
    return Alignment(
        name=name,
        role=_sound(recipe) if name == OWN_AUDIO else role,
        track=track,
        spec=spec,
        aligner=aligner,
        nodes=named,
    )


def _splits(recipe: Recipe, nodes: dict[str, Node]) -> list[Check]:
    """Checks that let everything through, for what must be known before clips are found."""
    out: list[Check] = []
    for name, split in recipe.segment.split.items():
        if is_told(split.of):
            operand = resolve_told(split.of, recipe.still)
        else:
            operand = resolve(split.of, recipe.measure)
            _add_node(nodes, operand)
        out.append(Check.unbounded(f"{SPLIT}{name}", operand))
    return out


def _add_node(nodes: dict[str, Node], operand: Operand) -> None:
    if operand.measure not in nodes:
        measure = measure_instance(load_measure(operand.op), operand.params)
        nodes[operand.measure] = Node(operand.measure, operand.op, measure)


def _compared_by(recipe: Recipe) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
    """(numbers, vectors) per clip that ``distinct`` and ``balance`` ask for, each once."""
    quotas = recipe.balance.values()
    numbers = [quota.prefer for quota in quotas]
    vectors = [quota.by for quota in quotas if quota.clusters or quota.max_distance]
    numbers += [quota.by for quota in quotas if quota.by not in (*GROUPS, *vectors)]
    if recipe.distinct is not None:
        numbers.append(recipe.distinct.prefer)
        vectors += [likeness.of for likeness in recipe.distinct.vectors.values()]
    return (
        tuple(resolve(of, recipe.measure) for of in dict.fromkeys(filter(None, numbers))),
        tuple(resolve_vector(of, recipe.measure) for of in dict.fromkeys(vectors)),
    )


def _check(
    recipe: Recipe, section: str, name: str, condition: Condition, nodes: dict[str, Node]
) -> Check:
    if is_told(condition.of):
        scope = Scope.frame if section == "where" else Scope.clip
        operand = resolve_told(condition.of, recipe.still)
        return Check.of(f"{section}.{name}", condition, operand, scope)
    if is_manifest(condition.of):
        operand = resolve_manifest(condition.of)
        return Check.of(f"{section}.{name}", condition, operand, Scope.video)
    operand = resolve_condition(condition.of, recipe)
    _add_node(nodes, operand)
    if section == "where":
        scope = Scope.frame
    else:
        scope = Scope.clip if nodes[operand.measure].measure.needs else Scope.video
    return Check.of(f"{section}.{name}", condition, operand, scope)
