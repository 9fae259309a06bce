"""Objects and pictures that an export holds twice, and objects that share a UID although their pictures differ."""

from __future__ import annotations

from echocare_core.inventory.store import Store

FIRST, COPY, DUPLICATE = "first", "copy", "duplicate"
LINK = "link"  # the kind of file
KEPT = "another file"  # in a reason, in place of the one in `same_as`
USED = f"usable AND role <> '{COPY}'"  # what a table of this inventory holds, as an SQL condition
# The first by its path is kept. A picture common to several people is a duplicate wherever it is: no split needs it.
ROLES = f"""
    UPDATE files SET role = CASE WHEN usable THEN '{FIRST}' END, conflict = 0,
        same_as = CASE kind WHEN '{LINK}' THEN same_as END;
    DROP TABLE IF EXISTS temp.kept;
    CREATE TEMP TABLE kept AS
        SELECT source, FIRST_VALUE(source) OVER (
            PARTITION BY belongs.instance, pixels, CASE kind WHEN 'picture' THEN fingerprint END ORDER BY source
        ) AS first
        FROM belongs JOIN twice USING (pixels) JOIN files USING (source)
        WHERE belongs.usable AND (belongs.instance NOT NULL OR kind = 'picture');
    CREATE INDEX temp.kept_source ON kept (source);
    UPDATE files SET role = '{COPY}', same_as = (SELECT first FROM kept WHERE kept.source = files.source)
        WHERE source IN (SELECT source FROM kept WHERE source <> first);
    DROP TABLE temp.kept;
    CREATE TEMP TABLE kept AS
        SELECT source, common, FIRST_VALUE(source) OVER (PARTITION BY pixels ORDER BY source) AS first
        FROM belongs JOIN twice USING (pixels) JOIN files USING (source) WHERE files.role = '{FIRST}';
    CREATE INDEX temp.kept_source ON kept (source);
    UPDATE files SET role = '{DUPLICATE}', split = '{DUPLICATE}',
        same_as = (SELECT NULLIF(first, source) FROM kept WHERE kept.source = files.source)
        WHERE source IN (SELECT source FROM kept WHERE source <> first OR common);
    UPDATE files SET conflict = 1 WHERE usable AND instance IN (
        SELECT instance FROM belongs WHERE usable AND instance NOT NULL
        GROUP BY instance HAVING COUNT(DISTINCT pixels) > 1
    );
"""


def find_copies(store: Store) -> None:
    """Give every usable file its `role` and `conflict`, once `find_groups` has compared the pixels.

    Roles: "first"; "copy": the same object again, with the same SOP Instance UID and pixels, or the same picture file
    (`echocare_core.frames.policy`); "duplicate": the same picture in another object, whose split is "duplicate" as
    well, so that it is not used. `same_as` has the first. A file whose SOP Instance UID stands on other pixels too is
    no copy: `conflict` is 1, and both stay.
    """
    with store.transaction():
        store.run(ROLES)
