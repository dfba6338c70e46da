"""A server under test: declares a view, loads exports as batches, compares every value.

`PORT FIELDSTONE` are the arguments of each producer's script: the server's port, and the program.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import redis

import table

SHOWN = 5


class Store:
    def __init__(self, columns, view="people"):
        self.port, self.program = sys.argv[1:3]
        self.redis = redis.Redis(port=int(self.port), protocol=3)
        self.view = view
        self.columns = list(columns)
        self.loads = 0
        self.before = set()
        with open("views.toml", "w", encoding="utf-8") as file:
            file.write(table.view(view, columns))
        self.run("apply", "views.toml")

    def run(self, *arguments):
        line = [self.program, *arguments, "--server", f"127.0.0.1:{self.port}"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            rejects = pathlib.Path(f"{self.view}.rejects.jsonl")
            rejects = rejects.read_text(encoding="utf-8")[:2000] if rejects.exists() else ""
            raise AssertionError(f"{line}: {done.returncode}\n{done.stderr[-2000:]}{rejects}")
        return done.stdout

    def load(self, what, source, made, *options, is_null=table.is_none):
        """Load `source`; the server must then have what was `made`, and of the view no more."""
        self.loads += 1
        expected = made.expected(is_null)
        said = self.run("load", self.view, source, "--set", "tenant=A", *options)
        report = json.loads(said.splitlines()[-1])
        self.compare(what, expected)
        people = [person for person in expected.values() if person]
        want = {
            "rows": made.rows(),
            "older": made.rows() - len(expected),
            "rejects": 0,
            "entities": len(people),
        } | made.counts(is_null)
        told = {name: report[name] for name in want}
        assert told == want, f"{what}: reported {told}, not {want}"
        status = self.redis.execute_command("FS.BATCH", "STATUS", self.view)[0]
        assert status[b"state"] == b"current" and status[b"entities"] == len(people), status
        print(f"{what}: {report['rows']} rows, {report['features']} features", flush=True)

    def refuses(self, source, reason):
        try:
            self.run("load", self.view, source, "--set", "tenant=A")
        except AssertionError as refused:
            assert reason in str(refused), refused
        else:
            raise AssertionError(f"{source} was loaded")

    def compare(self, what, expected):
        wrong, examples = {}, []
        stored = self.hashes(expected)
        for user, person in expected.items():
            found = stored[user]
            for name in sorted(found.keys() | person.keys()):
                value, check = person.get(name, (None, None))
                if check is None or name not in found or not check(value, found[name]):
                    wrong[name] = wrong.get(name, 0) + 1
                    examples.append(f"{user} {name}: {value!r:.80} -> {found.get(name)!r:.80}")
        shown = "\n  ".join(examples[:SHOWN] + examples[-SHOWN:])
        assert not wrong, f"{what}: wrong values: {wrong}\n  {shown}"
        # Who is in the load before and not in this one has lost the view's features.
        gone = self.before - expected.keys()
        assert not any(self.hashes(gone).values()), f"{what}: still there"
        self.before = set(expected)

    def hashes(self, users):
        with self.redis.pipeline(transaction=False) as pipe:
            for user in users:
                pipe.hgetall(f"A:{self.view}:{user}")
            return {
                user: {name.decode(): value for name, value in found.items()}
                for user, found in zip(users, pipe.execute())
            }

    def end(self, producer):
        assert self.loads > 0
        print(f"ok {producer}: {self.loads} loads of {len(self.columns)} features")


def partitions(producer, write, columns=("i64", "text")):
    """`write` makes a folder with Hive's partitions: of all, of a day, of a day and a region."""
    store = Store([*columns, *table.PARTITIONS], "parts")
    made = table.Table(store.columns, 77)
    shutil.rmtree("parts", ignore_errors=True)
    write(made.arrow(), "parts")
    store.load(f"{producer} partitions", "parts", made)
    for part in [{"ds": "2026-11-21"}, {"ds": "2026-11-20", "region": table.REGIONS[1]}]:
        where = [word for name in part for word in ("--where", f"{name}={part[name]}")]
        # A part of the whole, which a load would take for an export that is cut off.
        where.append("--allow-shrink")
        store.load(f"{producer} {part}", "parts", made.where(**part), *where)
