import pytest

from include.errors import ConfigError
from include.recommender.model_config import ModelConfig, model_config_from_mapping
from include.retrieval.popular import PopularParams


def test_nothing_given_is_the_default():
    assert model_config_from_mapping({}) == ModelConfig()


def test_keys_map_onto_fields():
    config = model_config_from_mapping(
        {
            "retrieval": {
                "sources": ["als", "popular"],
                "size": 30,
                "als": {"factors": 16, "regularization": 5},
            },
            "ranking": {"method": "blend", "reason_verb": "bought"},
            "diversity": {"strength": 0.2, "max_per_category": 3},
            "rules": {"block_items": ["x"], "boost_categories": {"new": 2}},
        }
    )
    assert config.sources == ("als", "popular")
    assert (config.params["als"].factors, config.params["als"].regularization) == (16, 5.0)
    assert config.diversity.max_per_category == 3
    assert config.rules.boost_categories == {"new": 2.0}


@pytest.mark.parametrize(
    ("mapping", "key"),
    [
        ({"retrieval": {"sources": ["als", "magic"]}}, "retrieval.sources"),
        ({"retrieval": {"als": {"factor": 3}}}, "retrieval.als.factor"),
        ({"ranking": {"method": "best"}}, "ranking.method"),
        ({"diversity": {"strength": 2}}, "diversity.strength"),
        ({"diversity": {"strength": None}}, "diversity.strength"),
        ({"retrieval": {"sources": None}}, "retrieval.sources"),
        ({"retrieval": {"als": None}}, "retrieval.als"),
        ({"retrieval": {"als": {"factors": None}}}, "retrieval.als.factors"),
        ({"ranking": {"method": None}}, "ranking.method"),
    ],
)
def test_a_wrong_key_is_named(mapping, key):
    with pytest.raises(ConfigError) as error:
        model_config_from_mapping(mapping)
    assert error.value.key == key


def test_no_half_life_is_a_setting_and_not_the_default():
    config = model_config_from_mapping({"retrieval": {"popular": {"half_life_days": None}}})
    assert PopularParams().half_life_days == 30
    assert config.params["popular"] == PopularParams(half_life_days=None)


def test_reach_is_chosen_unless_the_domain_says():
    assert model_config_from_mapping({"diversity": {"reach": "auto"}}).diversity.reach is None
    assert model_config_from_mapping({"diversity": {"reach": 0.4}}).diversity.reach == 0.4
    with pytest.raises(ConfigError, match="reach"):
        model_config_from_mapping({"diversity": {"reach": 1.1}})
