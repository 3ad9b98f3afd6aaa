#!/bin/sh
# What the storage holds before its first client: a bucket to read, one to write, and a user for each tenant.
set -eu

mc --quiet alias set storage "${STORAGE_URL:-http://minio1:9000}" "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD" >/dev/null
mc ready storage
mc mb --ignore-existing storage/datasets storage/checkpoints

user() { # name, secret, policy
    mc admin user add storage "$1" "$2"
    # An error if the user has it already, which is what is wanted.
    mc admin policy attach storage "$3" --user "$1" || mc admin user info storage "$1" | grep -q "$3"
}
user "$RAG_ACCESS_KEY" "$RAG_SECRET_KEY" readonly
user "$TRAINING_ACCESS_KEY" "$TRAINING_SECRET_KEY" readwrite
