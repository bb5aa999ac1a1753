"""A token in software."""

import pytest

from tests.factories.soft_token import software_token


@pytest.fixture(scope="session")
def soft_token(tmp_path_factory):
    with software_token(tmp_path_factory.getbasetemp() / "softhsm") as token:
        yield token
