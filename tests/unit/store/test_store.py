"""The store keeps what was committed, says what it lost, and lets one process write."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from curator.errors import StoreError
from curator.store.facts import Entry
from curator.store.key import digest
from curator.store.store import INLINE_BYTES, Store

BIG = bytes(range(256)) * 40  # 10 KiB: a file
SMALL = b"small"


def entry(
    name: str, *, first: int = 0, last: int = 0, output: bytes | None = SMALL, **more: object
) -> Entry:
    document = {"op": "sharpness", "params": {"fps": 4.0, "name": name}}
    return Entry(
        key=digest(document),
        document=document,
        op="sharpness",
        subject="film",
        first=first,
        last=last,
        output=output,
        **more,  # type: ignore[arg-type]
    )


def failure(name: str, *, first: int, last: int) -> Entry:
    return entry(name, first=first, last=last, output=None, error="crash", message="it fell over")


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


class TestFacts:
    @pytest.mark.parametrize("data", [b"", SMALL, b"x" * INLINE_BYTES, BIG])
    def test_what_was_recorded_is_found_again_by_the_next_process(
        self, tmp_path: Path, data: bytes
    ) -> None:
        one = entry("a", first=2, last=5, output=data, seconds=1.5)
        with Store.open(tmp_path) as store:
            recorded = store.record([one])
        with Store.open(tmp_path) as store:
            facts = store.facts([one.key])[one.key]
            assert facts == recorded
            assert (facts[0].first, facts[0].last, facts[0].seconds) == (2, 5, 1.5)
            assert facts[0].output == hashlib.sha256(data).hexdigest()
            assert store.output(facts[0]) == data

    def test_small_outputs_live_in_their_row_and_large_ones_in_a_file(self, store: Store) -> None:
        small, large = store.record([entry("a", output=SMALL), entry("b", output=BIG)])
        assert small.inline == SMALL
        assert not store.has(small.output)
        assert large.inline is None
        assert store.blob_path(large.output).read_bytes() == BIG

    def test_facts_come_sorted_by_tile_and_unknown_keys_are_left_out(self, store: Store) -> None:
        store.record([entry("a", first=8, last=9), entry("a", first=0, last=4)])
        key = entry("a").key
        assert [(f.first, f.last) for f in store.facts([key, digest("b")])[key]] == [(0, 4), (8, 9)]
        assert list(store.facts([key, digest("b"), key])) == [key]

    def test_a_result_takes_the_place_of_errors_that_overlap_it(self, store: Store) -> None:
        key = entry("a").key
        store.record([failure("a", first=0, last=30)])
        assert store.facts([key])[key][0].error == "crash"
        store.record([entry("a", first=0, last=10)])
        assert [(f.first, f.last, f.error) for f in store.facts([key])[key]] == [(0, 10, None)]

    def test_a_result_leaves_errors_of_other_tiles_alone(self, store: Store) -> None:
        key = entry("a").key
        store.record([failure("a", first=10, last=30), entry("a", first=0, last=10)])
        assert len(store.facts([key])[key]) == 2

    def test_a_result_that_is_not_per_tile_replaces_its_error(self, store: Store) -> None:
        store.record([failure("a", first=0, last=0)])
        (fact,) = store.record([entry("a")])
        assert store.facts([fact.key])[fact.key] == [fact]

    def test_one_bad_entry_means_that_none_of_the_batch_is_recorded(self, store: Store) -> None:
        wrong = Entry(key=digest("other"), document={}, op="x", subject="y", output=b"")
        with pytest.raises(AssertionError, match="not the digest"):
            store.record([entry("a"), wrong])
        assert store.facts([entry("a").key]) == {}

    def test_an_entry_says_exactly_one_of_output_and_error(self) -> None:
        with pytest.raises(ValueError, match="either"):
            entry("a", error="crash")
        with pytest.raises(ValueError, match="either"):
            entry("a", output=None)
        with pytest.raises(ValueError, match="no run"):
            entry("a", first=3, last=3)

    def test_more_keys_than_a_query_takes_are_found(self, store: Store) -> None:
        entries = [entry(str(n)) for n in range(1201)]
        store.record(entries)
        assert len(store.facts(one.key for one in entries)) == 1201

    def test_threads_share_a_store(self, store: Store) -> None:
        def work(n: int) -> None:
            for m in range(20):
                store.record([entry(f"{n}-{m}", output=bytes([n]) * 5000)])

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.stats().facts == 80
        assert store.check().damaged == ()


class TestDamage:
    def test_a_missing_file_makes_its_fact_absent_with_a_note(self, store: Store) -> None:
        (fact,) = store.record([entry("a", output=BIG)])
        store.blob_path(fact.output).unlink()
        assert store.facts([fact.key]) == {}
        assert fact.output in store.notes[0]

    def test_a_file_cut_short_makes_its_fact_absent(self, store: Store) -> None:
        (fact,) = store.record([entry("a", output=BIG)])
        path = store.blob_path(fact.output)
        path.chmod(0o644)
        path.write_bytes(BIG[:100])
        assert store.facts([fact.key]) == {}

    def test_a_flipped_bit_is_named_and_the_fact_is_forgotten(self, store: Store) -> None:
        (fact,) = store.record([entry("a", output=BIG)])
        flip(store.blob_path(fact.output))
        with pytest.raises(StoreError) as caught:
            store.output(fact)
        assert caught.value.reason == "blob-damaged"
        assert fact.output in caught.value.message
        assert store.facts([fact.key]) == {}
        assert store.read(fact) is None
        (again,) = store.record([entry("a", output=BIG)])
        assert store.output(again) == BIG

    def test_a_file_that_an_output_speaks_of_belongs_to_the_fact(self, store: Store) -> None:
        blob = store.put(b"the clip")
        (fact,) = store.record([entry("a", blobs=(blob,))])
        assert store.facts([fact.key])[fact.key][0].blobs == (blob,)
        store.blob_path(blob).unlink()
        assert store.facts([fact.key]) == {}

    def test_an_output_may_speak_of_the_same_file_twice(self, store: Store) -> None:
        blob = store.put(b"two tracks that never change")
        (fact,) = store.record([entry("a", blobs=(blob, blob))])
        assert store.facts([fact.key])[fact.key][0].blobs == (blob,)

    def test_check_names_what_is_not_sound_and_repair_forgets_it(self, store: Store) -> None:
        damaged, missing, fine = store.record(
            [entry("a", output=BIG), entry("b", output=BIG + b"b"), entry("c", output=BIG + b"c")]
        )
        orphan = store.put(b"nobody speaks of me")
        flip(store.blob_path(damaged.output))
        store.blob_path(missing.output).unlink()
        found = store.check(repair=True)
        assert (found.damaged, found.missing) == ((damaged.output,), (missing.output,))
        assert (found.orphans, found.blobs) == ((orphan,), 3)
        assert list(store.facts([damaged.key, missing.key, fine.key])) == [fine.key]
        assert store.check().missing == store.check().damaged == ()

    def test_a_file_that_is_no_store_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "facts.db").write_bytes(b"not a database at all" * 100)
        for readonly in (False, True):
            with pytest.raises(StoreError) as caught:
                Store.open(tmp_path, readonly=readonly)
            assert caught.value.reason == "store-damaged"

    def test_another_programs_database_is_refused(self, tmp_path: Path) -> None:
        other = sqlite3.connect(tmp_path / "facts.db")
        other.execute("CREATE TABLE mine (a)")
        other.close()
        with pytest.raises(StoreError) as caught:
            Store.open(tmp_path)
        assert caught.value.reason == "store-damaged"

    def test_a_newer_format_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        Store.open(tmp_path).close()
        newer = sqlite3.connect(tmp_path / "facts.db")
        newer.execute("PRAGMA user_version = 99")
        newer.close()
        for readonly in (False, True):
            with pytest.raises(StoreError) as caught:
                Store.open(tmp_path, readonly=readonly)
            assert caught.value.reason == "store-format-newer"


class TestOneWriter:
    def test_a_second_writer_is_told_who_holds_the_store(self, store: Store) -> None:
        with pytest.raises(StoreError) as caught:
            Store.open(store.root)
        assert caught.value.reason == "store-busy"
        assert str(os.getpid()) in caught.value.message

    def test_a_second_writer_may_wait(self, tmp_path: Path) -> None:
        first = Store.open(tmp_path)
        timer = threading.Timer(0.3, first.close)
        timer.start()
        with Store.open(tmp_path, wait_seconds=20) as second:
            second.record([entry("a")])
        timer.join()

    def test_readers_see_what_is_committed_while_another_writes(self, store: Store) -> None:
        (fact,) = store.record([entry("a", output=BIG)])
        with Store.open(store.root, readonly=True) as reader:
            assert reader.output(reader.facts([fact.key])[fact.key][0]) == BIG
            store.record([entry("b")])
            assert len(reader.facts([fact.key, entry("b").key])) == 2

    def test_a_reader_cannot_write(self, store: Store) -> None:
        with Store.open(store.root, readonly=True) as reader:
            for write in (
                lambda: reader.record([entry("a")]),
                lambda: reader.record([entry("a", output=BIG)]),
                lambda: reader.put(BIG),
                lambda: reader.seal("a", "b"),
                lambda: reader.prune(0),
            ):
                with pytest.raises(StoreError) as caught:
                    write()
                assert caught.value.reason == "store-readonly"

    def test_reading_a_store_that_was_never_written_finds_nothing_and_makes_nothing(
        self, tmp_path: Path
    ) -> None:
        with Store.open(tmp_path / "none", readonly=True) as reader:
            assert reader.facts([entry("a").key]) == {}
            assert reader.stats().facts == 0
        assert not (tmp_path / "none").exists()

    def test_a_place_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError) as caught:
            Store.open(tmp_path / "file" / "store")
        assert caught.value.reason == "store-write"

    def test_the_lock_dies_with_its_process(self, tmp_path: Path) -> None:
        process = spawn(tmp_path, "store.record([entry(0)]); say(); time.sleep(600)")
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()  # recorded
        with pytest.raises(StoreError):
            Store.open(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with Store.open(tmp_path) as store:
            assert store.stats().facts == 1


def test_a_store_killed_at_any_moment_opens_and_has_all_that_was_committed(tmp_path: Path) -> None:
    moments = random.Random(7)
    committed = 0
    for _ in range(8):
        process = spawn(
            tmp_path,
            f"""
            for n in range({committed}, 10**9):
                store.record([entry(n), entry(-n - 1)])
                say(n)
            """,
        )
        assert process.stdout is not None
        process.stdout.readline()  # it has begun
        time.sleep(moments.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        lines = [line for line in rest.split("\n")[:-1] if line]
        said = int(lines[-1]) + 1 if lines else committed
        with Store.open(tmp_path) as store:
            count = store.stats().facts
            assert count % 2 == 0  # batches are whole
            assert count // 2 >= said  # what was said to be committed is there
            assert store.check().damaged == store.check().missing == ()
            assert list(store.scratch.iterdir()) == []
        committed = count // 2
    assert committed > 8  # it did write in between


class TestExplaining:
    def test_a_miss_names_the_field_that_changed(self, store: Store) -> None:
        store.record([entry("a")])
        changed = {"op": "sharpness", "params": {"fps": 8, "name": "a"}}
        assert store.explain(changed, "sharpness", "film") == ["params.fps: 4.0 -> 8"]

    def test_what_was_never_computed_has_nothing_to_differ_from(self, store: Store) -> None:
        assert store.explain({"op": "x"}, "x", "film") == []
        assert store.nearest("x", "film") is None

    def test_a_miss_is_compared_with_the_document_that_is_nearest(self, store: Store) -> None:
        store.record([entry("a")])
        store.record([entry("b")])
        assert store.nearest("sharpness", "film") == entry("b").document
        changed = {"op": "sharpness", "params": {"fps": 8.0, "name": "a"}}
        assert store.nearest("sharpness", "film", like=changed) == entry("a").document

    def test_the_document_is_kept_beside_its_key(self, store: Store) -> None:
        store.record([entry("a")])
        assert store.document(entry("a").key) == entry("a").document
        assert store.document(digest("b")) is None


class TestFiles:
    def test_a_file_moves_in_and_a_copy_stays_out(self, store: Store, tmp_path: Path) -> None:
        moved, copied = store.scratch / "moved", tmp_path / "copied"
        moved.write_bytes(b"one")
        copied.write_bytes(b"two")
        assert store.blob(store.put_file(moved)) == b"one"
        assert not moved.exists()
        assert store.blob(store.put_file(copied, move=False)) == b"two"
        assert copied.read_bytes() == b"two"

    def test_putting_the_same_bytes_twice_keeps_one_file(self, store: Store) -> None:
        path = store.scratch / "again"
        path.write_bytes(BIG)
        assert store.put(BIG) == store.put_file(path) == hashlib.sha256(BIG).hexdigest()
        assert not path.exists()
        assert store.stats().blobs == 1

    def test_a_blob_that_is_not_there_is_named(self, store: Store) -> None:
        with pytest.raises(StoreError) as caught:
            store.blob(digest("nothing"))
        assert caught.value.reason == "blob-missing"


class TestPrune:
    def fill(self, store: Store) -> list[str]:
        """Three keys of 10,000 bytes, the first used longest ago."""
        keys = []
        for n in range(3):
            (fact,) = store.record([entry(str(n), output=bytes([n]) * 10_000)])
            keys.append(fact.key)
            store._db.execute("UPDATE documents SET used = ? WHERE key = ?", (n, fact.key))
        return keys

    def test_what_was_used_longest_ago_goes_first(self, store: Store) -> None:
        keys = self.fill(store)
        pruned = store.prune(20_000)
        assert (pruned.keys, pruned.facts, pruned.blobs) == (1, 1, 1)
        assert (pruned.bytes, pruned.kept_bytes) == (10_000, 20_000)
        assert set(store.facts(keys)) == set(keys[1:])
        assert store.stats().blobs == 2

    def test_using_a_key_keeps_it(self, store: Store) -> None:
        keys = self.fill(store)
        store.facts(keys[:1])
        store.prune(20_000)
        assert set(store.facts(keys)) == {keys[0], keys[2]}

    def test_a_dry_run_says_the_same_and_removes_nothing(self, store: Store) -> None:
        keys = self.fill(store)
        planned = store.prune(10_000, dry_run=True)
        assert len(store.facts(keys)) == 3
        store._touched.clear()
        assert store.prune(10_000) == planned

    def test_what_is_pinned_stays_by_key_or_by_file(self, store: Store) -> None:
        keys = self.fill(store)
        (fact,) = store.facts(keys[1:2])[keys[1]]
        store.pin("release", [keys[0], fact.output])
        assert store.pins() == {"release": 2}
        assert store.stats().pinned_keys == 1
        assert store.prune(0).kept_bytes == 20_000
        assert set(store.facts(keys)) == set(keys[:2])
        store.unpin("release")
        store.prune(0)
        assert store.stats().blobs == store.stats().keys == 0

    def test_a_file_of_two_keys_goes_with_the_last(self, store: Store) -> None:
        shared = [entry(str(n), output=BIG) for n in range(2)]
        store.record(shared)
        store.pin("release", [shared[1].key])
        store.prune(0)
        assert store.output(store.facts([shared[1].key])[shared[1].key][0]) == BIG

    def test_files_that_nobody_speaks_of_go_even_when_there_is_room(self, store: Store) -> None:
        orphan = store.put(BIG)
        assert store.prune(10**9).blobs == 1
        assert not store.has(orphan)


class TestNotebook:
    def test_costs_and_pass_rates_are_running_totals(self, store: Store) -> None:
        assert store.cost("face") is None
        store.learn("face", 10, 1)
        store.learn("face", 30, 1)
        assert store.cost("face") == 0.05
        assert store.rate("keep.sharp") is None
        store.learn_rate("keep.sharp", 100, 50)
        store.learn_rate("keep.sharp", 100, 0)
        assert store.rate("keep.sharp") == 0.25
        store.learn_rate("never", 0, 0)
        assert store.rate("never") is None

    def test_the_first_choice_stands(self, store: Store) -> None:
        assert store.sealed("order") is None
        assert store.seal("order", "a,b") == "a,b"
        assert store.seal("order", "b,a") == "a,b"
        assert store.sealed("order") == "a,b"

    def test_the_last_build_is_of_the_recipe_asked_for(self, store: Store) -> None:
        assert store.last_build() is None
        store.record_build(name="avatar", release="r/1", digest="d1", recipe="{}")
        store.record_build(name="motion", release="r/2", digest="d2", recipe="{}")
        assert store.last_build("avatar").release == "r/1"  # type: ignore[union-attr]
        assert store.last_build().digest == "d2"  # type: ignore[union-attr]
        assert [one.name for one in store.builds()] == ["avatar", "motion"]

    def test_a_fingerprint_is_remembered_while_the_file_looks_the_same(self, store: Store) -> None:
        store.remember("a.mp4", 10, 20, 30, "f")
        assert store.memo("a.mp4", 10, 20, 30) == "f"
        assert store.memo("a.mp4", 11, 20, 30) is None
        assert store.memo("a.mp4", 10, 21, 30) is None
        assert store.memo("a.mp4", 10, 20, 31) is None
        with Store.open(store.root, readonly=True) as reader:
            reader.remember("b.mp4", 1, 2, 3, "g")
            assert reader.memo("b.mp4", 1, 2, 3) is None
            assert reader.memo("a.mp4", 10, 20, 30) == "f"


def flip(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def spawn(root: Path, body: str) -> subprocess.Popen[str]:
    """A process that writes to the store until it is killed."""
    script = f"""
import sys, time
from pathlib import Path
from curator.store.facts import Entry
from curator.store.key import digest
from curator.store.store import Store

def entry(n):
    document = {{"n": n}}
    return Entry(key=digest(document), document=document, op="o", subject="s", output=b"%d" % n * 3000)

def say(word="begun"):
    print(word, flush=True)

with Store.open(Path({str(root)!r})) as store:
    say()
{textwrap.indent(textwrap.dedent(body), "    ")}
"""
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
