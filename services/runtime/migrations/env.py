"""The one Alembic environment of all services; `database.migrate` says which versions and which database."""

from alembic import context
from sqlalchemy import create_engine, pool

options = context.config.attributes
engine = create_engine(options["url"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, version_table=options["version_table"], transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
