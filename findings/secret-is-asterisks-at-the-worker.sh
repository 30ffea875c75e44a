#!/bin/sh
# A pydantic SecretStr arrives as ten asterisks: at the task in taskiq, at the activity in Temporal, and in the result in Celery.
#
# Versions: pydantic 2.14.4, taskiq 0.13.0, temporalio 1.35.0, celery 5.7.0; LangGraph 1.2.24 beside them.
# Behaviour: all four carry pydantic models; Temporal's converter promises "all types supported by Pydantic to and from JSON". A model
#   with a token in a SecretStr, whose purpose is to stay out of logs, is sent as pydantic's JSON, where a secret is "**********". Nothing
#   fails on the way: the asterisks are a valid SecretStr again, so the worker sends "Authorization: Bearer **********", or stores them
#   over the real token, and a token that a task has just created is lost for good. Celery compares an argument with what would arrive,
#   and refuses this one; it does not so with a result. LangGraph's checkpoints carry the value.
# Source: the program below; model_dump(mode="json") in taskiq/kicker.py, and the wrapper of pydantic tasks in celery/app/base.py;
#   temporalio/sdk-python issue 890, closed.
# Seen:
#   taskiq, argument: **********
#   Temporal, argument: **********
#   Celery, result: **********
#   LangGraph, checkpoint: pat_1
# For us: a create as a step names a token store, and what the step returns holds no token (docs/step.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydantic==2.14.4 taskiq==0.13.0 temporalio==1.35.0 celery==5.7.0 langgraph==1.2.24
cat >"$folder/run.py" <<'PY'
import asyncio

from celery import Celery
from celery.contrib.testing.worker import start_worker
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel, SecretStr
from taskiq import InMemoryBroker
from temporalio.contrib.pydantic import pydantic_data_converter


class Login(BaseModel):
    user: str
    token: SecretStr


LOGIN = Login(user="ci", token="pat_1")


async def send_by_taskiq():
    broker = InMemoryBroker()

    @broker.task
    async def use(login: Login) -> str:
        return login.token.get_secret_value()

    await broker.startup()
    task = await use.kiq(LOGIN)
    result = await task.wait_result(timeout=30)
    result.raise_for_error()
    await broker.shutdown()
    return result.return_value


async def send_by_temporal():
    payloads = await pydantic_data_converter.encode([LOGIN])
    (login,) = await pydantic_data_converter.decode(payloads, [Login])
    return login.token.get_secret_value()


def return_by_celery():
    app = Celery(broker="memory://", backend="cache+memory://")

    @app.task(pydantic=True)
    def create() -> Login:
        return LOGIN

    with start_worker(app, perform_ping_check=False, loglevel="ERROR"):
        return create.delay().get(timeout=30)["token"]


def store_by_langgraph():
    serializer = JsonPlusSerializer(allowed_msgpack_modules=[Login])
    return serializer.loads_typed(serializer.dumps_typed(LOGIN)).token.get_secret_value()


seen = {
    "taskiq, argument": asyncio.run(send_by_taskiq()),
    "Temporal, argument": asyncio.run(send_by_temporal()),
    "Celery, result": return_by_celery(),
    "LangGraph, checkpoint": store_by_langgraph(),
}
for name, token in seen.items():
    print(f"{name}: {token}")
assert list(seen.values()) == ["*" * 10] * 3 + ["pat_1"], "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" 2>"$folder/log" || { tail -3 "$folder/log"; exit 1; }
