"""Dagster's SQLite storages keep their engines, and each question still sees what others wrote."""

from pathlib import Path

import dagster as dg
import sqlalchemy as db

from iedf_assets.defs.sqlite_engines import _engines, _kept, keep_engines


def test_an_engine_is_kept_for_each_of_the_last_files(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / str(number)}.db" for number in range(12)]
    made = [_kept(url, poolclass=db.pool.NullPool) for url in urls]
    assert len(set(made)) == 12
    assert list(_engines.values()) == made[-8:]
    # What was asked for again goes last.
    assert _kept(urls[4]) is made[4]
    assert _kept("sqlite://") not in made
    assert urls[4] in _engines
    assert urls[5] not in _engines


def test_a_database_that_is_made_anew_is_read_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'one.db'}"
    for number in range(2):
        with _kept(url, poolclass=db.pool.NullPool).begin() as connection:
            assert not db.inspect(connection).has_table("rows")
            connection.execute(db.text("create table rows (number integer)"))
            connection.execute(db.text("insert into rows values (:number)"), {"number": number})
        with _kept(url).connect() as connection:
            assert connection.execute(db.text("select number from rows")).scalar() == number
        (tmp_path / "one.db").unlink()


def test_an_instance_asks_its_databases_through_kept_engines(tmp_path: Path) -> None:
    keep_engines()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_run(dg.DagsterRun("one"))
        known = dict(_engines)
        assert len(instance.get_runs()) == 1
        instance.add_run(dg.DagsterRun("two"))
        assert {run.job_name for run in instance.get_runs()} == {"one", "two"}
        own = {url: engine for url, engine in _engines.items() if str(tmp_path) in url}
        assert own
        assert all(known[url] is engine for url, engine in own.items() if url in known)
