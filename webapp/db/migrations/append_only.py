"""Tables whose rows nobody changes or deletes: the database itself refuses, whoever asks it.

What has to leave on time leaves inside a transaction that has said so: a row of `erasure` opens these tables to it, and
goes before the end (`Door.erasing`).
"""

from alembic import op

SQLITE = """
CREATE TRIGGER {table}_keeps_{event} BEFORE {event} ON {table} WHEN NOT EXISTS (SELECT 1 FROM erasure)
BEGIN SELECT RAISE(ABORT, 'rows of {table} are neither changed nor deleted'); END
"""
FUNCTION = """
CREATE OR REPLACE FUNCTION noriai_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM erasure) THEN
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD WHEN 'UPDATE' THEN NEW END;
  END IF;
  RAISE EXCEPTION 'rows of % are neither changed nor deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
POSTGRESQL = """
CREATE TRIGGER {table}_keeps BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION noriai_append_only()
"""
TRUNCATED = """
CREATE TRIGGER {table}_keeps_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION noriai_append_only()
"""


def protect(*tables: str) -> None:
    """Let the database refuse every UPDATE, DELETE and TRUNCATE of these tables."""
    if op.get_bind().dialect.name == "sqlite":
        statements = [SQLITE.format(table=table, event=event) for table in tables for event in ("UPDATE", "DELETE")]
    else:
        each = [one.format(table=table) for table in tables for one in (POSTGRESQL, TRUNCATED)]
        statements = [FUNCTION, *each]
    for statement in statements:
        op.execute(statement)


def release(*tables: str) -> None:
    """Let rows of these tables be changed again."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in tables:
        for name in ("keeps_UPDATE", "keeps_DELETE") if sqlite else ("keeps", "keeps_all"):
            op.execute(f"DROP TRIGGER {table}_{name}" + ("" if sqlite else f" ON {table}"))
