"""What a user's type checker says: clean, but for each call in `wrong()`.

Run by `.ci/run` under mypy and pyright, which report an ignored error that isn't one.
"""

import functools
import json
import re
from collections.abc import Callable
from typing import Any, assert_type

from cache_inplace import (
    cache_method_in_place,
    cache_methods_in_place,
    cached_methods,
    uncache,
)


class Client:
    def one(self, arg: int) -> str:
        return str(arg)


def as_json(*args: object, **kwargs: object) -> str:
    return json.dumps([args, kwargs], sort_keys=True)


class Cached:
    def __init__(self, method: Callable[..., str]) -> None:
        self.method = method

    def __call__(self, arg: int) -> str:
        return self.method(arg)


client = Client()

one = cache_method_in_place(client, "one", maxsize=1000, typed=True, ttl=60, key=as_json)
print(one.cache_info().hits)
one.cache_clear()
cache_method_in_place(
    client, "one", ttl=0.5, key=lambda *args, **kwargs: json.dumps([args, kwargs])
)
assert_type(cache_methods_in_place(client, ["one"], maxsize=None), dict[str, Any])
for method in cache_methods_in_place(client, re.compile("on").match).values():
    print(method.cache_info().maxsize)
cache_methods_in_place(client, "one")
cache_methods_in_place(client, lambda name: name == "one")
cache_methods_in_place(client, iter({"one": 1}))
cache_method_in_place(client, "one", decorator=Cached)
cache_method_in_place(client, "one", decorator=functools.lru_cache(maxsize=10))
assert_type(cached_methods(client), dict[str, Any])
assert_type(uncache(client, cache_methods_in_place(client, ["one"])), list[str])
uncache(client, re.compile("on").match)


def wrong() -> None:
    cache_method_in_place(client, 3)  # type: ignore[arg-type]
    cache_method_in_place(client, ["one"])  # type: ignore[arg-type]
    cache_method_in_place(client, "one", maxsize="big")  # type: ignore[arg-type]
    cache_method_in_place(client, "one", ttl="60")  # type: ignore[arg-type]
    cache_method_in_place(client, "one", key="name")  # type: ignore[arg-type]
    cache_method_in_place(client, "one", size=1)  # type: ignore[call-arg]
    cache_method_in_place(client, "one", decorator=128)  # type: ignore[arg-type]
    cache_methods_in_place(client, [1])  # type: ignore[list-item]
    cache_methods_in_place(client, re.compile("on"))  # type: ignore[arg-type]
    cache_methods_in_place(client, "one", typed="no")  # type: ignore[arg-type]
    uncache()  # type: ignore[call-arg]
    uncache(client, 3)  # type: ignore[arg-type]
    print(cached_methods(client).one)  # type: ignore[attr-defined]
