"""The event log of each service. Numbers may have gaps (a transaction that rolled back took some), streams may not."""

from services.auditor.invariants.rule import CORE, Rule

RULES = (
    Rule(
        name="stream_versions_without_gap",
        holds="The events of a key have the versions 1, 2, 3 and so on, in the order of their numbers.",
        why="A consumer parks a key when a version is missing; one that comes twice would be dropped.",
        remedy="Rows of the event log were lost or written twice: restore them from the topic, which keeps facts for "
        "ever.",
        services=CORE,
        sql="""
            SELECT key, 'version ' || stream_version || ' stands where ' || expected || ' should, number ' || sequence
            FROM (
                SELECT key, sequence, stream_version, row_number() OVER (PARTITION BY key ORDER BY sequence) AS expected
                FROM event_log WHERE stream_version > 0
            ) numbered
            WHERE stream_version <> expected
        """,
    ),
    Rule(
        name="streams_agree_with_log",
        holds="The version kept for a key is that of its last event.",
        why="The next event gets the next version: too low comes twice, too high leaves a gap.",
        remedy="Set streams.version of the key to what its last event in event_log has, with the service stopped.",
        services=CORE,
        sql="""
            SELECT key, 'kept ' || coalesce(version, 0) || ', last event ' || coalesce(last, 0)
            FROM streams
            FULL JOIN (SELECT key, max(stream_version) AS last FROM event_log WHERE stream_version > 0 GROUP BY key) l
                USING (key)
            WHERE version IS DISTINCT FROM last
        """,
    ),
    Rule(
        name="cursor_within_log",
        holds="The relay's cursor is not beyond the last number of the event log.",
        why="A cursor beyond the log passes over lines that are still to be written.",
        remedy="The database was restored without its last lines: compare the topics' last ce_sequence with the log "
        "before the service is started again.",
        services=CORE,
        sql="""
            SELECT relay, 'cursor ' || sequence || ', last number ' || last
            FROM relay_cursor, (SELECT coalesce(max(sequence), 0) AS last FROM event_log) l WHERE sequence > last
        """,
    ),
    Rule(
        name="numbers_within_sequence",
        holds="No line has a number beyond those that were given.",
        why="The sequence would give numbers that are taken, and every write would fail.",
        remedy="SELECT setval('event_log_sequence', max(sequence)) FROM event_log, with the service stopped.",
        services=CORE,
        sql="""
            SELECT 'event_log_sequence', 'given up to ' || last_value || ', in the log ' || last
            FROM event_log_sequence, (SELECT max(sequence) AS last FROM event_log) l WHERE last > last_value
        """,
    ),
)
