#!/usr/bin/env bash
# Run once by the postgres image on an empty data folder: a role and a database each for Airflow and the lake.
set -euo pipefail

create() { # role and database of one name
  psql --username postgres --set ON_ERROR_STOP=1 --set name="$1" --set password="$2" <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke all on database :"name" from public;
SQL
}

create airflow "$AIRFLOW_PASSWORD"
create lake "$LAKE_PASSWORD"
