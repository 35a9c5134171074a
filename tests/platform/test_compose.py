"""docker-compose.yml as read: hardened, healthy, complete. It is not started here."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from include.installation import REPO

COMPOSE: dict[str, Any] = yaml.safe_load((REPO / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"airflow-init"}
AIRFLOW = {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}
DESIGN_SETTINGS = {"NIGHTJAR_HOME", "NIGHTJAR_CONFIG", "NIGHTJAR_LAKE", "NIGHTJAR_SPARK_MASTER"}

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_every_part_is_there() -> None:
    assert set(SERVICES) == AIRFLOW | ONE_SHOT | {"api", "postgres", "spark-master", "spark-worker", "kafka"}


@each_service
def test_long_running_services_have_a_health_check_and_restart(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])


@each_service
def test_no_service_runs_as_root_or_may_become_it(name: str) -> None:
    user, _, group = SERVICES[name]["user"].partition(":")
    assert int(user) > 0 and int(group) > 0
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert not SERVICES[name].get("privileged")


@each_service
def test_images_have_exact_tags(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.match(r"\d+\.\d+", tag), SERVICES[name]["image"]


def test_base_image_has_an_exact_tag_and_ends_as_a_user() -> None:
    lines = (REPO / "docker" / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if re.fullmatch(r"FROM python:3\.11\.\d+-slim-\w+", line)]
    assert [line for line in lines if line.startswith("USER")][-1] == "USER nightjar"


# Whoever breaks into one service finds the passwords that it needs, and no other.
PASSWORDS = {
    "postgres": {"POSTGRES_PASSWORD", "AIRFLOW_PASSWORD", "LAKE_PASSWORD"},
    "airflow-init": {"NIGHTJAR_UI_PASSWORD", "AIRFLOW_PASSWORD", "LAKE_PASSWORD"},
    "api": {"LAKE_PASSWORD"},
    **dict.fromkeys(AIRFLOW, {"AIRFLOW_PASSWORD", "LAKE_PASSWORD"}),
}


@each_service
def test_a_service_is_given_the_passwords_that_it_needs(name: str) -> None:
    assert "env_file" not in SERVICES[name]
    held = set(re.findall(r"\$\{(\w+PASSWORD)", str(SERVICES[name])))
    assert held == PASSWORDS.get(name, set())


@each_service
def test_ports_are_on_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_the_env_file_is_documented_and_empty_of_secrets() -> None:
    text = (REPO / ".env.example").read_text()
    declared = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z_]+)", (REPO / "docker-compose.yml").read_text()))
    assert used == set(declared)
    assert {name: value for name, value in declared.items() if "PASSWORD" in name and value} == {}
    assert ".env" in (REPO / ".gitignore").read_text().splitlines()
    assert ".env" in (REPO / ".dockerignore").read_text().splitlines()


@each_service
def test_dependencies_wait_for_health_or_completion(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how == {"condition": wanted}


@pytest.mark.parametrize("name", sorted(AIRFLOW))
def test_airflow_waits_for_its_database(name: str) -> None:
    assert {"postgres", "airflow-init"} <= set(SERVICES[name]["depends_on"])


@pytest.mark.parametrize("name", sorted(AIRFLOW | ONE_SHOT))
def test_settings_of_the_design_are_passed(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert DESIGN_SETTINGS <= {key for key, value in environment.items() if value}
    assert environment["NIGHTJAR_LAKE"].startswith("postgres:")
    assert "/airflow" in environment["NIGHTJAR_AIRFLOW_DB"]
    assert "nightjar-home:/var/lib/nightjar" in SERVICES[name]["volumes"]


def test_both_databases_are_created() -> None:
    script = (REPO / "docker" / "postgres-init.sh").read_text()
    assert re.findall(r'^create (\w+) "', script, re.MULTILINE) == ["airflow", "lake"]
    mounts = SERVICES["postgres"]["volumes"]
    assert any(mount.startswith("./docker/postgres-init.sh:/docker-entrypoint-initdb.d/") for mount in mounts)


def test_named_volumes_are_declared() -> None:
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert {name for name in used if not name.startswith(".")} == set(COMPOSE["volumes"])
