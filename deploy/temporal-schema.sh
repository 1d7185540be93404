#!/bin/sh
# Makes Temporal's two databases, or brings their schema up to date. SQL_PASSWORD comes from the environment.
set -eu

prepare() {
  database=$1
  schema=$2
  tool="temporal-sql-tool --plugin postgres12 --ep temporal-db -p 5432 -u temporal --db $database"
  # A database that is not there, or has no schema yet, can't be updated: then it is made first.
  if ! $tool update-schema -d "$schema"; then
    $tool create || echo "$database is there already"
    $tool setup-schema -v 0.0
    $tool update-schema -d "$schema"
  fi
}

prepare temporal /etc/temporal/schema/postgresql/v12/temporal/versioned
prepare temporal_visibility /etc/temporal/schema/postgresql/v12/visibility/versioned
