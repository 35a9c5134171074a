"""No password of a database address is written anywhere."""

from __future__ import annotations

import pytest

from include.errors import ConfigError, LakeError
from include.lake.catalog import attach_script, find_catalog
from include.lake.lake import open_lake
from include.passwords import hide_passwords, passwords_in, without_passwords
from include.settings import load_settings

ADDRESSES = {
    "host=localhost password=s3cret dbname=lake": "s3cret",
    "host=localhost password = 'two words' dbname=lake": "two words",
    r"host=localhost password='it\'s s3cret' dbname=lake": "it's s3cret",
    r"host=localhost password=with\ blank dbname=lake": "with blank",
    "postgresql://nightjar:s3cret@127.0.0.1:1/lake": "s3cret",
    "postgresql://nightjar:p%40ss%2Fw@127.0.0.1:1/lake": "p@ss/w",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_password_is_found_and_left_out(address: str) -> None:
    password = ADDRESSES[address]
    assert list(passwords_in(address)) == [password]
    for text in (without_passwords(address), hide_passwords(f"error at {address}: {password}", address)):
        assert password not in text and "s3cret" not in text and "words" not in text and "w@127" not in text
    assert "lake" in without_passwords(address)


@pytest.mark.parametrize(
    "address", ["postgresql://nightjar:s3cret@127.0.0.1:1/lake", "host=127.0.0.1 port=1 password=s3cret"]
)
def test_neither_script_nor_error_nor_repr_tells_it(tmp_path, address: str) -> None:
    settings = load_settings(
        {"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_LAKE": f"postgres:{address}"}
    )
    assert "s3cret" not in attach_script(settings) + repr(settings) + repr(find_catalog(settings))
    with pytest.raises(LakeError) as error:
        open_lake(settings)
    assert "s3cret" not in str(error.value) and error.value.__cause__ is None


def test_an_address_without_its_kind_is_refused_without_its_password(tmp_path) -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(
            {"NIGHTJAR_HOME": str(tmp_path), "NIGHTJAR_LAKE": "postgresql://nightjar:s3cret@host/lake"}
        )
    assert "NIGHTJAR_LAKE" in str(error.value) and "s3cret" not in str(error.value)
