"""Makes calls with PyPI's harborapi: reads one a line, `{"call", "with"}`, writes the answer of each as a line.

python harborapi-calls.py URL USERNAME   (the first line of standard input is the password)

Arguments that the client wants as its models are made from objects. Answers have passed its models: what the
registry says must be what Harbor's contract says.
"""

import asyncio
import inspect
import json
import sys
import typing

import pydantic
from harborapi import HarborAsyncClient
from harborapi.exceptions import StatusError

url, username = sys.argv[1:]


def to_argument(annotation, value):
    options = typing.get_args(annotation) or (annotation,)
    models = [kind for kind in options if inspect.isclass(kind) and issubclass(kind, pydantic.BaseModel)]
    return models[0](**value) if models and isinstance(value, dict) else value


def to_plain(value):
    return pydantic.TypeAdapter(typing.Any).dump_python(value, mode="json")


async def answer(client, name, arguments):
    method = getattr(client, name)
    hints = typing.get_type_hints(method)
    try:
        made = {key: to_argument(hints.get(key), value) for key, value in arguments.items()}
        return {"value": to_plain(await method(**made))}
    except StatusError as error:
        return {"error": str(error)}


async def main():
    client = HarborAsyncClient(url=url, username=username, secret=sys.stdin.readline().rstrip("\n"), retry=None)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(await answer(client, asked["call"], asked["with"])), flush=True)
    await client.client.aclose()


asyncio.run(main())
