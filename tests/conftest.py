"""What all tests share: the serving role beside the test database."""

import pytest


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: "pytest.FixtureRequest") -> None:
    """The serving role's rights belong to the database that the tests run on."""
    from hub.store.roles import ensure_serving_role

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        ensure_serving_role()
