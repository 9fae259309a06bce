"""Patient-level grouping: groups and splits that survive blank, placeholder and reused ids.

An id or a study is believed as long as it does not contradict itself: two birth dates or two sexes under it show that
several people share it. Then

    unit     what surely shows one patient: the study; where its UID is missing or reused the person, else the series,
             else the folder (so are PNG and JPEG, which say nothing)
    person   the Patient ID; of a reused one the Patient ID and birth date; nothing where it is blank, a placeholder, or
             reused without a birth date

and a group is whatever hangs together by a common unit, person or picture. So files without an id join the patient that
another file of their study names. Where nothing tells two patients apart they are one group: a group that is too large
costs examples, one that is too small lets a patient into training and test.

All is found anew in each run, from what the store knows of all files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from echocare_core.errors import SettingsError
from echocare_core.inventory.store import Store
from echocare_core.secret import SecretKey

SPLITS = ("train", "val", "test")
COMMON = 3  # a picture of more persons than this is blank or a title page: it joins nobody's files

# Pseudonyms stand for what they hide; NULL is "does not say". Names of units and persons begin with a number: in their
# order the first name of a group is the one that names it.
BELONGS = f"""
    CREATE TEMP TABLE reused_patient AS
        SELECT patient FROM files WHERE patient NOT NULL GROUP BY patient
        HAVING COUNT(DISTINCT birth_date) > 1 OR COUNT(DISTINCT sex) > 1;
    CREATE TEMP TABLE reused_study AS
        SELECT study FROM files WHERE study NOT NULL GROUP BY study
        HAVING COUNT(DISTINCT birth_date) > 1 OR COUNT(DISTINCT sex) > 1;
    CREATE TEMP TABLE belongs AS
        SELECT source, usable, instance, birth_date, sex, pixels, person, CASE
            WHEN study NOT NULL AND study NOT IN reused_study THEN '1study-' || study
            WHEN person NOT NULL THEN person
            WHEN series NOT NULL THEN '2series-' || series
            ELSE '3folder-' || folder
        END AS unit
        FROM (
            SELECT *, {{pixels}} AS pixels, CASE
                WHEN patient NOT IN reused_patient THEN '0patient-' || patient
                WHEN patient NOT NULL AND birth_date NOT NULL THEN '0patient-' || patient || birth_date
            END AS person FROM files
        );
    CREATE INDEX temp.belongs_source ON belongs (source);
    CREATE INDEX temp.belongs_pixels ON belongs (pixels);
    CREATE TEMP TABLE twice AS
        SELECT pixels, COUNT(DISTINCT birth_date) > 1 OR COUNT(DISTINCT sex) > 1
            OR COUNT(DISTINCT COALESCE(person, unit)) > {COMMON} AS common
        FROM belongs WHERE usable AND pixels NOT NULL GROUP BY pixels HAVING COUNT(*) > 1;
    CREATE TEMP TABLE link AS
        SELECT unit AS one, COALESCE(person, unit) AS other FROM belongs
        UNION SELECT unit, '4pixels-' || pixels FROM belongs JOIN twice USING (pixels) WHERE usable AND NOT common;
    CREATE TEMP TABLE node (id INTEGER PRIMARY KEY, name TEXT UNIQUE, name_id INTEGER);
    INSERT INTO node (name) SELECT one FROM link UNION SELECT other FROM link ORDER BY 1;
"""
LINKS = (
    "SELECT one.id - 1, other.id - 1 FROM link JOIN node one ON one.name = one JOIN node other ON other.name = other"
)
NAMED = """
    CREATE TEMP TABLE named AS
        SELECT node.name AS unit, group_of(first.name) AS patient_group FROM node JOIN node first
        ON first.id = node.name_id;
    CREATE INDEX temp.named_unit ON named (unit);
    UPDATE files SET patient_group =
        (SELECT patient_group FROM belongs JOIN named USING (unit) WHERE belongs.source = files.source);
    UPDATE files SET split = split_of(patient_group);
"""
TABLES = ("reused_patient", "reused_study", "belongs", "twice", "link", "node", "named")


def check_fractions(fractions: Sequence[float]) -> None:
    """SettingsError unless there are three shares, of train, val and test, that add up to 1."""
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        said = ",".join(f"{fraction:g}" for fraction in fractions)
        raise SettingsError(
            f"The split is {said}; needed the shares of {', '.join(SPLITS)}, which add up to 1. Try 0.7,0.15,0.15."
        )


def find_groups(store: Store, key: SecretKey, fractions: Sequence[float], *, decoded: bool) -> None:
    """Give every file its `patient_group` and `split`.

    A split is drawn by a keyed hash of the group's name: a group keeps it when files are added, unless one of them
    joins two groups or shows that an id was reused. The shares are met on average over groups, not exactly.

    Args:
        store: all files have been read. Its temporary tables `belongs`, `twice`, `reused_patient` and `reused_study`
            stay for `copies` and `summary`.
        key: of this inventory.
        fractions: shares of train, val and test.
        decoded: compare the digests of decoded frames, else those of stored bytes.
    """

    def group_of(name: str) -> str:
        return f"{name[1:].partition('-')[0]}-{key.pseudonym('group', name)}"

    def split_of(group: str) -> str:
        return SPLITS[min(int(np.searchsorted(limits, key.share("split", group), "right")), len(SPLITS) - 1)]

    limits = np.cumsum(fractions)
    store.database.create_function("group_of", 1, group_of)
    store.database.create_function("split_of", 1, split_of)
    pixels = "decoded_digest" if decoded else "COALESCE(stored_digest, fingerprint)"
    with store.transaction():
        for table in TABLES:
            store.database.execute(f"DROP TABLE IF EXISTS temp.{table}")
        store.run(BELONGS.format(pixels=pixels))
        store.database.executemany("UPDATE node SET name_id = ? WHERE id = ?", _first_names(store))
        store.run(NAMED)


def _first_names(store: Store) -> Iterator[tuple[int, int]]:
    """(number of the first name it hangs together with, number) of every node; numbers follow the order of names.

    The links are in memory here, 8 bytes each.
    """
    ends = np.fromiter(chain.from_iterable(store.database.execute(LINKS)), dtype=np.int32).reshape(-1, 2)
    nodes = store.one("SELECT COUNT(*) FROM node")
    graph = coo_array((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    _, first = np.unique(labels, return_index=True)
    return zip(map(int, first[labels] + 1), range(1, nodes + 1), strict=True)
