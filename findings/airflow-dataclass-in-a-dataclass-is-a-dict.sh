#!/bin/sh
# In Airflow, a dataclass inside a dataclass comes back as a dict.
#
# Versions: Airflow 3.3.2 (Task SDK 1.3.2).
# Behaviour: what one task returns and the next one gets may be a dataclass, and it comes back as an object of its class. So
#   does each dataclass of a list. But the fields of a dataclass go through dataclasses.asdict, which turns the dataclasses in
#   them into dicts, at any depth, and the classes of these are not stored. Nothing fails: the next task gets an Order
#   whose customer, annotated as Customer, is a dict, and finds out at its first attribute. A test that calls the function
#   of the task does not show it.
# Source: the program below; serialize in airflow/sdk/serde/__init__.py, where a comment says so.
# Seen:
#   a dataclass: Customer(name='Ann')
#   a list of it: [Customer(name='Ann')]
#   in a dataclass: Order(customer={'name': 'Ann'})
# For us: the step for Airflow returns the envelope, which is a dict in the first place (docs/step.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet apache-airflow==3.3.2 apache-airflow-task-sdk==1.3.2
cat >"$folder/run.py" <<'PY'
from dataclasses import dataclass

from airflow.sdk.serde import deserialize, serialize


@dataclass
class Customer:
    name: str


@dataclass
class Order:
    customer: Customer


ann = Customer("Ann")
values = {"a dataclass": ann, "a list of it": [ann], "in a dataclass": Order(ann)}
seen = {}
for name, value in values.items():
    seen[name] = deserialize(serialize(value))
    print(f"{name}: {seen[name]}")
assert seen == {
    "a dataclass": ann,
    "a list of it": [ann],
    "in a dataclass": Order({"name": "Ann"}),
}, "the behaviour has changed"
PY
AIRFLOW_HOME="$folder" AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES="__main__.*" "$folder/venv/bin/python" "$folder/run.py"
