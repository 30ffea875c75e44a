#!/bin/sh
# On moto, a secret whose AWSCURRENT stage was moved to another version still returns the old value, unless the stage is named.
#
# Versions: moto 5.2.5 (its server), boto3 1.44.8.
# Behaviour: AWS says that get_secret_value returns the version of the stage AWSCURRENT when none is named. On moto the two calls return
#   different values after update_secret_version_stage: the test of a rotation fails that AWS would pass, or, when the old token still
#   works, passes with the wrong one.
# Source: the program below; the API reference of AWS Secrets Manager, GetSecretValue.
# Seen:
#   VersionStage=AWSCURRENT: new; without VersionStage: old
# For us: the aws: store names the stage in each read (docs/token_stores.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'moto[server,secretsmanager]==5.2.5' boto3==1.44.8
cat >"$folder/run.py" <<'PY'
import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
secrets = boto3.client(
    "secretsmanager",
    region_name="eu-central-1",
    endpoint_url=f"http://{host}:{port}",
    aws_access_key_id="id",
    aws_secret_access_key="key",
)
old = secrets.create_secret(Name="token", SecretString="old")["VersionId"]
new = secrets.put_secret_value(SecretId="token", SecretString="new", VersionStages=["PENDING"])["VersionId"]
secrets.update_secret_version_stage(
    SecretId="token", VersionStage="AWSCURRENT", MoveToVersionId=new, RemoveFromVersionId=old
)
named = secrets.get_secret_value(SecretId="token", VersionStage="AWSCURRENT")["SecretString"]
unnamed = secrets.get_secret_value(SecretId="token")["SecretString"]
server.stop()
print(f"VersionStage=AWSCURRENT: {named}; without VersionStage: {unnamed}")
assert (named, unnamed) == ("new", "old")
PY
"$folder/venv/bin/python" "$folder/run.py" 2>"$folder/log" || { tail -3 "$folder/log"; exit 1; }
