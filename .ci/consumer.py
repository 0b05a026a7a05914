"""What a user's type checker says: clean, but for each call in `wrong()`.

Run by `.ci/run` under mypy and pyright, which report an ignored error that isn't one.
"""

import contextlib
import functools
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


class Cached:
    def __init__(self, method: Callable[..., str]) -> None:
        self.method = method

    def __call__(self, arg: int) -> str:
        return self.method(arg)


client = Client()

one = cache_method_in_place(client, "one", maxsize=1000, typed=True)
assert_type(one.cache_info().hits, int)
one.cache_clear()
assert_type(cache_method_in_place(client, "one", decorator=None).cache_info().hits, int)
ones = cache_methods_in_place(client, ["one"], maxsize=None)
assert_type(ones["one"].cache_info().currsize, int)
for method in cache_methods_in_place(client, re.compile("on").match).values():
    assert_type(method.cache_info().maxsize, int | None)
cache_methods_in_place(client, "one")
cache_methods_in_place(client, str.islower)
cache_methods_in_place(client, lambda name: name == "one")
cache_methods_in_place(client, iter({"one": 1}))

assert_type(cache_method_in_place(client, "one", decorator=Cached), Cached)
assert_type(cache_methods_in_place(client, ["one"], decorator=Cached), dict[str, Cached])
shared = cache_method_in_place(client, "one", decorator=functools.lru_cache(maxsize=10))
assert_type(shared.cache_info().misses, int)
assert_type(cached_methods(client), dict[str, Any])
assert_type(uncache(client), list[str])
uncache(client, re.compile("on").match)
with contextlib.ExitStack() as stack:
    stack.callback(uncache, client)


def wrong() -> None:
    cache_method_in_place(client, 3)  # type: ignore[call-overload]
    cache_method_in_place(client, ["one"])  # type: ignore[call-overload]
    cache_method_in_place(client, "one", maxsize="big")  # type: ignore[call-overload]
    cache_method_in_place(client, "one", size=1)  # type: ignore[call-overload]
    cache_method_in_place(client, "one", maxsize=1, decorator=Cached)  # type: ignore[call-overload]
    cache_method_in_place(client, "one", decorator=128)  # type: ignore[call-overload]
    cache_methods_in_place(client, [1])  # type: ignore[list-item]
    cache_methods_in_place(client, re.compile("on"))  # type: ignore[call-overload]
    cache_methods_in_place(client, "one", typed="no")  # type: ignore[call-overload]
    uncache()  # type: ignore[call-arg]
    uncache(client, 3)  # type: ignore[arg-type]
    print(cached_methods(client).one)  # type: ignore[attr-defined]
