"""What a domain file may say: errors that name the key, the schema for editors, the page of keys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from include.config.domain import load_domain
from include.config.section import schema_of
from include.domain_page import domain_schema, render_keys, written_schema
from include.errors import ConfigError
from include.installation import REPO
from include.recommender.model_config import model_config
from include.retrieval.registry import SOURCES
from include.settings import DOMAINS

HEAD = {"domain": "made", "events": {"types": {"view": {"weight": 1}}}}


def refused(tmp_path: Path, changes: dict) -> ConfigError:
    path = tmp_path / "made.yaml"
    path.write_text(yaml.safe_dump(HEAD | changes))
    with pytest.raises(ConfigError) as error:
        model_config(load_domain(path))
    return error.value


WRONG = {
    "quality.min_event": (
        {"quality": {"min_event": 5}},
        "is 5; expected no such key (known: block_exposure_growth, ",
    ),
    "quality.min_list_share": ({"quality": {"min_list_share": 1.5}}, "is 1.5; expected a number from 0 to 1"),
    "list_size": ({"list_size": "many"}, "is 'many'; expected a whole number from 1 to 1000"),
    "gate.max_loss": ({"gate": {"max_loss": True}}, "is True; expected a number from 0 to 1"),
    "domain": (
        {"domain": "9 lives"},
        "is '9 lives'; expected a name of letters, digits, _ and -, at most 40",
    ),
    "events.types": ({"events": None}, "has no value; expected at least one event type with its weight"),
    "events.types.view.weight": (
        {"events": {"types": {"view": {"weight": "heavy"}}}},
        "is 'heavy'; expected a number from -1e+06 to 1e+06, or value",
    ),
    "text": ({"text": "{titel}"}, "is '{titel}'; expected a template of {item_id}, {title}"),
    "sources.events.columns.user": (
        {"sources": {"events": {"columns": {"user": "u"}}}},
        "is '\"u\"'; expected a field of event_id",
    ),
    "sources.events.reject[0].when": (
        {"sources": {"events": {"reject": [{"reason": "r"}]}}},
        "has no value; expected a text",
    ),
    "segment_words": ({"segment_words": "the young"}, "is 'the young'; expected a text with {value} in it"),
    "limits.coverage@11": ({"limits": {"coverage@11": {}}}, "is ''; expected one of coverage@10"),
    "refresh.kafka": ({"refresh": {"kafka": {"topic": "t"}}}, "is {'topic': 't'}; expected both"),
    "tuning.search": ({"tuning": {"search": "of"}}, "is 'of'; expected one of auto, off"),
    "retrieval.als.factor": (
        {"retrieval": {"als": {"factor": 3}}},
        "is 3; expected no such key (known: alpha, ",
    ),
    "rules.boost_items.a": ({"rules": {"boost_items": {"a": 0}}}, "is 0; expected a number from 0.01 to 100"),
    "5": ({5: 1}, "is 1; expected no such key"),
}


@pytest.mark.parametrize("key", WRONG)
def test_an_error_names_key_value_and_expectation(tmp_path: Path, key: str) -> None:
    changes, says = WRONG[key]
    assert f"config key '{key}' in made.yaml {says}" in str(refused(tmp_path, changes))


def test_a_typo_is_told_the_nearest_key(tmp_path: Path) -> None:
    error = refused(tmp_path, {"quality": {"min_event": 5}})
    assert str(error).endswith("pushed_items); did you mean 'min_events'?")


def test_an_unknown_key_goes_before_what_it_left_missing(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    path.write_text("domain: made\nevnts: {types: {view: {weight: 1}}}\n")
    with pytest.raises(ConfigError, match="'evnts' .*did you mean 'events'"):
        load_domain(path)


def test_bounds_of_figures_take_their_old_names_too(tmp_path: Path) -> None:
    path = tmp_path / "made.yaml"
    path.write_text(yaml.safe_dump(HEAD | {"limits": {"coverage@10": {"least": 0.1, "max": 0.9}}}))
    assert load_domain(path).gate.bounds == {"coverage@10": (0.1, 0.9)}


@pytest.mark.parametrize("file", sorted(DOMAINS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_schema_takes_the_files_that_are_shipped(file: Path) -> None:
    assert file.read_text().splitlines()[0].endswith("$schema=../../docs/domain.schema.json")
    jsonschema.validate(yaml.safe_load(file.read_text()), domain_schema())


@pytest.mark.parametrize(
    ("changes", "takes"),
    [
        ({"consumed": {"after": "30d"}, "diversity": {"reach": "auto"}, "tuning": {"search": "off"}}, True),
        ({"retrieval": {"popular": {"half_life_days": None}}}, True),
        ({"qualty": {}}, False),
        ({"limits": {"coverage@11": {}}}, False),
        ({"retrieval": {"als": {"factors": 0}}}, False),
        ({"tuning": {"search": "of"}}, False),
    ],
)
def test_the_schema_takes_what_the_reader_takes(tmp_path: Path, changes: dict, takes: bool) -> None:
    path = tmp_path / "made.yaml"
    path.write_text(yaml.safe_dump(HEAD | changes))
    errors = list(jsonschema.Draft202012Validator(domain_schema()).iter_errors(HEAD | changes))
    assert (not errors) is takes
    if takes:
        model_config(load_domain(path))
    else:
        refused(tmp_path, changes)


def test_every_key_has_its_text_on_the_page() -> None:
    lines = [line for line in render_keys().splitlines() if line.startswith("| `")]
    assert len(lines) > 80
    assert [line for line in lines if line.split(" | ")[-1].strip(" |") == ""] == []
    for source in SOURCES.values():
        for name in schema_of(source.params_type)["properties"]:
            assert any(line.startswith(f"| `{name}` |") for line in lines)
    assert "x-expects" not in written_schema()


def test_a_typo_is_told_at_once() -> None:
    """Reading a domain file loads nothing heavy: it is the first thing that each command does."""
    code = (
        "import sys; from include.config.domain import load_domain; from include.settings import DOMAINS;"
        "load_domain(DOMAINS / 'movies.yaml');"
        "heavy = ('torch', 'pyspark', 'airflow', 'implicit', 'lightgbm');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
