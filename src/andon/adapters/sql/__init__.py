"""The control database: the only door of SQLAlchemy and Alembic."""
