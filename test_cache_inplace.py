"""Tests of cache_inplace, in the order of its contract; real objects wherever there are any.

They need pytest and hypothesis. Every other library is imported where it is tested:
where one is missing, or this Python can't start threads, say, the reason for skipping says so.
"""

import ast
import asyncio
import collections
import concurrent.futures
import contextlib
import contextvars
import copy
import ctypes
import dataclasses
import datetime
import fractions
import functools
import gc
import http.server
import importlib.metadata
import importlib.util
import inspect
import io
import itertools
import json
import math
import multiprocessing
import operator
import os
import pathlib
import pickle
import platform
import re
import select
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import timeit
import tracemalloc
import types
import typing
import weakref
import xmlrpc.client
import xmlrpc.server
import zipfile
from unittest import mock

import hypothesis
import hypothesis.stateful
import hypothesis.strategies as st
import pytest

import cache_inplace
from cache_inplace import (
    cache_method_in_place,
    cache_methods_in_place,
    cached_methods,
    uncache,
)

# The same examples on every machine, however slow.
hypothesis.settings.register_profile(
    "same",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same")

library = functools.partial(pytest.importorskip, exc_type=ImportError)


@pytest.fixture(scope="session")
def threads():
    """Skip where this Python can't start any, as in a browser."""
    thread = threading.Thread(target=int)
    try:
        thread.start()
    except RuntimeError:
        pytest.skip("this Python can't start threads")
    thread.join()


@pytest.fixture(scope="session")
def processes():
    """Skip where this Python can't start any, as in a browser."""
    try:
        subprocess.run([sys.executable, "-c", ""], check=True)
    except OSError:
        pytest.skip("this Python can't start processes")


@pytest.fixture(scope="session")
def event_loop_runs():
    """Skip where this Python can't wait for one, as in a browser."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        done = loop.create_future()
        done.set_result(None)
        try:
            loop.run_until_complete(done)
        except RuntimeError:
            pytest.skip("this Python can't run an event loop")


def at_home(cls):
    """Let a class that a function has made be found by pickle, as if it stood here."""
    cls.__qualname__ = cls.__name__
    return globals().setdefault(cls.__name__, cls)


class Client:
    """An API client that counts what it is asked."""

    timeout = 30

    class Error(Exception):
        pass

    def __init__(self, user="ann"):
        self.user = user
        self.calls = []

    def __repr__(self):
        return f"<Client token=hunter2 of {self.user}>"

    def one(self, arg, *, upper=False):
        """Ask for one."""
        self.calls.append(("one", arg))
        answer = f"{self.user}:{arg}"
        return answer.upper() if upper else answer

    def two(self, arg):
        self.calls.append(("two", arg))
        return [self.user, arg]

    def both(self, arg):
        return self.one(arg), self.two(arg)

    def fail(self, arg):
        self.calls.append(("fail", arg))
        raise self.Error(arg)

    def _get(self, arg):
        self.calls.append(("_get", arg))
        return arg

    @property
    def session(self):
        self.calls.append(("session",))
        return lambda: None

    @functools.cached_property
    def chat(self):
        self.calls.append(("chat",))
        return lambda: None

    @classmethod
    def of_class(cls, arg):
        return cls, arg

    @staticmethod
    def static(arg):
        return [arg]


class Child(Client):
    def one(self, arg):
        return super().one(arg)


class Dynamic:
    """A client whose methods are made up by __getattr__, and listed by __dir__."""

    def __init__(self, user="ann"):
        self.user = user
        self.calls = []
        self.made = []

    def __getattr__(self, name):
        if name.startswith("__") or name not in ("get_user", "get_repo", "url", "gone"):
            raise AttributeError(name)
        self.made.append(name)
        if name == "gone":
            raise AttributeError(name)
        return "http://" if name == "url" else functools.partial(self.call, name)

    def __dir__(self):
        return [*object.__dir__(self), "get_user", "get_repo", "url", "gone"]

    def call(self, name, arg):
        self.calls.append((name, arg))
        return f"{self.user}:{name}:{arg}"


class Stored:
    """A client whose methods are attributes of the instance, as with gRPC stubs."""

    def __init__(self, user="ann"):
        self.before = None
        self.get = functools.partial(Client(user).one)
        self.list = self.list_all
        self.after = None

    def list_all(self, arg):
        return [arg]


class Retried:
    """A client whose method has a method, as tenacity's have."""

    def get(self, arg):
        return arg

    get.retry = functools.partial(get, None)


class Slotted:
    __slots__ = ("calls",)

    def one(self, arg):
        return arg


class SlotsAndDict:
    __slots__ = ("__dict__", "user")

    def __getstate__(
        self,
    ):  # which pickle protocols 0 and 1 ask of a class with __slots__
        return vars(self), {"user": self.user}

    def __setstate__(self, state):
        vars(self).update(state[0])
        self.user = state[1]["user"]

    def __init__(self, user="ann"):
        self.user = user

    def one(self, arg):
        return f"{self.user}:{arg}"


class WithState(Client):
    def __getstate__(self):
        return {**self.__dict__, "calls": []}

    def __setstate__(self, state):
        self.__dict__.update(state)


class Items(dict):
    def one(self, arg):
        return f"{self['user']}:{arg}"


class Attributes(dict):
    """A dict with its items as attributes, that writes data whenever one is set."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__

    def one(self, arg):
        return f"{self['user']}:{arg}"


@dataclasses.dataclass(frozen=True)
class FrozenData:
    user: str = "ann"

    def one(self, arg):
        return f"{self.user}:{arg}"


def FrozenAttrs():
    @at_home
    @library("attrs").frozen(slots=False)
    class FrozenByAttrs:
        user: str = "ann"

        def one(self, arg):
            return f"{self.user}:{arg}"

    return FrozenByAttrs()


def Model():
    class PydanticModel(library("pydantic").BaseModel):
        user: str = "ann"

        def one(self, arg):
            return f"{self.user}:{arg}"

    return at_home(PydanticModel)()


def FrozenModel():
    class FrozenPydanticModel(library("pydantic").BaseModel, frozen=True):
        user: str = "ann"

        def one(self, arg):
            return f"{self.user}:{arg}"

    return at_home(FrozenPydanticModel)()


class Unhashable(Client):
    __hash__ = None


class NoWeakrefs:
    __slots__ = ("__dict__",)

    def one(self, arg):
        return f"ann:{arg}"


def Table():
    pandas = library("pandas")

    class PandasTable(pandas.DataFrame):
        @property
        def _constructor(self):
            return PandasTable

        def one(self, arg):
            return f"ann:{arg}"

    return PandasTable({"a": [1]})


def wrapt_proxy(target):
    return library("wrapt").ObjectProxy(target)


def local_proxy(target):
    return library("werkzeug.local").LocalProxy(lambda: target)


def weak_proxy(target):
    return weakref.proxy(target)


def set_by_hand(obj, name, maxsize=128):
    """What this module does instead of somebody's own two lines."""
    setattr(obj, name, functools.lru_cache(maxsize=maxsize)(getattr(obj, name)))


def entries(obj):
    """What vars() tells, with the identity and the order of it."""
    return [(name, id(value)) for name, value in vars(obj).items()]


@pytest.fixture
def client():
    return Client()


# 1. The idea


def test_a_cached_method_asks_once(client):
    cache_method_in_place(client, "one")
    assert client.one(1) == client.one(1) == "ann:1"
    assert client.calls == [("one", 1)]


def test_all_who_hold_the_object_use_the_cache_and_so_do_its_own_methods(client):
    cache_method_in_place(client, "one")
    client.one(1)
    assert client.both(1) == ("ann:1", ["ann", 1])
    assert client.calls == [("one", 1), ("two", 1)]


def test_each_instance_has_its_own_cache(client):
    other = Client("bob")
    for one in client, other:
        cache_method_in_place(one, "one")
    assert (client.one(1), other.one(1)) == ("ann:1", "bob:1")


def test_the_class_and_its_other_instances_stay_as_they_were(client):
    in_class = dict(vars(Client))
    cache_method_in_place(client, "one")
    assert vars(Client) == in_class
    assert "one" not in vars(Client())


def test_the_type_and_what_completion_lists_stay_as_they_were(client):
    before = type(client), dir(client)
    cache_methods_in_place(client, ["one", "two"])
    assert (type(client), dir(client)) == before


# 2. Public functions


def test_all_names_the_public_functions():
    public = {
        name
        for name, value in vars(cache_inplace).items()
        if inspect.isfunction(value)
        and value.__module__ == "cache_inplace"
        and name[0] != "_"
    }
    assert set(cache_inplace.__all__) == public


def test_the_version_in_the_head_of_the_file_is_the_version():
    head = pathlib.Path(cache_inplace.__file__).read_text().splitlines()[:3]
    assert head[0] == "# SPDX-License-Identifier: 0BSD"
    assert f"cache_inplace {cache_inplace.__version__} " in head[1]


def test_only_the_standard_library_is_imported():
    source = pathlib.Path(cache_inplace.__file__).read_text()
    imported = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    assert imported
    assert set(imported) <= sys.stdlib_module_names


@pytest.mark.parametrize("function", [cache_method_in_place, cache_methods_in_place])
def test_the_options_of_lru_cache_stand_in_the_signature(function):
    parameters = list(inspect.signature(function).parameters.values())[2:]
    assert [str(parameter.kind) for parameter in parameters] == ["KEYWORD_ONLY"] * 3
    defaults = {parameter.name: parameter.default for parameter in parameters}
    assert defaults == {
        **functools.lru_cache()(len).cache_parameters(),
        "decorator": None,
    }


def test_the_lock_and_the_undoing_guard_calls_in_which_all_loops_are():
    # https://github.com/python/cpython/issues/130279: where a loop in a with or try jumps back,
    # an interrupt isn't caught by it.
    tree = ast.parse(pathlib.Path(cache_inplace.__file__).read_text())
    locked = [node.body for node in ast.walk(tree) if isinstance(node, ast.With)]
    tried = [node.body for node in ast.walk(tree) if isinstance(node, ast.Try)]
    assert (len(locked), len(tried)) == (4, 2)
    loops = ast.For, ast.While, ast.comprehension
    for statement in itertools.chain(*locked, *tried):
        assert isinstance(statement, (ast.Expr, ast.Return, ast.Assign))
        assert not any(isinstance(node, loops) for node in ast.walk(statement))


def test_the_examples_of_context_managers_are_real_ones():
    with cache_inplace._example() as entered:
        assert entered is None
    entering = cache_inplace._async_example().__aenter__()
    with pytest.raises(StopIteration):
        entering.send(None)


def test_no_private_name_of_the_standard_library_is_needed_by_a_call():
    source = pathlib.Path(cache_inplace.__file__).read_text()
    attributes = re.findall(r"\b(\w+)\.(_[a-z]\w*)", source)
    private = {name for module, name in attributes if module in sys.stdlib_module_names}
    assert private == {"_lru_cache_wrapper"}  # in a quoted annotation


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="Python 3.10 has no typing.get_overloads"
)
@pytest.mark.parametrize("function", [cache_method_in_place, cache_methods_in_place])
def test_type_checkers_are_told_the_same_defaults(function):
    real = inspect.signature(function).parameters
    for overload in typing.get_overloads(function):
        for name, parameter in inspect.signature(overload).parameters.items():
            if parameter.default is not parameter.empty:
                assert parameter.default == real[name].default


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="Python 3.10 has no typing.get_overloads"
)
@pytest.mark.parametrize("function", [cache_method_in_place, cache_methods_in_place])
def test_type_checkers_are_told_what_comes_with_a_decorator_and_without(function):
    returned = [
        overload.__annotations__["return"]
        for overload in typing.get_overloads(function)
    ]
    assert len(returned) == 2
    assert "_lru_cache_wrapper" in str(returned[1])


def test_the_stubs_that_a_wheel_carries_are_the_module():
    stubs = pathlib.Path(__file__).parent / ".stubs" / "__init__.pyi"
    if not stubs.exists():
        pytest.skip("the stubs aren't here, as in a vendored copy")
    assert stubs.read_text() == pathlib.Path(cache_inplace.__file__).read_text()


def test_options_default_to_those_of_lru_cache(client):
    cached = cache_method_in_place(client, "one")
    assert cached.cache_parameters() == {"maxsize": 128, "typed": False}


def test_options_go_to_lru_cache(client):
    cached = cache_methods_in_place(client, ["one"], maxsize=1, typed=True)["one"]
    assert cached.cache_parameters() == {"maxsize": 1, "typed": True}
    client.one(1.0)
    client.one(True)
    assert cached.cache_info() == (0, 2, 1, 1)


@pytest.mark.parametrize("maxsize", [None, 0, 1000], ids=repr)
def test_maxsize_is_what_lru_cache_takes(client, maxsize):
    assert (
        cache_method_in_place(client, "one", maxsize=maxsize).cache_info().maxsize
        == maxsize
    )


def test_caching_returns_what_it_set(client):
    assert cache_method_in_place(client, "one") is client.one
    assert cache_methods_in_place(client, ["two", "one"]) == {
        "two": client.two,
        "one": client.one,
    }


def test_cached_methods_lists_what_is_cached(client):
    assert cached_methods(client) == {}
    cached = cache_methods_in_place(client, ["one", "two"])
    assert cached_methods(client) == cached


def test_uncache_names_the_first_that_is_not_cached(client):
    cache_method_in_place(client, "one")
    for first, second in ("two", "both"), ("both", "two"):
        with pytest.raises(ValueError, match=f"'{first}' of"):
            uncache(client, ["one", first, second])
    assert cached_methods(client).keys() == {"one"}


def test_uncache_returns_the_names_restored(client):
    cache_methods_in_place(client, ["one", "two", "both"])
    assert uncache(client, ["two", "one"]) == ["two", "one"]
    assert uncache(client) == ["both"]
    assert uncache(client) == []


@pytest.mark.parametrize(
    ("names", "restored"),
    [
        (None, ["one", "two", "_get"]),
        ("two", ["two"]),
        (("_get", "one", "_get"), ["_get", "one"]),
        ([], []),
        (iter(["one"]), ["one"]),
        (re.compile("t").match, ["two"]),
        (lambda name: "e" in name, ["one", "_get"]),
        (lambda _: False, []),
    ],
    ids=[
        "all",
        "name",
        "names",
        "empty",
        "iterator",
        "pattern",
        "predicate",
        "none of them",
    ],
)
def test_uncache_takes_names_in_every_form(client, names, restored):
    cache_methods_in_place(client, ["one", "two", "_get"])
    assert uncache(client, names) == restored
    assert cached_methods(client).keys() == {"one", "two", "_get"} - set(restored)


def test_a_decorator_is_called_once_per_method_with_the_bound_method(client):
    seen = []

    def decorator(method):
        seen.append(method)
        return functools.partial(method)

    cached = cache_methods_in_place(client, ["one", "two"], decorator=decorator)
    assert seen == [Client.one.__get__(client), Client.two.__get__(client)]
    assert cached == {"one": client.one, "two": client.two} == cached_methods(client)
    assert client.one(1) == "ann:1"
    assert uncache(client) == ["one", "two"]
    assert client.one == seen[0]


def test_options_at_their_defaults_go_with_a_decorator(client):
    options = {"maxsize": 128, "typed": False, "decorator": functools.partial}
    assert cache_methods_in_place(client, ["one"], **options) == {"one": client.one}


def test_lru_cache_is_a_decorator(client):
    cached = cache_method_in_place(
        client, "one", decorator=functools.lru_cache(maxsize=7)
    )
    assert cached.cache_info().maxsize == 7
    assert type(
        cache_method_in_place(client, "two", decorator=functools.lru_cache)
    ) is type(cached)


# 3. The cached method


def test_the_cached_method_is_what_lru_cache_returns(client):
    cached = cache_method_in_place(client, "one")
    assert type(cached) is type(functools.lru_cache(len))
    assert vars(client)["one"] is cached


def test_its_cache_can_be_looked_at_and_cleared(client):
    cached = cache_method_in_place(client, "one", maxsize=5)
    client.one(1)
    client.one(1)
    assert cached.cache_info() == (1, 1, 5, 1)
    cached.cache_clear()
    client.one(1)
    assert client.calls == [("one", 1), ("one", 1)]


def test_wrapped_is_the_method_that_it_replaced(client):
    plain = client.one
    assert cache_method_in_place(client, "one").__wrapped__ == plain


def test_name_docstring_and_signature_are_those_of_the_method(client):
    plain = client.one
    cached = cache_method_in_place(client, "one")
    for attribute in "__name__", "__qualname__", "__doc__", "__module__":
        assert getattr(cached, attribute) == getattr(plain, attribute)
    assert inspect.signature(cached) == inspect.signature(plain)


def test_a_method_without_a_name_is_given_none():
    stored = Stored()
    by_lru_cache = vars(functools.lru_cache(stored.get)).keys()
    ours = {"__reduce_ex__", "__deepcopy__", "__cache_inplace__"}
    assert vars(cache_method_in_place(stored, "get")).keys() == by_lru_cache | ours
    assert "__name__" not in by_lru_cache


def test_the_signature_is_that_of_the_method_even_where_the_function_states_its_own():
    class Signed:
        def one(self, *args):
            return args

    Signed.one.__signature__ = inspect.signature(Client.one)
    signed = Signed()
    plain = inspect.signature(signed.one)
    assert inspect.signature(cache_method_in_place(signed, "one")) == plain
    assert "self" not in plain.parameters


def test_the_cache_that_is_looked_at_and_cleared_is_never_one_that_the_method_has():
    class Memoized:
        def one(self):
            return object()

    Memoized.one.cache_info = Memoized.one.cache_clear = mock.Mock(
        side_effect=AssertionError
    )
    memoized = Memoized()
    cached = cache_method_in_place(memoized, "one")
    first = memoized.one()
    assert cached.cache_info().currsize == 1
    cached.cache_clear()
    assert memoized.one() is not first


def test_exceptions_pass_through_and_are_not_cached(client):
    cache_method_in_place(client, "fail")
    for _ in range(2):
        with pytest.raises(Client.Error, match="boom"):
            client.fail("boom")
    assert len(client.calls) == 2
    with pytest.raises(TypeError, match="unexpected keyword"):
        cache_method_in_place(client, "one")(1, nonsense=2)


def test_any_keyword_reaches_the_method():
    class Keywords:
        def one(self, **kwargs):
            return kwargs

    keywords = {"obj": 1, "name": 2, "method": 3, "self_": 4}
    assert cache_method_in_place(Keywords(), "one")(**keywords) == keywords


# 3. Selecting


def test_an_explicit_name_may_be_private(client):
    cache_method_in_place(client, "_get")
    assert client._get(1) == client._get(1) == 1
    assert client.calls == [("_get", 1)]


def test_an_explicit_name_may_be_dynamic():
    dynamic = Dynamic()
    cache_method_in_place(dynamic, "get_user")
    assert dynamic.get_user(1) == dynamic.get_user(1) == "ann:get_user:1"
    assert dynamic.calls == [("get_user", 1)]


def test_a_predicate_is_asked_about_each_public_name_that_may_be_a_method(client):
    asked = []
    with pytest.raises(ValueError, match="predicate selects no method"):
        cache_methods_in_place(client, asked.append)
    # Left out is what the object itself holds, since nothing of that can be called.
    assert asked == [name for name in dir(Client) if not name.startswith("_")]


@pytest.mark.parametrize(
    "predicate",
    [
        re.compile("one|two").match,
        {"one": 1, "two": "yes", "_get": 1}.get,
        ["one", "two"].count,
    ],
    ids=["match", "get", "count"],
)
def test_anything_truthy_selects(client, predicate):
    assert cache_methods_in_place(client, predicate).keys() == {"one", "two"}


def test_a_predicate_never_touches_what_it_rejects():
    class Untouchable(Client):
        def __getattribute__(self, name):
            assert name not in ("two", "both", "extra")
            return super().__getattribute__(name)

    client = Untouchable()
    vars(client)["extra"] = Client.two
    assert cache_methods_in_place(client, "one".__eq__).keys() == {"one"}


class Descriptor:
    def __init__(self, *slots):
        self.slots = slots

    def __get__(self, instance, owner):
        instance.calls.append("computed")
        return lambda: None


class DataDescriptor(Descriptor):
    def __set__(self, instance, value):
        raise AssertionError

    __call__ = None


class CallableDataDescriptor(DataDescriptor):
    def __call__(self):
        raise AssertionError


class DeletingDescriptor(Descriptor):
    def __delete__(self, instance):
        raise AssertionError

    def __call__(self):
        raise AssertionError


class Computed(Client):
    __slots__ = ("slot",)
    data = DataDescriptor()
    data_that_can_be_called = CallableDataDescriptor()
    data_that_can_be_deleted = DeletingDescriptor()
    descriptor = Descriptor()

    def __init__(self):
        super().__init__()
        self.slot = len


COMPUTED = [
    "session",
    "chat",
    "slot",
    "data",
    "data_that_can_be_called",
    "data_that_can_be_deleted",
    "descriptor",
]


def test_a_predicate_skips_what_is_no_method_without_evaluating_it():
    client = Computed()
    client.data_attribute = 1
    client.class_attribute = Client
    cached = cache_methods_in_place(client, lambda _: True)
    assert cached.keys() == {"one", "two", "both", "fail", "of_class", "static"}
    assert client.calls == []


@pytest.mark.parametrize("name", COMPUTED)
def test_an_explicit_computed_attribute_is_refused_without_evaluating_it(name):
    client = Computed()
    with pytest.raises(
        TypeError, match=f"'{name}' of 'Computed' is '.*', not a method; "
    ):
        cache_method_in_place(client, name)
    assert client.calls == []


def test_a_computed_attribute_that_was_evaluated_is_still_no_method(client):
    _ = client.chat
    with pytest.raises(TypeError, match="'chat' of 'Client' is 'cached_property'"):
        cache_method_in_place(client, "chat")


class Kinds(Client):
    by_partial = functools.partialmethod(Client.one, upper=True)
    partial = staticmethod(functools.partial(fractions.Fraction, 1))
    builtin = len

    @functools.singledispatchmethod
    def by_type(self, arg):
        return f"{self.user}:{arg}"

    @functools.lru_cache
    def by_class_cache(self, arg):
        return f"{self.user}:{arg}"


def by_wrapt(function):
    """A decorator that wrapt has made."""

    def call(wrapped, instance, args, kwargs):
        return wrapped(*args, **kwargs)

    return library("wrapt").decorator(call)(function)


def WraptKinds(user="ann"):
    class DecoratedByWrapt(Client):
        decorated = by_wrapt(Client.one)

    return at_home(DecoratedByWrapt)(user)


@pytest.mark.parametrize(
    ("name", "arg", "result"),
    [
        ("by_partial", "x", "ANN:X"),
        ("partial", 2, fractions.Fraction(1, 2)),
        ("builtin", "abc", 3),
        ("by_type", "x", "ann:x"),
        ("by_class_cache", "x", "ann:x"),
        ("decorated", "x", "ann:x"),
        ("of_class", "x", (Kinds, "x")),
        ("static", "x", ["x"]),
    ],
)
def test_every_kind_of_method_can_be_cached(name, arg, result):
    kinds = WraptKinds() if name == "decorated" else Kinds()
    before = entries(kinds)
    cached = cache_methods_in_place(kinds, lambda candidate: candidate == name)[name]
    assert getattr(kinds, name)(arg) == getattr(kinds, name)(arg) == result
    assert cached.cache_info()[:2] == (1, 1)
    assert uncache(kinds) == [name]
    assert entries(kinds) == before
    assert getattr(kinds, name)(arg) == result


@pytest.mark.parametrize(
    "names", [["get", "list"], lambda _: True], ids=["names", "predicate"]
)
def test_methods_of_the_instance_itself_count_as_methods(names):
    stored = Stored()
    assert cache_methods_in_place(stored, names).keys() >= {"get", "list"}
    assert stored.get(1) is stored.get(1)
    assert stored.list(1) is stored.list(1)


def test_a_predicate_that_selects_something_uncachable_is_refused_naming_every_culprit():
    class Mixed(Client):
        async def get_async(self):
            raise AssertionError

        def get_iter(self):
            yield

        async def get_aiter(self):
            yield

        get_part = functools.partialmethod(get_async)

    mixed = Mixed()
    mixed.get_stored = functools.partial(functools.partial(mixed.get_async))
    before = entries(mixed)
    with pytest.raises(TypeError) as caught:
        cache_methods_in_place(mixed, re.compile("get_|one").match)
    assert str(caught.value) == (
        "'get_aiter', 'get_async', 'get_iter', 'get_part', 'get_stored' of 'Mixed' "
        + ONE_SHOT
    )
    assert entries(mixed) == before
    cached = cache_methods_in_place(
        mixed, re.compile("get_").match, decorator=functools.lru_cache
    )
    assert len(cached) == 5


class Directory(Client):
    def __dir__(self):
        return ["one", "_get"]


class Metaclass(type):
    def __dir__(cls):
        return []


class OfMetaclass(Client, metaclass=Metaclass):
    pass


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (Directory, {"one"}),
        (OfMetaclass, {"one", "two", "both", "fail", "of_class", "static"}),
    ],
    ids=["class", "metaclass"],
)
def test_a_predicate_respects_the_dir_of_the_class_and_not_that_of_the_metaclass(
    make, found
):
    assert cache_methods_in_place(make(), lambda _: True).keys() == found


@pytest.mark.parametrize("ask", [vars, type], ids=["with a dict", "without"])
def test_a_predicate_finds_the_methods_of_the_instance_whether_it_has_a_dict_yet_or_not(
    ask,
):
    stored = Stored()
    ask(stored)
    assert cache_methods_in_place(stored, lambda _: True).keys() == {
        "get",
        "list",
        "list_all",
    }


def test_a_predicate_finds_methods_in_slots_no_more_than_by_name():
    class Slot:
        __slots__ = ("__dict__", "hook")

        def one(self, arg):
            return arg

    obj = Slot()
    obj.hook = obj.one
    assert cache_methods_in_place(obj, lambda _: True).keys() == {"one"}


def test_a_dict_of_functions_is_not_taken_for_methods(client):
    client.hooks = {"hook": print}
    found = {"one", "two", "both", "fail", "of_class", "static"}
    assert cache_methods_in_place(client, lambda _: True).keys() == found


@pytest.mark.parametrize("where", ["class", "instance"])
def test_a_local_proxy_that_stands_for_nothing_does_not_spoil_a_call(where):
    class Session(Client):
        pass

    session = Session()
    unbound = library("werkzeug.local").LocalProxy(contextvars.ContextVar("unbound"))
    (Session if where == "class" else session).current = unbound
    found = {"one", "two", "both", "fail", "of_class", "static"}
    assert cache_methods_in_place(session, lambda _: True).keys() == found
    assert uncache(session, lambda _: True)
    assert type(session.current) is type(unbound)


def test_a_predicate_selects_what_a_decorator_of_wrapt_has_made():
    kinds = WraptKinds()
    assert cache_methods_in_place(kinds, "decorated".__eq__).keys() == {"decorated"}
    kinds.hook = by_wrapt(len)
    assert cache_methods_in_place(kinds, "hook".__eq__).keys() == {"hook"}


class WithWrapped:
    """Like what a singledispatchmethod gives from Python 3.14 on."""

    @property
    def __wrapped__(self):
        raise AssertionError

    def __call__(self, arg):
        return [arg]


def test_a_predicate_selects_what_wraps_something_but_does_not_pass_for_it(client):
    client.hook = WithWrapped()
    cache_methods_in_place(client, "hook".__eq__)
    assert client.hook(1) is client.hook(1)


def test_a_predicate_selects_a_mock_on_the_class(client):
    with mock.patch.object(Client, "one") as one:
        cache_methods_in_place(client, "one".__eq__)
        assert client.one(1) is client.one(1)
    one.assert_called_once_with(1)
    assert uncache(client) == ["one"]


@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy, weak_proxy])
def test_a_method_of_the_object_is_no_predicate_behind_a_proxy_either(client, proxy):
    refused = "predicate is a method of '.*'; pass the name of the method, 'two'"
    for obj in proxy(client), client:
        with pytest.raises(TypeError, match=refused):
            cache_methods_in_place(proxy(client), obj.two)
    cache_method_in_place(proxy(client), "two")
    for obj in client, proxy(client), copy.copy(client):
        with pytest.raises(TypeError, match=refused):
            cache_methods_in_place(obj, obj.two)
    assert client.calls == []


def test_a_cached_method_of_another_object_of_the_class_may_be_a_predicate(client):
    class Rules(Client):
        def wants(self, name):
            return name == "one"

    rules, other = Rules(), Rules()
    cache_method_in_place(rules, "wants")
    assert cache_methods_in_place(other, rules.wants).keys() == {"one"}
    assert cache_methods_in_place(client, rules.wants).keys() == {"one"}


def test_a_property_of_a_proxy_itself_is_not_evaluated(client):
    class Proxy(library("wrapt").ObjectProxy):
        @property
        def status(self):
            raise AssertionError

    proxy = Proxy(client)
    with pytest.raises(
        TypeError, match="'status' of 'Proxy' is 'property', not a method"
    ):
        cache_method_in_place(proxy, "status")
    assert cache_methods_in_place(proxy, re.compile("status|one").match).keys() == {
        "one"
    }


def test_a_predicate_may_be_a_method_of_an_equal_object():
    class Equal(Client):
        def __eq__(self, other):
            return True

        __hash__ = None

        def wants(self, name):
            return name == "one"

    assert cache_methods_in_place(Equal(), Equal().wants).keys() == {"one"}


def test_a_predicate_skips_what_says_that_it_is_not_there():
    class OfClassOnly(classmethod):  # as Django's views have it
        def __get__(self, instance, owner):
            raise AttributeError

    class View(Client):
        as_view = OfClassOnly(Client.one)

    assert cache_methods_in_place(View(), re.compile("as_view|one").match).keys() == {
        "one"
    }


def test_what_only_dir_lists_is_fetched_to_see_once_the_predicate_accepts_it():
    dynamic = Dynamic()
    assert cache_methods_in_place(
        dynamic, re.compile("get_u|gone|url").match
    ).keys() == {"get_user"}
    assert set(dynamic.made) == {"get_user", "gone", "url"}


def test_an_empty_iterable_does_nothing(client):
    before = entries(client)
    assert cache_methods_in_place(client, []) == {}
    assert entries(client) == before


def test_a_name_given_twice_counts_once(client):
    made = []

    def decorator(method):
        made.append(method)
        return functools.partial(method)

    assert list(
        cache_methods_in_place(client, iter(["one", "one"]), decorator=decorator)
    ) == ["one"]
    assert len(made) == 1


def test_one_string_is_one_name(client):
    assert cache_methods_in_place(client, "one") == {"one": client.one}


# 3. All or nothing


@pytest.mark.parametrize(
    ("names", "error"),
    [
        (["two", "one", "missing"], AttributeError),
        (["two", "one", "timeout"], TypeError),
        (["two", "one", 3], TypeError),
        (["two", "session", "one"], TypeError),
        (["two", "__len__"], TypeError),
    ],
    ids=["missing", "plain value", "no string", "computed", "special"],
)
def test_one_refused_name_refuses_all_and_leaves_earlier_caches_with_their_content(
    client, names, error
):
    cached = cache_method_in_place(client, "one", maxsize=3)
    client.one(1)
    before = entries(client)
    with pytest.raises(error):
        cache_methods_in_place(client, names, maxsize=4)
    assert entries(client) == before
    assert client.one is cached
    assert cached.cache_info() == (0, 1, 3, 1)


def test_a_decorator_that_raises_changes_nothing(client):
    cache_method_in_place(client, "one")
    before = entries(client)

    def decorator(method):
        if method.__name__ == "two":
            raise KeyboardInterrupt
        return functools.partial(method)

    with pytest.raises(KeyboardInterrupt):
        cache_methods_in_place(client, ["one", "both", "two"], decorator=decorator)
    assert entries(client) == before
    assert uncache(client) == ["one"]
    assert list(vars(client)) == ["user", "calls"]


ONE_SHOT = (
    "can't be cached: what a coroutine or generator function returns can be used only once; "
    "pass decorator= (async_lru.alru_cache for coroutine functions), or choose other names"
)


class Stubborn(Client):
    """What is set on it takes, unless it is called two."""

    def __getattribute__(self, name):
        if name == "two":
            return functools.partial(Client.two, self)
        return super().__getattribute__(name)


class Lookalike:
    def __eq__(self, other):
        return True

    __hash__ = __call__ = None


class Equivocal(Client):
    """What is set on it doesn't take, but what it hands out instead is equal to everything."""

    def __getattribute__(self, name):
        return Lookalike() if name == "two" else super().__getattribute__(name)


class Exploding(Client):
    def __getattribute__(self, name):
        if name == "two" and "two" in super().__getattribute__("__dict__"):
            raise KeyboardInterrupt
        return super().__getattribute__(name)


@pytest.mark.parametrize(
    ("cls", "error"),
    [(Stubborn, TypeError), (Equivocal, TypeError), (Exploding, KeyboardInterrupt)],
    ids=["not", "equal", "raises"],
)
def test_one_that_fails_while_it_is_set_puts_the_others_back(cls, error):
    client = cls()
    client.both = client.both
    cached = cache_method_in_place(client, "one")
    client.one(1)
    before = entries(client)
    with pytest.raises(error):
        cache_methods_in_place(client, ["both", "one", "two", "fail"])
    assert entries(client) == before
    assert client.one is cached
    assert cached.cache_info().currsize == 1


def test_a_refused_uncache_restores_nothing(client):
    cached = cache_methods_in_place(client, ["one", "two"])
    with pytest.raises(ValueError, match="'both' of 'Client'"):
        uncache(client, ["one", "both"])
    assert cached_methods(client) == cached


# 3. Again


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Client, "one"),
        (Stored, "get"),
        (Dynamic, "get_user"),
        (FrozenData, "one"),
        (Kinds, "static"),
    ],
    ids=["class", "stored", "dynamic", "frozen", "static"],
)
def test_caching_again_replaces_the_cache(make, name):
    obj = make()
    before = entries(obj)
    first = cache_method_in_place(obj, name, maxsize=3)
    getattr(obj, name)(1)
    second = cache_method_in_place(obj, name, maxsize=4)
    assert second.cache_info() == (0, 0, 4, 0)
    assert second.__wrapped__ == first.__wrapped__
    getattr(obj, name)(1)
    assert first.cache_info().misses == 1
    assert uncache(obj) == [name]
    assert entries(obj) == before


def test_caching_again_with_a_decorator_replaces_the_cache(client):
    first = cache_method_in_place(client, "one")
    plain = []
    cache_method_in_place(
        client,
        "one",
        decorator=lambda method: plain.append(method) or functools.partial(method),
    )
    assert plain == [first.__wrapped__]
    cache_method_in_place(client, "one")
    assert client.one.__wrapped__ == first.__wrapped__


def test_caching_again_keeps_what_the_class_has_put_around_the_method():
    client = Audited()
    for _ in range(2):
        cache_method_in_place(client, "one")
        assert client.one(1) == "ann:1"
    assert client.calls == [(1,), ("one", 1)] * 2


def test_a_cached_method_cached_under_another_name_is_not_stacked(client):
    cached = cache_method_in_place(client, "one")
    client.alias = cached
    before = entries(client)
    alias = cache_method_in_place(client, "alias")
    assert alias.__wrapped__ == cached.__wrapped__
    cache_method_in_place(client, "alias")
    assert client.alias.__wrapped__ == cached.__wrapped__
    assert uncache(client, "alias") == ["alias"]
    assert entries(client) == before


# 3. Back


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Client, "one"),
        (Stored, "get"),
        (Stored, "list"),
        (Dynamic, "get_user"),
        (FrozenData, "one"),
        (FrozenAttrs, "one"),
        (Model, "one"),
        (SlotsAndDict, "one"),
        (functools.partial(Items, user="ann"), "one"),
        (functools.partial(Items, user="ann"), "get"),
        (functools.partial(Attributes, user="ann"), "one"),
        (functools.partial(ctypes.CDLL, None), "abs"),
    ],
)
def test_uncache_leaves_the_object_exactly_as_it_was(make, name):
    obj = make()
    before = entries(obj)
    cache_method_in_place(obj, name)
    assert uncache(obj) == [name]
    assert entries(obj) == before


def test_a_shadowed_attribute_comes_back_as_the_same_object_in_its_place():
    stored = Stored()
    get = stored.get
    cache_methods_in_place(stored, ["list", "get"])
    cache_methods_in_place(stored, ["get"], maxsize=1)
    uncache(stored, "get")
    assert stored.get is get
    uncache(stored)
    assert list(vars(stored)) == ["before", "get", "list", "after"]


def test_what_looks_stored_as_it_is_the_same_each_time_but_is_on_the_class():
    class Odd(Client):
        odd = classmethod(staticmethod(Client.static))

    client = Odd()
    before = entries(client)
    if sys.version_info >= (3, 13):  # which no longer chains them
        cache_method_in_place(client, "odd")
    else:
        assert cache_method_in_place(client, "odd")(1) == [1]
    assert uncache(client) == ["odd"]
    assert entries(client) == before


@pytest.mark.parametrize("name", ["__odd", "odd__", "_odd_"])
def test_only_two_underscores_at_both_ends_are_special(client, name):
    setattr(client, name, client.one)
    cache_method_in_place(client, name)
    assert uncache(client) == [name]


class Wrapping(Client):
    """A client that wraps whatever function it hands out, anew each time."""

    def __getattribute__(self, name):
        value = super().__getattribute__(name)
        if not isinstance(value, (types.FunctionType, types.MethodType)):
            return value
        return lambda *args: value(*args)


@pytest.mark.parametrize("names", ["one", "hook", ["hook", "one", "two"]], ids=str)
def test_what_an_object_holds_comes_back_even_if_it_hands_out_something_else(names):
    client = Wrapping()
    client.hook = client.one = lambda arg: arg
    client.last = None
    before = entries(client)
    cache_methods_in_place(client, names)
    uncache(client)
    assert entries(client) == before


def test_what_reading_leaves_on_the_object_is_taken_away_by_uncache():
    cachetools = library("cachetools")

    class Memoized(Client):
        @cachetools.cachedmethod(lambda self: self.cache)
        def memoized(self, arg):
            return arg

    client = Memoized()
    client.cache = {}
    before = entries(client)
    cache_method_in_place(client, "memoized")
    assert uncache(client) == ["memoized"]
    assert entries(client) == before


def test_an_attribute_of_the_instance_that_hides_a_method_of_its_class_comes_back(
    client,
):
    client.one = mine = client.two
    before = entries(client)
    cache_method_in_place(client, "one")
    assert client.one(1) == ["ann", 1]
    uncache(client)
    assert client.one is mine
    assert entries(client) == before


@pytest.mark.parametrize("make", [Client, Stored], ids=["class", "stored"])
def test_after_a_manual_del_nothing_breaks_and_nothing_is_left(make):
    obj = make()
    name = "one" if make is Client else "get"
    before = [entry for entry in entries(obj) if entry[0] != name]
    cache_method_in_place(obj, name)
    delattr(obj, name)
    assert cached_methods(obj) == {}
    with pytest.raises(ValueError, match="isn't cached"):
        uncache(obj, name)
    assert uncache(obj) == []
    assert entries(obj) == before


def test_a_predicate_that_matches_none_restores_none(client):
    cache_method_in_place(client, "one")
    assert uncache(client, re.compile("get_").match) == []
    assert cached_methods(client).keys() == {"one"}


@pytest.mark.parametrize("names", ["handlers", lambda name: name == "handlers"])
def test_a_dict_that_can_be_called_is_a_method_that_the_object_holds(names):
    class Handlers(dict):
        def __call__(self, name):
            return self[name]

    class Server:
        def __init__(self):
            self.handlers = Handlers(a=1)

    server = Server()
    handlers = server.handlers
    assert list(cache_methods_in_place(server, names)) == ["handlers"]
    assert server.handlers("a") == 1
    assert uncache(server) == ["handlers"]
    assert server.handlers is handlers


def test_a_class_or_an_object_that_holds_nothing_has_nothing_cached():
    for obj in Client, [], Slotted(), 1:
        assert cached_methods(obj) == {}
        assert uncache(obj) == []


def test_uncaching_frees_the_object_at_once():
    client = Client()
    cache_methods_in_place(client, ["one", "two"])
    client.one(1)
    gone = weakref.ref(client)
    uncache(client)
    gc.disable()
    try:
        del client
        assert gone() is None
    finally:
        gc.enable()


def test_the_object_and_its_cache_are_freed_together():
    class Result:
        pass

    client = Client()
    client.user = Result()
    cache_methods_in_place(client, ["one", "two"])
    gone = weakref.ref(client), weakref.ref(client.two(1)[0]), weakref.ref(client.one)
    del client
    gc.collect()
    assert [ref() for ref in gone] == [None, None, None]


class EqualToAll:
    """Something, or a client, that is equal to everything, as pandas and mock have them."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = object.__hash__

    def __call__(self, arg):
        return [arg]

    def get(self, arg):
        return [arg]


class EqualProperty(EqualToAll):
    def __get__(self, instance, owner):
        raise AssertionError

    def __set__(self, instance, value):
        raise AssertionError


class OfEquals(Client):
    hook = EqualToAll()
    bound = EqualToAll().get
    status = EqualProperty()


def test_what_is_equal_to_everything_comes_back(client):
    client.mine = mine = EqualToAll()
    before = entries(client)
    cache_method_in_place(client, "mine")
    assert uncache(client) == ["mine"]
    assert client.mine is mine
    assert entries(client) == before


def test_a_property_that_is_equal_to_everything_is_no_method():
    client = OfEquals()
    with pytest.raises(
        TypeError, match="'status' of 'OfEquals' is 'EqualProperty', not"
    ):
        cache_method_in_place(client, "status")
    assert "status" not in cache_methods_in_place(client, lambda name: True)


def test_what_is_equal_to_everything_copies_as_itself():
    client = OfEquals()
    cache_method_in_place(client, "hook")
    for clone in copy.deepcopy(client), pickle.loads(pickle.dumps(client)):
        assert clone.hook is OfEquals.hook
    equal = EqualToAll()
    equal.by_type = None
    cache_method_in_place(equal, "get")
    for clone in copy.deepcopy(equal), pickle.loads(pickle.dumps(equal)):
        assert clone.get.__self__ is clone


def test_a_method_of_an_equal_object_stays_bound_to_that():
    class OfAnother(EqualToAll):
        other = EqualToAll().get

    client = OfAnother()
    cache_method_in_place(client, "other")
    assert copy.deepcopy(client).other.__self__ is OfAnother.other.__self__


def test_the_owner_behind_a_proxy_is_not_another_object_that_holds_the_same():
    class OfAnother(EqualToAll):
        other = Items(user="ann").one

    client = OfAnother()
    cache_method_in_place(wrapt_proxy(client), "other")
    assert uncache(client) == ["other"]


# 3. Other people's patches


def test_a_mock_on_top_is_not_touched(client):
    before = entries(client)
    cache_methods_in_place(client, ["one", "two"])
    with mock.patch.object(client, "one") as on_top:
        assert cached_methods(client).keys() == {"two"}
        with pytest.raises(
            ValueError, match="'one' of 'Client' isn't cached, or is patched over"
        ):
            uncache(client, "one")
        assert uncache(client) == ["two"]
        assert client.one is on_top
    assert cached_methods(client).keys() == {"one"}
    assert uncache(client) == ["one"]
    assert entries(client) == before


def test_a_mock_undone_first_is_undone_exactly(client):
    before = entries(client)
    cached = cache_method_in_place(client, "one")
    with mock.patch.object(client, "one"):
        pass
    assert client.one is cached
    uncache(client)
    assert entries(client) == before


def test_a_mock_below_comes_back(client):
    with mock.patch.object(client, "one") as below:
        cached = cache_method_in_place(client, "one")
        assert cached.__wrapped__ is below
        uncache(client)
        assert client.one is below
    assert list(vars(client)) == ["user", "calls"]


def test_a_mock_below_that_is_undone_first_leaves_nothing(client):
    with mock.patch.object(client, "one"):
        cache_method_in_place(client, "one")
    assert uncache(client) == []
    assert list(vars(client)) == ["user", "calls"]
    assert client.one(1) == "ann:1"


@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_monkeypatch_on_top_can_be_undone_in_either_order(client, first):
    before = entries(client)
    cache_method_in_place(client, "one")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(client, "one", str)
        if first == "ours":
            assert uncache(client) == []
        assert client.one is str
    assert uncache(client) == ["one"]
    assert entries(client) == before


def test_what_wraps_made_of_a_cached_method_is_not_the_cached_method(client):
    cached = cache_method_in_place(client, "one")

    @functools.wraps(cached)
    def on_top(arg):
        return cached(arg)

    client.one = on_top
    assert on_top.__cache_inplace__ is cached.__cache_inplace__
    assert cached_methods(client) == {}
    assert uncache(client) == []
    assert client.one is on_top
    again = cache_method_in_place(client, "one")
    assert again.__wrapped__ is on_top
    assert uncache(client) == ["one"]
    assert client.one is on_top
    client.one = cached
    assert uncache(client) == ["one"]


@pytest.mark.parametrize("offset", [-16, 16], ids=["below", "above"])
def test_the_record_of_something_else_in_memory_does_not_count(client, offset):
    cached = cache_method_in_place(client, "one")
    on_top = functools.wraps(cached)(lambda arg: arg)
    elsewhere = id(on_top) + offset
    on_top.__cache_inplace__ = {**cached.__cache_inplace__, "id": elsewhere}
    client.one = on_top
    assert cached_methods(client) == {}


@pytest.mark.parametrize("alias", ["alias", "z"])
def test_a_cached_method_stored_under_another_name_is_not_touched(client, alias):
    cached = cache_method_in_place(client, "one")
    setattr(client, alias, cached)
    assert cached_methods(client) == {"one": cached}
    assert uncache(client) == ["one"]
    assert getattr(client, alias) is cached


@pytest.mark.parametrize(
    "make", [types.SimpleNamespace, Child, Stored], ids=lambda cls: cls.__name__
)
def test_a_cached_method_stored_on_another_object_is_not_touched(client, make):
    service = make()
    service.one = cached = cache_method_in_place(client, "one")
    assert cached_methods(service) == {}
    with pytest.raises(ValueError, match="isn't cached"):
        uncache(service, "one")
    assert uncache(service) == []
    assert service.one is cached
    own = cache_method_in_place(service, "one")
    assert own.__wrapped__ == cached.__wrapped__
    assert uncache(service) == ["one"]
    assert service.one is cached


def test_a_function_of_a_patched_module_imported_into_another_is_not_touched():
    source, user = types.ModuleType("source"), types.ModuleType("user")
    source.get = Client().one
    user.get = cached = cache_method_in_place(source, "get")
    assert cached_methods(user) == {}
    assert uncache(user) == []
    assert user.get is cached
    assert uncache(source) == ["get"]


def test_a_cached_method_stored_on_the_class_is_not_stacked(client):
    class Shared(Client):
        pass

    first = Shared()
    Shared.one = staticmethod(cache_method_in_place(first, "one"))
    plain = first.one.__wrapped__
    uncache(first)
    for obj in Shared("bob"), copy.copy(Shared("eve")):
        before = entries(obj)
        cache_method_in_place(obj, "one")
        for clone in obj, copy.copy(obj):
            assert cache_method_in_place(clone, "one").__wrapped__ == plain
        uncache(obj)
        assert entries(obj) == before


def test_an_object_whose_class_was_changed_can_still_be_uncached_and_so_can_its_copy(
    client,
):
    cache_method_in_place(client, "one")
    client.__class__ = Child
    for obj in copy.copy(client), client:
        assert uncache(obj) == ["one"]
        assert list(vars(obj)) == ["user", "calls"]


class PosingProxy:
    """A proxy in pure Python with a __dict__ of its own, that passes for its target's class."""

    def __init__(self, target):
        self.target = target

    @property
    def __class__(self):
        return type(self.target)

    def __getattr__(self, name):
        return getattr(self.target, name)


def test_a_proxy_with_a_dict_of_its_own_is_left_as_it_was():
    target = Stored()
    proxy = PosingProxy(target)
    before = entries(proxy)
    cached = cache_method_in_place(target, "get")
    own = cache_method_in_place(proxy, "get")
    assert own.__wrapped__ is cached.__wrapped__
    assert uncache(proxy) == ["get"]
    assert entries(proxy) == before
    assert target.get is cached


# 3. Results that work only once


class Results(Client):
    """Plain methods, all of them, whatever they return."""

    def result(self, make):
        self.calls.append(make)
        return make()

    async def coroutine(self):
        raise AssertionError


async def a_coroutine():
    raise AssertionError


async def an_async_generator():
    yield 1


def a_future():
    loop = asyncio.new_event_loop()
    try:
        return loop.create_future()
    finally:
        loop.close()


@types.coroutine
def a_generator_based_coroutine():
    yield


class Awaitable:
    def __await__(self):
        raise AssertionError


class CallableAwaitable(Awaitable):
    def __call__(self):
        raise AssertionError


def a_cursor():
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        return connection.execute("select 1")


def a_sqlalchemy_result():
    sqlalchemy = library("sqlalchemy")
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        return connection.execute(sqlalchemy.text("select 1")).freeze()()


ONE_SHOTS = [
    lambda: (n for n in range(3)),
    lambda: iter([1]),
    lambda: map(str, [1]),
    lambda: itertools.chain([1]),
    lambda: enumerate([1]),
    io.StringIO,
    a_cursor,
    a_sqlalchemy_result,
    a_coroutine,
    an_async_generator,
    a_generator_based_coroutine,
    a_future,
    Awaitable,
    CallableAwaitable,
    contextlib.contextmanager(lambda: (yield)),
    contextlib.asynccontextmanager(an_async_generator),
    mock.AsyncMock(),
]


@pytest.mark.parametrize(
    "make", ONE_SHOTS, ids=lambda make: getattr(make, "__name__", "mock")
)
def test_a_result_that_works_only_once_is_refused_and_not_cached(make):
    client = Results()
    cached = cache_method_in_place(client, "result")
    for _ in range(2):
        with pytest.raises(
            TypeError, match="'result' of 'Results' was called, but its result, "
        ):
            client.result(make)
    assert client.calls == [make, make]
    assert cached.cache_info().currsize == 0


def test_the_refusal_of_a_result_names_its_type_and_the_remedies():
    client = Results()
    cache_method_in_place(client, "result")
    with pytest.raises(TypeError) as caught:
        client.result(lambda: iter(["a secret"]))
    assert str(caught.value) == (
        "'result' of 'Results' was called, but its result, 'list_iterator', may be usable only "
        "once and isn't cached; uncache it, or pass decorator= to say how to cache it"
    )


def test_a_coroutine_that_was_refused_is_closed():
    coroutine = a_coroutine()
    client = Results()
    cache_method_in_place(client, "result")
    with pytest.raises(TypeError, match="'coroutine', may be usable only once"):
        client.result(lambda: coroutine)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


@pytest.mark.usefixtures("event_loop_runs")
def test_a_coroutine_that_was_refused_runs_on_if_somebody_has_started_it():
    client = Results()
    cache_method_in_place(client, "result")

    async def main():
        coroutine = asyncio.sleep(0, "slept")
        task = asyncio.create_task(coroutine)
        await asyncio.sleep(0)
        with pytest.raises(TypeError, match="'coroutine', may be usable only once"):
            client.result(lambda: coroutine)
        return await task

    assert asyncio.run(main()) == "slept"


@pytest.mark.parametrize(
    "make",
    [
        list,
        dict,
        lambda: None,
        lambda: "text",
        lambda: range(3),
        lambda: list,
        lambda: len,
        lambda: collections.OrderedDict(a=1).items(),
        mock.Mock,
        mock.MagicMock,
        lambda: mock.create_autospec(Client)(),
        lambda: mock.create_autospec(Client, instance=True),
        contextlib.nullcontext,
        threading.Lock,
        lambda: library("pandas").DataFrame({"a": [1]}),
    ],
)
def test_every_other_result_is_cached_as_it_is(make):
    client = Results()
    cache_method_in_place(client, "result")
    assert client.result(make) is client.result(make)
    assert client.calls == [make]


proxies = pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy])


@proxies
@pytest.mark.parametrize(
    "make",
    [lambda: iter([1]), a_cursor, a_coroutine, a_future],
    ids=lambda make: make.__name__,
)
def test_a_result_that_works_only_once_is_refused_behind_a_proxy_too(make, proxy):
    client = Results()
    cached = cache_method_in_place(client, "result")
    proxy(client)  # if it can't be imported, before a coroutine waits for nothing
    result = make()
    with pytest.raises(
        TypeError, match="'result' of 'Results' was called, but its result, "
    ):
        client.result(lambda: proxy(result))
    assert cached.cache_info().currsize == 0
    if make is a_coroutine:
        assert inspect.getcoroutinestate(result) == inspect.CORO_CLOSED


@proxies
@pytest.mark.parametrize("target", [[1], {"a": 1}, "text", len], ids=repr)
def test_other_results_are_cached_behind_a_proxy(proxy, target):
    client = Results()
    cache_method_in_place(client, "result")
    make = functools.partial(proxy, target)
    assert client.result(make) is client.result(make)


def test_the_check_looks_at_the_class_and_leaves_a_mock_as_it_was():
    client, result = Results(), mock.MagicMock()
    cache_method_in_place(client, "result")
    children = dict(result._mock_children)
    assert client.result(lambda: result) is result
    assert result._mock_children == children


def test_the_check_is_shallow():
    client = Results()
    cache_method_in_place(client, "result")
    assert client.result(lambda: {"Body": io.BytesIO(b"a")})["Body"].read() == b"a"


@pytest.mark.parametrize(
    "name", ["coroutine", "generator", "async_generator", "mocked"]
)
def test_a_function_that_makes_them_is_refused_when_it_is_patched(name):
    class OneShots:
        async def coroutine(self):
            raise AssertionError

        def generator(self):
            yield

        async def async_generator(self):
            yield

        mocked = mock.AsyncMock()

    one_shots = OneShots()
    with pytest.raises(
        TypeError,
        match=f"'{name}' of 'OneShots' can't be cached: what a coroutine or generator ",
    ):
        cache_method_in_place(one_shots, name)
    assert vars(one_shots) == {}


def test_with_a_decorator_neither_check_applies():
    client = Results()
    cache_methods_in_place(
        client, ["result", "coroutine"], decorator=functools.lru_cache()
    )
    iterator = iter([])
    assert (
        client.result(iterator.__iter__) is client.result(iterator.__iter__) is iterator
    )
    coroutine = client.coroutine()
    assert client.coroutine() is coroutine
    coroutine.close()


# 3. Copies and pickles

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def python_dumps(obj, protocol):
    file = io.BytesIO()
    pickle._Pickler(file, protocol).dump(obj)
    return file.getvalue()


COPIERS = {
    "deepcopy": copy.deepcopy,
    **{
        f"C pickle {p}": lambda o, p=p: pickle.loads(pickle.dumps(o, p))
        for p in PROTOCOLS
    },
    **{
        f"Python pickle {p}": lambda o, p=p: pickle.loads(python_dumps(o, p))
        for p in PROTOCOLS
    },
    "Python unpickler": lambda o: pickle._loads(pickle.dumps(o)),
}

copiers = pytest.mark.parametrize("copier", COPIERS.values(), ids=COPIERS)

CLIENTS = [
    Client,
    Child,
    WithState,
    FrozenData,
    FrozenAttrs,
    Model,
    FrozenModel,
    Unhashable,
    functools.partial(Items, user="ann"),
    SlotsAndDict,
]


def set_user(client, user):
    if isinstance(client, dict):
        client["user"] = user
    else:
        object.__setattr__(client, "user", user)
        if hasattr(type(client), "model_fields"):
            vars(client)["user"] = user


@copiers
@pytest.mark.parametrize("make", CLIENTS)
def test_a_deep_copy_or_pickle_answers_for_itself(make, copier):
    client = make()
    cached = cache_method_in_place(client, "one")
    client.one(1)
    clone = copier(client)
    assert type(clone) is type(client)
    set_user(clone, "bob")
    assert clone.one(1) == "bob:1"
    assert client.one(1) == "ann:1"
    assert cached_methods(clone) == {}
    assert uncache(clone) == []
    assert client.one is cached
    assert cached.cache_info().hits == 1


@copiers
def test_copies_inside_containers_answer_for_themselves(copier):
    clients = {"ann": [Client()], "bob": (Client("bob"),)}
    for (client,) in list(clients.values()):
        cache_methods_in_place(client, ["one", "two"])
        clients[client.one] = client.two
    clones = copier([clients, clients])
    assert clones[0] is clones[1]
    for key, (clone,) in itertools.islice(clones[0].items(), 2):
        clone.user = f"new {key}"
        assert clone.one(1) == f"new {key}:1"
        assert cached_methods(clone) == {}
    assert all(isinstance(method, types.MethodType) for method in list(clones[0])[2:])
    assert [method.__self__ for method in list(clones[0])[2:]] == [
        clones[0]["ann"][0],
        clones[0]["bob"][0],
    ]


@copiers
def test_a_cached_method_copies_as_the_plain_method_wherever_it_stands(client, copier):
    cached = cache_method_in_place(client, "one")
    holder = types.SimpleNamespace(method=cached, methods=[cached])
    clone = copier(holder)
    assert isinstance(clone.method, types.MethodType)
    assert clone.methods[0] is clone.method
    clone.method.__self__.user = "bob"
    assert clone.method(1) == "bob:1"
    assert client.calls == []
    assert copier(cached).__func__ is Client.one


@copiers
def test_builtin_methods_copy_bound_to_the_copy(copier):
    items = Items(user="ann")
    cache_method_in_place(items, "get")
    clone = copier(items)
    clone["user"] = "bob"
    assert clone.get("user") == "bob"
    assert items.get("user") == "ann"


class Misnamed(Client):
    def __hidden(self, arg):
        return f"{self.user}:{arg}"

    alias = Client.one
    unwrapped = (lambda function: lambda self, arg: function(self, arg))(Client.one)


@copiers
@pytest.mark.parametrize("name", ["alias", "unwrapped", "_Misnamed__hidden"])
def test_methods_whose_function_has_another_name_copy_as_themselves(name, copier):
    client = Misnamed()
    cache_method_in_place(client, name)
    clone = copier(client)
    clone.user = "bob"
    assert getattr(clone, name)(1) == "bob:1"


@copiers
@pytest.mark.parametrize(
    "name",
    [
        "by_partial",
        "by_type",
        "by_class_cache",
        "decorated",
        "of_class",
        "static",
        "builtin",
    ],
)
def test_every_kind_of_method_copies_as_itself(name, copier):
    make = WraptKinds if name == "decorated" else Kinds
    kinds = make()
    cache_method_in_place(kinds, name)
    clone = copier(kinds)
    clone.user = "bob"
    plain = make("bob")
    assert getattr(clone, name)("x") == getattr(plain, name)("x")
    assert cached_methods(clone) == {}


@pytest.mark.parametrize("name", ["of_class", "static"])
def test_a_mock_with_a_spec_never_deep_copies_with_the_real_method(name):
    client = mock.Mock(spec=Client)
    cache_method_in_place(client, name)
    with pytest.raises(AttributeError, match="_mock_methods"):
        copy.deepcopy(client)


def decorated(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args)

    return call


class DecoratedStatic(Client):
    static = staticmethod(decorated(Client.static))


@copiers
@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy, weak_proxy])
def test_a_decorated_static_method_patched_through_a_proxy_copies(proxy, copier):
    client = DecoratedStatic()
    cached = cache_method_in_place(proxy(client), "static")
    assert copier([cached]) == [DecoratedStatic.static]
    assert copier(client).static == DecoratedStatic.static


class OfInstances:
    """A descriptor that isn't made to be read from the class."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args):
        raise AssertionError

    def __get__(self, instance, owner):
        return types.MethodType(self.function, instance)


class WithDescriptor(Client):
    who = OfInstances(lambda self: self.user)


@copiers
def test_a_method_that_only_instances_have_copies_with_the_instance(copier):
    client = WithDescriptor()
    cache_method_in_place(client, "who")
    clone = copier(client)
    clone.user = "bob"
    assert clone.who() == "bob"
    with pytest.raises(TypeError, match="None"):
        _ = WithDescriptor.who


class OfClassOrInstance(classmethod):
    """A well-known recipe: a method of the class, or of the instance, if there is one."""

    def __get__(self, instance, owner):
        bound_to = owner if instance is None else instance
        return self.__func__.__get__(bound_to, owner)


class WithRecipe(Client):
    user = "the class"

    @OfClassOrInstance
    def who(self):
        return self.user


@copiers
def test_a_class_method_that_binds_to_the_instance_copies_with_the_instance(copier):
    client = WithRecipe()
    cache_method_in_place(client, "who")
    clone = copier(client)
    assert clone.who() == "ann"
    assert cached_methods(clone) == {}


class OwnStatic(staticmethod):
    """A subclass, as abc.abstractstaticmethod is one."""


class OwnOfClass(classmethod):
    """A subclass, as abc.abstractclassmethod is one."""


class Locked(Client):
    """A client that can be neither copied nor pickled, as it holds a lock."""

    own_static = OwnStatic(Client.static)
    own_of_class = OwnOfClass(Client.of_class.__func__)

    def __init__(self):
        super().__init__("hunter2")
        self.lock = threading.Lock()


@copiers
@pytest.mark.parametrize("name", ["static", "of_class", "own_static", "own_of_class"])
@pytest.mark.parametrize("proxy", [None, wrapt_proxy], ids=["plain", "proxy"])
def test_static_and_class_methods_copy_by_their_class_without_the_object(
    name, proxy, copier
):
    client = Locked()
    cached = cache_method_in_place(proxy(client) if proxy else client, name)
    clone = copier([cached])[0]
    assert clone == getattr(Locked, name)
    assert b"hunter2" not in pickle.dumps(cached)
    with pytest.raises((TypeError, pickle.PicklingError), match="lock"):
        copier(client)


class Lazy(Client):
    """A client that can't tell its methods while it is being copied."""

    def __getattribute__(self, name):
        if name == "one":
            assert self.user
        return super().__getattribute__(name)


def test_a_deep_copy_fetches_nothing_from_a_copy_that_isnt_ready():
    client = Lazy()
    cache_method_in_place(client, "one")
    clone = copy.deepcopy(client)
    clone.user = "bob"
    assert clone.one(1) == "bob:1"


class MadeUp(Client):
    """A client whose __getattr__ makes functions that remember it, as many dynamic ones do."""

    def __getattr__(self, name):
        if name.startswith("__") or not name.startswith("get_"):
            raise AttributeError(name)
        return lambda arg: f"{self.user}:{name}:{arg}"


@copiers
def test_functions_that_were_made_up_copy_bound_to_the_copy(copier):
    client = MadeUp()
    cache_method_in_place(client, "get_user")
    clone = copier(client)
    clone.user = "bob"
    assert clone.get_user(1) == "bob:get_user:1"
    assert client.get_user(1) == "ann:get_user:1"


@copiers
def test_a_function_among_the_data_copies_as_data(copier):
    class Open(library("pydantic").BaseModel, extra="allow"):
        pass

    model = at_home(Open)(hook=patched_here)
    cached = cache_method_in_place(model, "hook")
    clone = copier(model)
    assert clone.hook is patched_here
    assert cached_methods(model) == {"hook": cached}


class Delegating(Client):
    """A client whose class has a method that is bound to something else."""

    count = Items(user=1).one


@copiers
def test_a_method_of_the_class_that_is_bound_to_something_else_stays_bound_to_it(
    copier,
):
    client = Delegating()
    cache_method_in_place(client, "count")
    clone = copier(client)
    assert clone.count("x") == "1:x"
    assert clone.count.__self__ is Delegating.count.__self__


@copiers
def test_stored_and_dynamic_methods_copy_as_the_object_would_have_copied_them(copier):
    stored, dynamic = Stored(), Dynamic()
    stored.one = stored.list
    for obj, name in (
        (stored, "list"),
        (stored, "get"),
        (stored, "one"),
        (dynamic, "get_user"),
    ):
        cache_method_in_place(obj, name)
    clone = copier(stored)
    assert clone.list(1) == clone.one(1) == [1]
    assert clone.list.__self__ is clone
    assert clone.get(1) == "ann:1"
    assert clone.get is not stored.get
    clone = copier(dynamic)
    clone.user = "bob"
    assert clone.get_user(1) == "bob:get_user:1"


class Overridden(Client):
    def __init__(self, user="ann"):
        super().__init__(user)
        self.one = self.replacement

    def replacement(self, arg):
        return f"replaced {arg} for {self.user}"


@copiers
def test_an_attribute_that_hides_a_method_copies_as_that_attribute(copier):
    client = Overridden()
    cache_method_in_place(client, "one")
    clone = copier(client)
    clone.user = "bob"
    assert clone.one(1) == "replaced 1 for bob"


def patched_here(arg):
    return [arg]


@copiers
@pytest.mark.parametrize(
    ("module", "name"),
    [
        (sys.modules[__name__], "patched_here"),
        (inspect, "namedtuple"),
        (math, "sqrt"),
    ],
    ids=["at home", "imported", "builtin"],
)
def test_cached_functions_of_modules_copy(module, name, copier):
    plain = getattr(module, name)
    try:
        clone = copier(cache_method_in_place(module, name))
    finally:
        uncache(module)
    assert getattr(clone, "__wrapped__", clone) is plain


def test_cached_functions_of_modules_that_cant_be_imported_deep_copy():
    module = types.ModuleType("not_to_be_imported")
    module.get = plain = Client().static
    cached = cache_method_in_place(module, "get")
    assert copy.deepcopy([cached]) == [plain]


@pytest.mark.usefixtures("processes")
def test_pickles_load_without_cache_inplace(tmp_path):
    (tmp_path / "vendor.py").write_text(
        "class Client:\n    def one(self, arg):\n        return f'{self.user}:{arg}'\n"
    )
    script = """
import pickle, sys
sys.modules["cache_inplace"] = None
client = pickle.loads(bytes.fromhex(sys.argv[1]))
client.user = "bob"
assert client.one(1) == "bob:1"
assert type(client.one).__name__ == "method", client.one
"""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(tmp_path)
        client = importlib.import_module("vendor").Client()
        cache_method_in_place(client, "one")
        data = pickle.dumps(client).hex()
        monkeypatch.delitem(sys.modules, "vendor")
    subprocess.run([sys.executable, "-c", script, data], cwd=tmp_path, check=True)


@pytest.mark.usefixtures("processes")
def test_a_process_pool_takes_cached_methods(client):
    library("multiprocessing.synchronize")  # which not every Python has
    cache_method_in_place(client, "one")
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(client.one, "ab")) == ["ann:a", "ann:b"]


def clone_dict(obj):
    clone = type(obj).__new__(type(obj))
    vars(clone).update(vars(obj))
    return clone


shallow = pytest.mark.parametrize(
    "copier", [copy.copy, clone_dict], ids=["copy", "clone"]
)


@shallow
def test_a_shallow_copy_shares_the_cached_methods(client, copier):
    cached = cache_method_in_place(client, "one")
    clone = copier(client)
    assert cached_methods(clone) == {"one": cached}
    clone.user = "bob"
    assert clone.one(1) == "ann:1"


@shallow
@pytest.mark.parametrize(
    "make", [Client, Child, FrozenData, Model], ids=lambda cls: cls.__name__
)
@pytest.mark.parametrize(
    "repair", [uncache, cache_method_in_place], ids=["uncache", "cache"]
)
def test_a_shallow_copy_is_repaired_alone(make, copier, repair):
    client = make()
    if make is Model and copier is clone_dict:
        copier = type(client).model_copy
    cached = cache_method_in_place(client, "one")
    client.one(1)
    clone = copier(client)
    set_user(clone, "bob")
    repair(clone, "one")
    assert clone.one(1) == "bob:1"
    assert client.one is cached
    assert client.one(1) == "ann:1"
    assert cached.cache_info() == (1, 1, 128, 1)
    for again in copy.deepcopy, pickle.dumps:
        deep = again(clone) if again is copy.deepcopy else pickle.loads(again(clone))
        assert deep.one(1) == "bob:1"
        set_user(deep, "eve")
        assert deep.one(1) == "eve:1"
    uncache(clone)
    assert "one" not in vars(clone)
    assert uncache(client) == ["one"]
    assert client.one(1) == "ann:1"


@shallow
@pytest.mark.parametrize(
    "repair", [uncache, cache_method_in_place], ids=["uncache", "cache"]
)
def test_a_shallow_copy_of_a_dynamic_client_is_repaired_alone(copier, repair):
    dynamic = Dynamic()
    cached = cache_method_in_place(dynamic, "get_user")
    clone = copier(dynamic)
    clone.user = "bob"
    repair(clone, "get_user")
    assert clone.get_user(1) == "bob:get_user:1"
    assert dynamic.get_user is cached
    assert dynamic.get_user(1) == "ann:get_user:1"


@shallow
@pytest.mark.parametrize(
    "repair", [uncache, cache_method_in_place], ids=["uncache", "cache"]
)
def test_a_shallow_copy_of_stored_methods_is_repaired_alone(copier, repair):
    stored = Stored()
    get = stored.get
    cached = cache_method_in_place(stored, "get")
    clone = copier(stored)
    repair(clone, "get")
    assert clone.get is not cached
    uncache(clone)
    assert clone.get is get
    assert stored.get is cached


@shallow
def test_a_shallow_copy_keeps_the_attribute_that_hides_a_method(copier):
    client = Overridden()
    cached = cache_method_in_place(client, "one")
    clone = copier(client)
    assert cache_method_in_place(clone, "one").__wrapped__ == cached.__wrapped__
    uncache(clone)
    assert clone.one == client.replacement


@shallow
def test_the_cached_static_method_of_a_shallow_copy_is_repaired_alone(copier):
    kinds = Kinds()
    for name in "static", "builtin":
        cached = cache_method_in_place(kinds, name)
        clone = copier(kinds)
        own = cache_method_in_place(clone, name)
        assert own.__wrapped__ is cached.__wrapped__
        uncache(clone)
        assert name not in vars(clone)
        assert getattr(kinds, name) is cached
        uncache(kinds)


class Audited(Client):
    """A client that logs all calls, in what it hands out as its methods."""

    def __getattribute__(self, name):
        value = super().__getattribute__(name)
        if not isinstance(value, types.MethodType):
            return value
        return lambda *args: (self.calls.append(args), value(*args))[1]


@shallow
@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy, weak_proxy])
@pytest.mark.parametrize(
    "make", [Client, FrozenData, Dynamic], ids=lambda cls: cls.__name__
)
def test_a_shallow_copy_is_cached_afresh_through_a_proxy_of_it(make, proxy, copier):
    client = make()
    name = "get_user" if make is Dynamic else "one"
    cached = cache_method_in_place(client, name)
    clone = copier(client)
    set_user(clone, "bob")
    own = cache_method_in_place(proxy(clone), name)
    assert getattr(clone, name) is own
    assert clone.user in own(1) == getattr(make("bob"), name)(1)
    assert getattr(client, name) is cached
    assert cached(1) == getattr(make("ann"), name)(1)
    assert uncache(clone) == [name]


@shallow
def test_a_shallow_copy_with_attribute_access_of_its_own_is_cached_afresh(copier):
    client = Audited()
    cache_method_in_place(client, "one")
    clone = copier(client)
    clone.user, clone.calls = "bob", []
    cache_method_in_place(clone, "one")
    assert clone.one(1) == "bob:1"
    assert clone.calls == [(1,), ("one", 1)]
    assert client.one(1) == "ann:1"
    assert client.calls == [(1,), ("one", 1)]


@shallow
def test_a_shallow_copy_stays_as_it_was_if_a_name_is_refused(client, copier):
    cache_methods_in_place(client, ["one", "two"])
    clone = copier(client)
    clone.last = None
    before = entries(clone)
    with pytest.raises(AttributeError):
        cache_methods_in_place(clone, ["one", "missing"])
    assert entries(clone) == before


def test_a_sqlalchemy_select_clones_and_pickles_as_itself():
    sqlalchemy = library("sqlalchemy")
    table = sqlalchemy.table("t", sqlalchemy.column("a"))
    select = sqlalchemy.select(table.c.a)
    cache_method_in_place(select, "get_final_froms")
    clone = select.where(table.c.a > 1)
    assert "WHERE" in str(clone)
    assert "WHERE" in str(copy.copy(clone))
    assert "WHERE" in str(pickle.loads(pickle.dumps(clone)))
    assert "WHERE" not in str(select)


# 3. Awkward objects


@pytest.mark.parametrize(
    "make",
    [
        FrozenData,
        FrozenAttrs,
        Model,
        FrozenModel,
        functools.partial(Items, user="ann"),
        functools.partial(Attributes, user="ann"),
        SlotsAndDict,
        Unhashable,
        NoWeakrefs,
        Table,
    ],
)
def test_awkward_objects_can_be_cached_by_name(make):
    obj = make()
    data = dict(obj) if isinstance(obj, dict) else None
    before = entries(obj)
    cached = cache_method_in_place(obj, "one")
    assert obj.one(1) == obj.one(1) == "ann:1"
    assert cached.cache_info()[:2] == (1, 1)
    assert cached_methods(obj) == {"one": cached}
    if data is not None:
        assert dict(obj) == data
    assert uncache(obj) == ["one"]
    assert entries(obj) == before


def test_models_still_dump_compare_and_copy_their_fields():
    model = Model()
    cache_method_in_place(model, "one")
    assert model.model_dump() == {"user": "ann"}
    assert repr(model) == "PydanticModel(user='ann')"
    assert model.model_copy(deep=True).one(1) == "ann:1"
    uncache(model)
    assert model == Model()


@pytest.mark.parametrize(
    "make",
    [
        mock.Mock,
        mock.MagicMock,
        functools.partial(mock.MagicMock, spec=Client),
        functools.partial(mock.create_autospec, Client, instance=True),
    ],
    ids=["Mock", "MagicMock", "spec", "autospec"],
)
def test_mocks_can_be_cached(make):
    client = make()
    client.one.return_value = "1"
    before = entries(client)
    for _ in range(2):
        cache_methods_in_place(client, ["one", "two"])
        assert (client.one(1), client.one(1)) == ("1", "1")
        assert client.two(1) is client.two(1)
    assert cached_methods(client).keys() == {"one", "two"}
    assert client.mock_calls == [mock.call.one(1), mock.call.two(1)] * 2
    assert uncache(client) == ["one", "two"]
    assert entries(client) == before
    assert client.one.return_value == "1"


@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy, weak_proxy])
@pytest.mark.parametrize("make", [Client, FrozenData])
def test_object_proxies_can_be_cached_by_name(make, proxy):
    client = make()
    before = entries(client)
    cached = cache_method_in_place(proxy(client), "one")
    assert client.one is cached
    assert cached_methods(proxy(client)) == cached_methods(client) == {"one": cached}
    again = cache_method_in_place(client, "one")
    assert cache_method_in_place(proxy(client), "one").__wrapped__ == again.__wrapped__
    assert proxy(client).one(1) == client.one(1) == "ann:1"
    assert uncache(proxy(client)) == ["one"]
    assert entries(client) == before


@copiers
@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy, weak_proxy])
def test_what_was_patched_through_a_proxy_copies_without_the_proxy(proxy, copier):
    client = Client()
    cache_methods_in_place(proxy(client), ["one", "of_class"])
    clone = copier(client)
    clone.user = "bob"
    assert (clone.one(1), client.one(1)) == ("bob:1", "ann:1")
    assert clone.of_class == Client.of_class
    assert uncache(client) == ["one", "of_class"]


def test_what_was_patched_through_a_proxy_is_listed_when_that_stands_for_nothing():
    client = Client()
    current = contextvars.ContextVar("current")
    token = current.set(client)
    proxy = library("werkzeug.local").LocalProxy(current)
    cached = cache_method_in_place(proxy, "one")
    current.reset(token)
    assert cached_methods(client) == {"one": cached}
    assert uncache(client) == ["one"]


@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy, weak_proxy])
@pytest.mark.parametrize("through", [True, False], ids=["by proxy", "directly"])
def test_a_module_and_its_proxy_are_patched_as_one(through, proxy):
    module, other = types.ModuleType("module"), types.ModuleType("other")
    module.get = other.get = get = lambda arg: [arg]
    cached = cache_method_in_place(proxy(module) if through else module, "get")
    other.get = cached  # as `from module import get` would do
    assert cached_methods(module) == cached_methods(proxy(module)) == {"get": cached}
    assert cached_methods(other) == {}
    assert cache_method_in_place(proxy(module), "get").__wrapped__ is get
    assert cache_method_in_place(module, "get").__wrapped__ is get
    assert uncache(proxy(module)) == ["get"]
    assert module.get is get


@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy, weak_proxy])
def test_a_property_behind_a_proxy_is_not_evaluated(client, proxy):
    for name in "session", "chat":
        with pytest.raises(
            TypeError, match=f"'{name}' of '.*' is '.*property', not a "
        ):
            cache_method_in_place(proxy(client), name)
    assert "one" in cache_methods_in_place(proxy(client), lambda name: True)
    assert client.calls == []


def test_a_predicate_sees_through_an_object_proxy(client):
    assert cache_methods_in_place(wrapt_proxy(client), "one".__eq__).keys() == {"one"}


@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy])
def test_an_object_proxy_whose_target_takes_no_attributes_is_refused(proxy):
    target = [1]
    proxied = proxy(target)
    with pytest.raises(TypeError, match=r"'index' of '\w*Proxy' can't be set"):
        cache_method_in_place(proxied, "index")
    assert type(proxied.index) is type(target.index)
    assert uncache(proxied) == []


def test_a_function_of_a_module_can_be_cached():
    before = entries(fractions)
    fractions.counted = mock.Mock(return_value=1)
    cache_method_in_place(fractions, "counted")
    try:
        assert fractions.counted(1) == fractions.counted(1) == 1
    finally:
        uncache(fractions)
    fractions.counted.assert_called_once_with(1)
    del fractions.counted
    assert entries(fractions) == before


def test_whole_modules_take_predicates():
    module = types.ModuleType("module")
    module.get, module.Get, module.gets, module.get_two = len, list, [], len
    assert cache_methods_in_place(module, re.compile("[gG]et").match).keys() == {
        "get",
        "get_two",
    }


def test_listing_gets_past_the_proxy_of_a_class(client):
    wrapt = library("wrapt")
    client.factory = wrapt.CallableObjectProxy(Client)
    cached = cache_method_in_place(client, "one")
    assert cached_methods(client) == {"one": cached}
    assert uncache(client) == ["one"]


@pytest.mark.parametrize(
    ("module", "proxy", "options"),
    [
        ("werkzeug.local", "LocalProxy", {}),
        ("wrapt", "LazyObjectProxy", {}),
        ("wrapt", "LazyObjectProxy", {"interface": collections.abc.Callable}),
    ],
    ids=["LocalProxy", "LazyObjectProxy", "lazy callable"],
)
def test_listing_does_not_evaluate_a_lazy_attribute(client, module, proxy, options):
    make = getattr(library(module), proxy)
    client.lazy = make(mock.Mock(side_effect=AssertionError), **options)
    cached = cache_method_in_place(client, "one")
    assert cached_methods(client) == {"one": cached}
    assert uncache(client) == ["one"]


def test_an_object_that_answers_every_name_without_a_dict_is_refused():
    class Answers:
        __slots__ = ()

        def __getattr__(self, name):
            return lambda: name

    with pytest.raises(TypeError, match="'anything' of 'Answers' can't be set"):
        cache_method_in_place(Answers(), "anything")
    assert cached_methods(Answers()) == {}


def test_a_dict_that_is_its_own_dict_gets_a_data_key_and_loses_it_again():
    class Own(dict):
        def __init__(self, **items):
            super().__init__(**items)
            self.__dict__ = self

        def one(self, arg):
            return f"{self['user']}:{arg}"

    own = Own(user="ann")
    before = entries(own)
    cache_method_in_place(own, "one")
    assert list(own) == ["user", "one"]
    assert own.one(1) is own.one(1)
    assert uncache(own) == ["one"]
    assert entries(own) == before


# 3. Threads


@pytest.fixture
def _switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("threads", "_switch_often")
@pytest.mark.parametrize("make", [Client, Stored, FrozenData, Dynamic])
def test_threads_may_patch_undo_list_and_call(make):
    obj = make()
    name = {Stored: "get", Dynamic: "get_user"}.get(make, "one")
    expected = getattr(obj, name)("x")
    before = entries(obj)
    stop = threading.Event()

    def patch():
        for n in range(300):
            cache_methods_in_place(obj, [name], maxsize=n)

    def undo():
        for _ in range(300):
            assert uncache(obj) in ([], [name])

    def call():
        calls = 0
        while not stop.is_set():
            assert getattr(obj, name)("x") == expected
            assert set(cached_methods(obj)) <= {name}
            calls += 1
        assert calls

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        callers = [pool.submit(call) for _ in range(2)]
        patchers = [pool.submit(job) for job in (patch, undo, patch, undo)]
        try:
            for future in patchers:
                future.result()
        finally:
            stop.set()
        for future in callers:
            future.result()
    uncache(obj)
    assert entries(obj) == before


def test_a_predicate_writes_nothing_that_it_does_not_cache():
    class Meddling(Client):
        def __getattribute__(self, name):
            value = super().__getattribute__(name)
            if name == "user":  # as another thread might, meanwhile
                self.__dict__["user"] = "bob"
            return value

    client = Meddling()
    cache_methods_in_place(client, re.compile("one|user").match)
    assert vars(client)["user"] == "bob"


@pytest.mark.usefixtures("threads")
def test_a_call_takes_no_lock_while_a_decorator_runs(client):
    cache_method_in_place(client, "two")
    called = []

    def decorator(method):
        thread = threading.Thread(target=lambda: called.append(client.two(1)))
        thread.start()
        thread.join(10)
        return functools.partial(method)

    cache_method_in_place(client, "one", decorator=decorator)
    assert called == [["ann", 1]]


def test_a_decorator_may_patch_other_objects(client):
    other = Client("bob")

    def decorator(method):
        cache_method_in_place(other, "one")
        return functools.partial(method)

    cache_method_in_place(client, "one", decorator=decorator)
    assert cached_methods(other).keys() == {"one"}


@pytest.mark.usefixtures("threads")
def test_the_module_locks_out_others_while_it_looks_and_sets(client):
    results = []

    def decorator(method):
        thread = threading.Thread(target=lambda: results.append(uncache(client)))
        thread.start()
        thread.join(0.2)
        assert results == []
        results.append(thread)
        return functools.partial(method)

    cache_method_in_place(client, "one", decorator=decorator)
    results[0].join(10)
    assert results[1] == ["one"]


# 3. Two vendored copies


FIRST_VERSION = "5ccbcc4"


@pytest.fixture(params=["this version", "1.0.0"])
def vendored(tmp_path, request):
    """Another copy of the module, of this version or of the first one."""
    source = pathlib.Path(cache_inplace.__file__)
    text = source.read_text()
    if request.param == "1.0.0":
        command = ["git", "show", f"{FIRST_VERSION}:cache_inplace.py"]
        try:
            run = subprocess.run(
                command, cwd=source.parent, capture_output=True, text=True
            )
        except OSError:
            pytest.skip("git isn't there, or can't be run, to get the first version")
        if run.returncode:
            pytest.skip(
                f"the first version, commit {FIRST_VERSION}, isn't in a checkout here"
            )
        text = run.stdout
        assert '__version__ = "1.0.0"' in text
    file = tmp_path / "vendored.py"
    file.write_text(text)
    spec = importlib.util.spec_from_file_location("vendored", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_vendored_copy_lists_replaces_and_undoes_what_another_has_cached(
    client, vendored
):
    before = entries(client)
    first = cache_method_in_place(client, "one")
    assert vendored.cached_methods(client) == {"one": first}
    second = vendored.cache_method_in_place(client, "one", maxsize=7)
    assert second.__wrapped__ == first.__wrapped__
    assert cached_methods(client) == {"one": second}
    assert uncache(client) == ["one"]
    assert vendored.uncache(client) == []
    assert entries(client) == before


def test_vendored_copies_restore_what_the_first_has_shadowed(vendored):
    stored = Stored()
    before = entries(stored)
    cache_method_in_place(stored, "get")
    vendored.cache_method_in_place(stored, "get", decorator=functools.partial)
    cache_method_in_place(stored, "get")
    assert vendored.uncache(stored) == ["get"]
    assert entries(stored) == before


def test_a_vendored_copy_repairs_the_shallow_copy_of_what_another_has_cached(
    client, vendored
):
    for first, second in (cache_inplace, vendored), (vendored, cache_inplace):
        first.cache_method_in_place(client, "one")
        clone = copy.copy(client)
        clone.user = "bob"
        second.cache_method_in_place(clone, "one")
        assert (client.one(1), clone.one(1)) == ("ann:1", "bob:1")
        assert first.uncache(clone) == second.uncache(client) == ["one"]


def test_the_record_is_plain_data_under_the_documented_name(client):
    stored = Stored()
    get = stored.get
    cached = cache_method_in_place(stored, "get")
    assert cached.__cache_inplace__ == {
        "id": id(cached),
        "name": "get",
        "owner": stored,
        "method": get,
        "shadowed": (get,),
    }
    assert type(cached.__cache_inplace__) is dict
    assert all(
        f"``{key}``" in cache_inplace.__doc__ for key in cached.__cache_inplace__
    )
    assert cache_method_in_place(client, "one").__cache_inplace__["shadowed"] == ()


# 3. Refusals


def refusal(name, make, call, error, message):
    return pytest.param(make, call, error, message, id=name)


NOT_NAMES = "pass a name, names or a predicate (of a pattern, pass its .match)"
CANT_BE_SET = "can't be set on this object; pass one that can have attributes"
OPTIONS = (
    "maxsize and typed are options of lru_cache, which decorator replaces; "
    "give the decorator its own options"
)
REFUSALS = [
    refusal(
        "no such attribute",
        Client,
        lambda c: cache_method_in_place(c, "missing"),
        AttributeError,
        "'Client' object has no attribute 'missing'",
    ),
    refusal(
        "not callable",
        Client,
        lambda c: cache_method_in_place(c, "user"),
        TypeError,
        "'user' of 'Client' is 'str', not a method; pass the name of a method",
    ),
    refusal(
        "a class",
        Client,
        lambda c: cache_method_in_place(c, "Error"),
        TypeError,
        "'Error' of 'Client' is 'type', not a method; pass the name of a method",
    ),
    refusal(
        "a property",
        Client,
        lambda c: cache_method_in_place(c, "session"),
        TypeError,
        "'session' of 'Client' is 'property', not a method; cache the method behind it",
    ),
    refusal(
        "a cached property",
        Client,
        lambda c: cache_methods_in_place(c, ["one", "chat"]),
        TypeError,
        "'chat' of 'Client' is 'cached_property', not a method; cache the method behind it",
    ),
    refusal(
        "a coroutine function",
        Results,
        lambda c: cache_methods_in_place(c, ["one", "coroutine"]),
        TypeError,
        f"'coroutine' of 'Results' {ONE_SHOT}",
    ),
    refusal(
        "a special method",
        Client,
        lambda c: cache_method_in_place(c, "__repr__"),
        TypeError,
        "'__repr__' of 'Client' is looked up on the class; cache the method that it calls",
    ),
    refusal(
        "a class as obj",
        lambda: Client,
        lambda c: cache_method_in_place(c, "one"),
        TypeError,
        "obj is a class, which would cache for all; pass an instance",
    ),
    refusal(
        "slots",
        Slotted,
        lambda c: cache_method_in_place(c, "one"),
        TypeError,
        f"'one' of 'Slotted' {CANT_BE_SET}",
    ),
    refusal(
        "a list",
        list,
        lambda c: cache_methods_in_place(c, ["index", "count"]),
        TypeError,
        f"'index' of 'list' {CANT_BE_SET}",
    ),
    refusal(
        "a named tuple",
        collections.namedtuple("Point", ()),
        lambda c: cache_method_in_place(c, "_asdict"),
        TypeError,
        f"'_asdict' of 'Point' {CANT_BE_SET}",
    ),
    refusal(
        "an attribute that doesn't take",
        Stubborn,
        lambda c: cache_method_in_place(c, "two"),
        TypeError,
        f"'two' of 'Stubborn' {CANT_BE_SET}",
    ),
    refusal(
        "names that are no strings",
        Client,
        lambda c: cache_methods_in_place(c, ["one", b"two"]),
        TypeError,
        "names has 'bytes' in it; pass a name",
    ),
    refusal(
        "names that are bytes",
        Client,
        lambda c: cache_methods_in_place(c, b"one"),
        TypeError,
        "names has 'int' in it; pass a name",
    ),
    refusal(
        "names that are none at all",
        Client,
        lambda c: cache_methods_in_place(c, None),
        TypeError,
        f"names is 'NoneType'; {NOT_NAMES}",
    ),
    refusal(
        "a pattern",
        Client,
        lambda c: cache_methods_in_place(c, re.compile("one")),
        TypeError,
        f"names is 'Pattern'; {NOT_NAMES}",
    ),
    refusal(
        "a pattern to uncache",
        Client,
        lambda c: uncache(c, re.compile("one")),
        TypeError,
        f"names is 'Pattern'; {NOT_NAMES}",
    ),
    refusal(
        "several names as one",
        Client,
        lambda c: cache_method_in_place(c, ["one"]),
        TypeError,
        "name is 'list', not a string; pass a name, or see cache_methods_in_place()",
    ),
    refusal(
        "a method as the predicate",
        Client,
        lambda c: cache_methods_in_place(c, c.two),
        TypeError,
        "predicate is a method of 'Client'; pass the name of the method, 'two'",
    ),
    refusal(
        "a cached method as the predicate",
        Client,
        lambda c: cache_methods_in_place(c, c.one),
        TypeError,
        "predicate is a method of 'Client'; pass the name of the method, 'one'",
    ),
    refusal(
        "a method as the predicate to uncache",
        Client,
        lambda c: uncache(c, c.one),
        TypeError,
        "predicate is a method of 'Client'; pass the name of the method, 'one'",
    ),
    refusal(
        "an unknown option",
        Client,
        lambda c: cache_method_in_place(c, "one", ttl=3),
        TypeError,
        "cache_method_in_place() got an unexpected keyword argument 'ttl'",
    ),
    refusal(
        "a bad option, even for no names",
        Client,
        lambda c: cache_methods_in_place(c, [], maxsize="10"),
        TypeError,
        "maxsize is 'str'; pass an integer or None",
    ),
    refusal(
        "a callable maxsize",
        Client,
        lambda c: cache_method_in_place(c, "two", maxsize=len),
        TypeError,
        "maxsize is 'builtin_function_or_method'; pass an integer or None",
    ),
    refusal(
        "a maxsize with a decorator",
        Client,
        lambda c: cache_method_in_place(
            c, "one", decorator=functools.partial, maxsize=None
        ),
        TypeError,
        OPTIONS,
    ),
    refusal(
        "typed with a decorator",
        Client,
        lambda c: cache_methods_in_place(
            c, [], decorator=functools.partial, typed=True
        ),
        TypeError,
        OPTIONS,
    ),
    refusal(
        "a method as the name",
        Client,
        lambda c: cache_method_in_place(c, c.two),
        TypeError,
        "name is 'method', not a string; pass the name of the method, 'two', "
        "or see cache_methods_in_place()",
    ),
    refusal(
        "a cached method as the name",
        Client,
        lambda c: cache_method_in_place(c, c.one),
        TypeError,
        "name is '_lru_cache_wrapper', not a string; pass the name of the method, 'one', "
        "or see cache_methods_in_place()",
    ),
    refusal(
        "a method without a name as the name",
        Stored,
        lambda c: cache_method_in_place(c, c.get),
        TypeError,
        "name is 'partial', not a string; pass the name of the method, "
        "or see cache_methods_in_place()",
    ),
    refusal(
        "a method that answers any name with a method as the name",
        lambda: xmlrpc.client.ServerProxy("http://127.0.0.1:9"),
        lambda c: cache_method_in_place(c, c.add),
        TypeError,
        "name is '_Method', not a string; pass the name of the method, "
        "or see cache_methods_in_place()",
    ),
    refusal(
        "a method among the names",
        Client,
        lambda c: cache_methods_in_place(c, ["both", c.two]),
        TypeError,
        "names has 'method' in it; pass the name of the method, 'two'",
    ),
    refusal(
        "a list among the names",
        Client,
        lambda c: cache_methods_in_place(c, ["both", ["two"]]),
        TypeError,
        "names has 'list' in it; pass a name",
    ),
    refusal(
        "a cached method among the names to uncache",
        Client,
        lambda c: uncache(c, [c.one]),
        TypeError,
        "names has '_lru_cache_wrapper' in it; pass the name of the method, 'one'",
    ),
    refusal(
        "uncache a method",
        Client,
        lambda c: uncache(c.two),
        TypeError,
        "obj is a method; pass the object that has it, and the name of the method, 'two'",
    ),
    refusal(
        "uncache a cached method",
        Client,
        lambda c: uncache(c.one),
        TypeError,
        "obj is a method; pass the object that has it, and the name of the method, 'one'",
    ),
    refusal(
        # All instances would get what is set on the function of their class.
        "cache a method of a method",
        Retried,
        lambda c: cache_method_in_place(c.get, "retry"),
        TypeError,
        "obj is a method, which would cache for all; pass an instance",
    ),
    refusal(
        "cache a method of a proxy for a method",
        Retried,
        lambda c: cache_method_in_place(PosingProxy(c.get), "retry"),
        TypeError,
        "obj is a method, which would cache for all; pass an instance",
    ),
    refusal(
        "a lambda as the name",
        Client,
        lambda c: cache_method_in_place(c, lambda name: True),
        TypeError,
        "name is 'function', not a string; pass the name of the method, "
        "or see cache_methods_in_place()",
    ),
    refusal(
        "a decorator that isn't callable",
        Client,
        lambda c: cache_method_in_place(c, "one", decorator=128),
        TypeError,
        "decorator is 'int'; pass a function",
    ),
    refusal(
        "a decorator that returns nothing callable",
        Client,
        lambda c: cache_method_in_place(
            c, "one", decorator=lambda _: types.SimpleNamespace()
        ),
        TypeError,
        "'one' of 'Client' was decorated into 'SimpleNamespace', which can't be called; "
        "return a function",
    ),
    refusal(
        "a decorator that returns the method itself",
        Client,
        lambda c: cache_method_in_place(c, "one", decorator=lambda method: method),
        TypeError,
        "'one' of 'Client' was decorated into 'method', which has no attributes of its own; "
        "return a new function",
    ),
    refusal(
        "a decorator that returns another object's method",
        Client,
        lambda c: cache_method_in_place(c, "one", decorator=lambda _: Client().one),
        TypeError,
        "'one' of 'Client' was decorated into 'method', which has no attributes of its own; "
        "return a new function",
    ),
    refusal(
        "a decorator that returns a method of a builtin",
        Client,
        lambda c: cache_method_in_place(c, "one", decorator=lambda _: {}.get),
        TypeError,
        "'one' of 'Client' was decorated into 'builtin_function_or_method', "
        "which has no attributes of its own; return a new function",
    ),
    refusal(
        "a decorator that returns a stored method itself",
        Stored,
        lambda c: cache_method_in_place(c, "get", decorator=lambda method: method),
        TypeError,
        "'get' of 'Stored' was decorated into 'partial', which has the attributes of the method; "
        "return a new function",
    ),
    refusal(
        "a decorator that returns one function for two methods",
        Client,
        lambda c: cache_methods_in_place(
            c,
            ["both", "two"],
            decorator=lambda _, shared=functools.partial(len): shared,
        ),
        TypeError,
        "'two' of 'Client' was decorated into 'partial', which is or was cached already; "
        "return a new function each time",
    ),
    refusal(
        "a predicate that selects nothing",
        Client,
        lambda c: cache_methods_in_place(c, re.compile("session|timeout|Error").match),
        ValueError,
        "predicate selects no method of 'Client'; pass names",
    ),
    refusal(
        "uncache what isn't cached",
        Client,
        lambda c: uncache(c, ["one", "both"]),
        ValueError,
        "'both' of 'Client' isn't cached, or is patched over; see cached_methods()",
    ),
    refusal(
        "uncache a property",
        Client,
        lambda c: uncache(c, "session"),
        ValueError,
        "'session' of 'Client' isn't cached, or is patched over; see cached_methods()",
    ),
]


@pytest.mark.parametrize(("make", "call", "error", "message"), REFUSALS)
def test_refusals_are_clear_and_change_nothing(make, call, error, message):
    obj = make()
    cached = None
    if isinstance(obj, Client):
        cached = cache_method_in_place(obj, "one", maxsize=9)
        obj.one("a secret")
        del obj.calls[:]
    before = entries(obj) if hasattr(obj, "__dict__") else None
    with pytest.raises(error) as caught:
        call(obj)
    assert str(caught.value) == message
    assert caught.type is error
    assert "hunter2" not in str(caught.value)
    assert "secret" not in str(caught.value)
    if before is not None:
        assert entries(obj) == before
    if cached:
        assert obj.one is cached
        assert cached.cache_info() == (0, 1, 9, 1)
        assert obj.calls == []


class SlottedCallable:
    __slots__ = ()

    def __call__(self):
        raise AssertionError


class Product:
    pass


@pytest.mark.parametrize(
    "decorator",
    [
        lambda _: SlottedCallable(),
        lambda _: [].append,
        lambda _: dict,
        lambda _: Product,
        lambda _: by_wrapt(len),
        lambda _: Client().two,
    ],
    ids=["slots", "builtin", "dict", "class", "wrapt", "bound method"],
)
def test_a_product_that_takes_no_attributes_is_refused(client, decorator):
    before = entries(client)
    products = []
    refused = "which has no attributes of its own; "
    with pytest.raises(TypeError, match=refused):
        cache_method_in_place(
            client,
            "one",
            decorator=lambda m: products.append(decorator(m)) or products[0],
        )
    assert entries(client) == before
    assert not hasattr(products[0], "__cache_inplace__")


def test_a_product_that_passes_for_another_is_refused(client):
    proxy = library("wrapt").CallableObjectProxy
    before = entries(client)
    with pytest.raises(TypeError, match="which has no attributes of its own"):
        cache_method_in_place(
            client, "one", decorator=lambda m: proxy(functools.cache(m))
        )
    assert entries(client) == before


@pytest.mark.parametrize("what", ["dead", "unbound", "lazy"])
def test_a_product_that_stands_for_something_is_refused_unseen(client, what):
    def local(get):
        return library("werkzeug.local").LocalProxy(get)

    products = {
        "dead": lambda: weakref.proxy(lambda: None),
        "unbound": lambda: local(contextvars.ContextVar("unbound")),
        "lazy": lambda: local(lambda: client.calls.append("evaluated")),
    }
    with pytest.raises(TypeError, match="which has no attributes of its own"):
        cache_method_in_place(client, "one", decorator=lambda _: products[what]())
    assert client.calls == []


def test_a_product_that_wrapt_has_wrapped_is_cached(client):
    before = entries(client)
    cache_method_in_place(
        client, "one", decorator=lambda m: by_wrapt(functools.cache(m))
    )
    assert client.one(1) is client.one(1)
    assert uncache(client) == ["one"]
    assert entries(client) == before


@pytest.mark.parametrize("name", ["one", "static", "stored"])
def test_a_product_that_would_put_its_record_on_the_method_is_refused(client, name):
    client.stored = Client.static
    before = entries(client)
    with pytest.raises(TypeError, match="which has the attributes of the method"):
        cache_method_in_place(client, name, decorator=by_wrapt)
    assert entries(client) == before
    assert vars(Client.one) == vars(Client.static) == {}


def test_the_function_of_the_class_is_refused_as_a_product_and_gets_no_record(client):
    with pytest.raises(TypeError, match="which has the attributes of the method"):
        cache_method_in_place(client, "one", decorator=lambda m: m.__func__)
    assert vars(Client.one) == {}
    assert uncache(client) == []


def test_a_product_that_is_cached_elsewhere_keeps_its_record(client):
    product = functools.partial(len)
    cache_method_in_place(client, "one", decorator=lambda _: product)
    other = Client("bob")
    with pytest.raises(TypeError, match="is or was cached already"):
        cache_method_in_place(other, "one", decorator=lambda _: product)
    assert uncache(client) == ["one"]
    assert list(vars(client)) == list(vars(other)) == ["user", "calls"]


def test_a_product_that_was_cached_before_is_refused_and_keeps_its_record(client):
    decorator = functools.cache(functools.partial)
    before = entries(client)
    first = cache_method_in_place(client, "one", decorator=decorator)
    with pytest.raises(TypeError, match="is or was cached already"):
        cache_method_in_place(client, "one", decorator=decorator)
    assert client.one is first
    with mock.patch.object(client, "one"):
        with pytest.raises(TypeError, match="is or was cached already"):
            cache_method_in_place(client, "one", decorator=lambda _: first)
        assert uncache(client) == []
    assert uncache(client) == ["one"]
    assert entries(client) == before


# 3. What a user must know


def test_results_are_shared(client):
    cache_method_in_place(client, "two")
    client.two(1).append("changed")
    assert client.two(1) == ["ann", 1, "changed"]


def test_state_that_is_no_argument_is_not_in_the_key(client):
    cache_method_in_place(client, "one")
    client.one(1)
    client.user = "bob"
    assert client.one(1) == "ann:1"


def test_earlier_references_super_and_calls_on_the_class_go_past_the_cache():
    client = Child()
    earlier = client.one
    cache_method_in_place(client, "one")
    client.one(1)
    earlier(1)
    Child.one(client, 1)
    super(Child, client).one(1)
    client.one(1)
    assert client.calls == [("one", 1)] * 4


def test_maxsize_is_per_method(client):
    cached = cache_methods_in_place(client, ["one", "two"], maxsize=2)
    for arg in range(3):
        client.one(arg)
        client.two(arg)
    assert [method.cache_info().currsize for method in cached.values()] == [2, 2]


def test_equal_arguments_share_an_entry_unless_typed(client):
    for typed, misses in (False, 2), (True, 4):
        cached = cache_method_in_place(client, "one", typed=typed)
        for arg in 1.0, True:
            client.one(arg)
            client.one(arg, upper=False)
        assert cached.cache_info().misses == misses


# 4. Speed: what can be told without a clock


class Asked(Client):
    @property
    def __dict__(self):
        raise AssertionError("the __dict__ was asked for")


@pytest.mark.parametrize("name", ["one", "of_class"])
def test_caching_a_method_of_the_class_by_name_never_asks_for_the_dict(name):
    client = Asked()
    for maxsize in 3, 4:
        cache_method_in_place(client, name, maxsize=maxsize)
        assert getattr(client, name)(1) == getattr(client, name)(1)
    with pytest.raises(AssertionError, match="asked for"):
        cached_methods(client)


@pytest.mark.parametrize(
    "names", [re.compile("o|t|s").match, lambda _: True], ids=["re", "all"]
)
def test_caching_by_predicate_never_asks_for_the_dict_where_nothing_held_can_be_called(
    names,
):
    client = Asked()
    client.factory = Client  # a class can be called, but is no method
    assert cache_methods_in_place(client, names).keys() >= {"one", "two", "of_class"}
    assert client.one(1) is client.one(1)


@pytest.mark.parametrize("name", ["by_partial", "by_type", "by_class_cache", "builtin"])
def test_caching_anything_of_the_class_by_name_never_asks_for_the_dict_either(name):
    class AskedKinds(Asked, Kinds):
        pass

    client = AskedKinds()
    assert cache_method_in_place(client, name) is getattr(client, name)


def test_an_object_that_can_be_called_is_not_asked_for_its_dict():
    class Callable(Asked):
        def __call__(self):
            raise AssertionError

    client = Callable()
    assert cache_method_in_place(client, "one") is client.one


@pytest.mark.parametrize(
    "names", ["one", re.compile("on").match], ids=["name", "predicate"]
)
def test_caching_a_method_of_the_class_makes_no_dict(client, names):
    def has_dict():  # from 3.11 to 3.12, Python makes it when it is first asked for
        return any(type(referent) is dict for referent in gc.get_referents(client))

    before = has_dict()
    cache_methods_in_place(client, names)
    client.one(1)
    assert has_dict() == before


# Real clients


@pytest.fixture
def asked(threads):
    """What an XML-RPC server on a free loopback port was asked, and a proxy of it."""
    calls = []

    def add(a, b):
        calls.append((a, b))
        return a + b

    with xmlrpc.server.SimpleXMLRPCServer(
        ("127.0.0.1", 0), logRequests=False
    ) as server:
        server.register_function(add)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            host, port = server.server_address
            with xmlrpc.client.ServerProxy(f"http://{host}:{port}") as proxy:
                yield calls, proxy
        finally:
            server.shutdown()
            thread.join()


def test_an_xmlrpc_server_is_asked_once(asked):
    calls, proxy = asked
    before = entries(proxy)
    cached = cache_method_in_place(proxy, "add", maxsize=10)
    assert (proxy.add(1, 2), proxy.add(1, 2), proxy.add(2, 2)) == (3, 3, 4)
    assert calls == [(1, 2), (2, 2)]
    assert cached.cache_info() == (1, 2, 10, 2)
    assert cached_methods(proxy) == {"add": cached}
    with pytest.raises(xmlrpc.client.Fault):
        cache_method_in_place(proxy, "missing")()
    cache_method_in_place(proxy, "add")
    proxy.add(1, 2)
    assert len(calls) == 3
    assert uncache(proxy) == ["add", "missing"]
    proxy.add(1, 2)
    assert len(calls) == 4
    assert entries(proxy) == before


def test_an_xmlrpc_proxy_as_the_predicate_selects_nothing(asked):
    calls, proxy = asked
    with pytest.raises(
        ValueError, match="predicate selects no method of 'ServerProxy'"
    ):
        cache_methods_in_place(proxy, proxy.add)
    assert calls == []


@pytest.fixture
def health_stub(threads):
    """A stub of gRPC's health service, and what its server was asked."""
    health = library("grpc_health.v1.health")
    grpc = library("grpc")
    health_pb2_grpc = library("grpc_health.v1.health_pb2_grpc")
    calls = []

    class Servicer(health.HealthServicer):
        def Check(self, request, context):
            calls.append(request.service)
            return super().Check(request, context)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield health_pb2_grpc.HealthStub(channel), calls
    server.stop(None).wait()


def test_the_methods_of_a_grpc_stub_are_cached_by_a_key_and_come_back(health_stub):
    health_pb2 = library("grpc_health.v1.health_pb2")
    cachetools = library("cachetools")
    stub, calls = health_stub
    before = entries(stub)
    cache_methods_in_place(stub, ["Check", "Watch"], maxsize=0)  # which makes no keys
    with pytest.raises(
        TypeError, match="'_MultiThreadedRendezvous', may be usable only once"
    ):
        stub.Watch(health_pb2.HealthCheckRequest())
    cache_methods_in_place(stub, str.istitle)
    with pytest.raises(TypeError, match="unhashable type: 'HealthCheckRequest'"):
        stub.Check(health_pb2.HealthCheckRequest())
    key = operator.methodcaller("SerializeToString", deterministic=True)
    cache_method_in_place(stub, "Check", decorator=cachetools.cached({}, key))
    request = health_pb2.HealthCheckRequest(service="")
    assert stub.Check(request) is stub.Check(health_pb2.HealthCheckRequest())
    assert calls == [""]
    assert set(uncache(stub)) == {"Check", "List", "Watch"}
    assert entries(stub) == before
    stub.Check(request)
    assert calls == ["", ""]


@pytest.fixture
def web(threads):
    """The address of an HTTP server on a free loopback port, and what it was asked."""
    calls = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            calls.append(self.path)
            body = json.dumps({"ok": True, "path": self.path}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", calls
        finally:
            server.shutdown()
            thread.join()


def test_httpx_asks_once_and_its_streams_are_refused(web):
    httpx = library("httpx")
    url, calls = web
    with httpx.Client(base_url=url) as client:
        before = entries(client)
        cache_methods_in_place(client, ["get", "stream"])
        assert client.get("/a") is client.get("/a") is not client.get("/b")
        assert calls == ["/a", "/b"]
        with pytest.raises(
            TypeError, match="'stream' of 'Client' was called, but its result, "
        ):
            client.stream("GET", "/a")
        assert uncache(client) == ["get", "stream"]
        assert entries(client) == before
        assert client.get("/a").json() == {"ok": True, "path": "/a"}
        assert calls == ["/a", "/b", "/a"]


@pytest.mark.usefixtures("event_loop_runs")
def test_async_httpx_is_refused_unless_an_async_cache_takes_it(web):
    httpx = library("httpx")
    async_lru = library("async_lru")
    url, calls = web

    async def main():
        async with httpx.AsyncClient(base_url=url) as client:
            before = entries(client)
            with pytest.raises(
                TypeError, match="'get' of 'AsyncClient' can't be cached"
            ):
                cache_method_in_place(client, "get")
            cache_method_in_place(client, "stream")
            with pytest.raises(
                TypeError,
                match="'_AsyncGeneratorContextManager', may be usable only once",
            ):
                client.stream("GET", "/a")
            cache_method_in_place(client, "get", decorator=async_lru.alru_cache)
            assert await client.get("/a") is await client.get("/a")
            assert calls == ["/a"]
            assert uncache(client) == ["stream", "get"]
            assert entries(client) == before

    asyncio.run(main())


@pytest.fixture
def aws():
    """A maker of boto3 clients and resources that talk to moto, in this process."""
    boto3 = library("boto3")
    moto = library("moto")

    def make(kind, service):
        return getattr(boto3, kind)(service, region_name="us-east-1")

    with moto.mock_aws():
        yield make


def note_calls(client):
    calls = []
    client.meta.events.register(
        "before-call", lambda model, **_: calls.append(model.name)
    )
    return calls


def test_a_boto3_client_is_cached_by_predicate(aws):
    client = aws("client", "ec2")
    calls = note_calls(client)
    before = entries(client)
    cached = cache_methods_in_place(
        client, re.compile("list_|describe_|exceptions").match
    )
    assert len(cached) > 100
    assert "exceptions" not in cached
    assert (
        vars(client)["_exceptions"] is None
    )  # which asking for client.exceptions would change
    (vpc,) = client.describe_vpcs()["Vpcs"]
    ids = (vpc["VpcId"],)
    assert client.describe_vpcs(VpcIds=ids) is client.describe_vpcs(VpcIds=ids)
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        client.describe_vpcs(VpcIds=list(ids))
    assert calls == ["DescribeVpcs"] * 2
    assert set(uncache(client)) == set(cached)
    assert entries(client) == before


def test_a_boto3_resource_is_cached_by_name(aws):
    (vpc,) = aws("resource", "ec2").vpcs.all()
    calls = note_calls(vpc.meta.client)
    before = entries(vpc)
    cache_method_in_place(vpc, "describe_attribute")
    answers = [vpc.describe_attribute(Attribute="enableDnsSupport") for _ in range(3)]
    assert answers[0]["EnableDnsSupport"] == {"Value": True}
    assert calls == ["DescribeVpcAttribute"]
    assert uncache(vpc) == ["describe_attribute"]
    assert entries(vpc) == before


def test_the_counts_of_a_reader_are_cached_and_its_feeds_are_refused():
    reader = library("reader")
    with reader.make_reader(":memory:") as feeds:
        before = entries(feeds)
        cache_methods_in_place(feeds, ["get_feed_counts", "get_feeds"])
        assert feeds.get_feed_counts().total == 0
        with pytest.raises(
            TypeError, match="'get_feeds' of 'Reader' was called, but its result, "
        ):
            feeds.get_feeds()
        feeds.add_feed("http://localhost/feed")
        assert feeds.get_feed_counts().total == 0
        assert uncache(feeds) == ["get_feed_counts", "get_feeds"]
        assert entries(feeds) == before
        assert feeds.get_feed_counts().total == 1


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory, threads, processes):
    """The loopback port of a Redis server that is empty when the tests begin."""
    redis = library("redis")
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server isn't installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    backoff = library("redis.backoff").ConstantBackoff(0.02)
    retry = library("redis.retry").Retry(backoff, 500)
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with (
        subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL) as server,
        redis.Redis(port=port, retry=retry) as client,
    ):
        try:
            client.ping()
            yield port
        finally:
            server.terminate()


def test_redis_asks_once_and_its_scans_are_refused(redis_port):
    redis = library("redis")
    with redis.Redis(port=redis_port) as client:
        client.set("key", "first")
        before = entries(client)
        cache_method_in_place(client, "get")
        assert client.get("key") == b"first"
        client.set("key", "second")
        assert client.get("key") == b"first"
        with pytest.raises(TypeError, match="'scan_iter' of 'Redis' can't be cached"):
            cache_methods_in_place(client, ["mget", "scan_iter"])
        assert uncache(client) == ["get"]
        assert entries(client) == before
        assert client.get("key") == b"second"


@pytest.mark.usefixtures("event_loop_runs")
def test_asyncio_redis_is_refused_at_the_call_as_its_methods_are_plain_functions(
    redis_port,
):
    asyncio_redis = library("redis.asyncio")

    async def main():
        async with asyncio_redis.Redis(port=redis_port) as client:
            before = entries(client)
            cache_method_in_place(client, "get")
            with pytest.raises(
                TypeError, match=r"'get' of 'Redis' was called, .* 'coroutine', "
            ):
                client.get("key")
            assert uncache(client) == ["get"]
            assert entries(client) == before

    asyncio.run(main())


def test_sqlalchemy_results_are_refused_and_what_an_inspector_tells_is_cached():
    sqlalchemy, orm = library("sqlalchemy"), library("sqlalchemy.orm")
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
    with contextlib.closing(engine.raw_connection()), orm.Session(engine) as session:
        inspector = sqlalchemy.inspect(session.connection())
        before = entries(inspector), entries(session)
        cache_method_in_place(inspector, "get_table_names")
        cache_methods_in_place(session, ["execute", "scalar"])
        create, count = map(
            sqlalchemy.text, ["create table t (a)", "select count(*) from t"]
        )
        assert inspector.get_table_names() == []
        with pytest.raises(
            TypeError, match="'execute' of 'Session' was called, but its result, "
        ):
            session.execute(create)
        inspector.clear_cache()  # its own
        assert inspector.get_table_names() == []
        assert session.scalar(count) == 0
        uncache(session, "execute")
        session.execute(sqlalchemy.text("insert into t values (1)"))
        assert session.scalar(count) == 0
        assert uncache(inspector) == ["get_table_names"]
        assert uncache(session) == ["scalar"]
        assert (entries(inspector), entries(session)) == before
        assert (inspector.get_table_names(), session.scalar(count)) == (["t"], 1)
    engine.dispose()


def test_a_zip_file_is_read_once(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    with (
        zipfile.ZipFile(path) as archive,
        mock.patch.object(
            zipfile.ZipFile, "open", autospec=True, side_effect=zipfile.ZipFile.open
        ) as opened,
    ):
        cache_method_in_place(archive, "read")
        assert archive.read("a.txt") == archive.read("a.txt") == b"a"
        assert opened.call_count == 1
        uncache(archive)
        assert archive.read("a.txt") == b"a"
        assert opened.call_count == 2


def test_a_sqlite3_connection_is_refused_and_the_cursors_of_a_subclass_are():
    class Connection(sqlite3.Connection):
        def one(self, query):
            return self.execute(query).fetchone()

    with (
        contextlib.closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(TypeError, match="'execute' of 'Connection' can't be set"),
    ):
        cache_method_in_place(connection, "execute")
    with contextlib.closing(
        sqlite3.connect(":memory:", factory=Connection)
    ) as connection:
        before = entries(connection)
        cache_methods_in_place(connection, ["one", "execute"])
        with pytest.raises(
            TypeError, match="its result, 'Cursor', may be usable only once"
        ):
            connection.execute("select 1")
        uncache(connection, "execute")
        assert connection.one("select random()") == connection.one("select random()")
        uncache(connection)
        assert entries(connection) == before


def test_a_ctypes_library_is_left_as_if_never_asked():
    library = ctypes.CDLL(None)
    before = entries(library)
    cached = cache_method_in_place(library, "abs")
    assert library.abs(-3) == library.abs(-3) == 3
    assert cached.cache_info()[:2] == (1, 1)
    cache_method_in_place(library, "abs")
    assert library.abs(-3) == 3
    uncache(library)
    assert entries(library) == before
    configured = library.abs
    cache_method_in_place(library, "abs")
    uncache(library)
    assert library.abs is configured


def test_a_pandas_frame_of_the_library_itself_is_cached_without_a_warning():
    pandas = library("pandas")
    frame = pandas.DataFrame({"a": [1, 1]})
    cache_method_in_place(frame, "nunique")
    assert frame.nunique() is frame.nunique()
    assert list(frame.columns) == ["a"]
    assert uncache(frame) == ["nunique"]


# The README; its sessions are run by pytest's --doctest-glob

README_FILE = pathlib.Path(__file__).parent / "README.md"
README = README_FILE.read_text() if README_FILE.exists() else ""
needs_readme = pytest.mark.skipif(
    not README, reason="README.md isn't here, as in a vendored copy"
)


def blocks(language):
    """Return the blocks of the README, each with the last title in bold above it."""
    block = r"^\*\*([^*]+?):?\*\*|^```(\w+)\n(.*?)^```$"
    title = None
    found = []
    for match in re.finditer(block, README, re.MULTILINE | re.DOTALL):
        title = match[1] or title
        if match[2] == language:
            found.append((title, match[3]))
    return found


(_, DEMO), *_recipes = blocks("python") or [(None, None)]
RECIPES = dict(_recipes)
DECORATORS = dict(
    re.findall(
        r"^(?:\* )?\*\*([^*]+?):?\*\*[^*]*?`decorator=([^`]+)`", README, re.MULTILINE
    )
)


@needs_readme
def test_the_first_screen_shows_what_the_demo_prints(capsys):
    assert README.index(DEMO) < len("\n".join(README.splitlines()[:20]))
    exec(DEMO, {})
    assert capsys.readouterr().out == blocks("text")[0][1]


@needs_readme
@pytest.mark.usefixtures("processes")
def test_the_demo_can_be_pasted_as_a_whole():
    """Through a pseudo-terminal, bracketed if the REPL asks for that as that of 3.13 does."""
    pty = library("pty")
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-i", cache_inplace.__file__],
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, "TERM": "xterm", "PYTHON_COLORS": "0", "LINES": "50"},
        start_new_session=True,
    )
    os.close(its)
    screen = b""

    def read_until(end):
        nonlocal screen
        while end not in screen:
            assert select.select([ours], [], [], 20)[0], screen
            screen += os.read(ours, 10_000)

    try:
        read_until(b">>> ")
        pasted = DEMO.replace("\n", "\r").encode()
        if b"\x1b[?2004h" in screen:
            pasted = b"\x1b[200~" + pasted + b"\x1b[201~\r"
        os.write(ours, pasted)
        read_until(b"restored: ['get']")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    escapes = r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>])"
    shown = re.sub(escapes, "", screen.decode()).splitlines()
    expected = blocks("text")[0][1].splitlines()
    assert [line for line in shown if line in expected] == expected


# What the README says of a cache that is made by hand; and what this module does instead.


def test_by_hand_an_iterator_is_empty_for_the_second_caller():
    client = Results()
    set_by_hand(client, "result")
    make = [1].__iter__
    assert [list(client.result(make)) for _ in range(2)] == [[1], []]
    uncached = Results()
    cache_method_in_place(uncached, "result")
    with pytest.raises(TypeError, match="may be usable only once"):
        uncached.result(make)


@pytest.mark.parametrize("by_us", [False, True], ids=["by hand", "in place"])
def test_by_hand_a_deep_copy_asks_the_original(client, by_us):
    (cache_method_in_place if by_us else set_by_hand)(client, "one")
    clone = copy.deepcopy(client)
    clone.user = "bob"
    assert clone.one(1) == ("bob:1" if by_us else "ann:1")


@pytest.mark.parametrize("by_us", [False, True], ids=["by hand", "in place"])
def test_by_hand_a_cache_is_put_on_top_of_a_cache(client, by_us):
    for _ in range(2):
        (cache_method_in_place if by_us else set_by_hand)(client, "one")
    client.one(1)
    client.one.cache_clear()
    client.one(1)
    assert len(client.calls) == (2 if by_us else 1)


@pytest.mark.parametrize("by_us", [False, True], ids=["by hand", "in place"])
def test_by_hand_an_attribute_of_its_own_is_lost(by_us):
    stored = Stored()
    (cache_method_in_place if by_us else set_by_hand)(stored, "get")
    if by_us:
        uncache(stored)
    else:
        del stored.get
    assert hasattr(stored, "get") == by_us


@pytest.mark.parametrize("by_us", [False, True], ids=["by hand", "in place"])
def test_by_hand_it_becomes_an_item_of_an_attribute_dict(by_us):
    attributes = Attributes(user="ann")
    (cache_method_in_place if by_us else set_by_hand)(attributes, "one")
    assert list(attributes) == (["user"] if by_us else ["user", "one"])


# Its recipes


class Flaky(Client):
    """A client whose every second answer fails, and that can answer asynchronously, too."""

    def get_user(self, name):
        self.calls.append(("get_user", name))
        if len(self.calls) % 2:
            raise ConnectionError
        return f"{self.user}:user:{name}"

    def get_repo(self, name):
        self.calls.append(("get_repo", name))
        return f"{self.user}:repo:{name}"

    async def fetch_user(self, name):
        self.calls.append(("fetch_user", name))
        return name


@pytest.fixture
def run_recipe():
    """Run the recipe of the README that has a title, for a client; return all its names."""
    if not README:
        pytest.skip("README.md isn't here, as in a vendored copy")
    with contextlib.ExitStack() as stack:

        def run(title, client, change=str, **given):
            for line in re.findall(
                r"^(?:import|from) (.*)", RECIPES[title], re.MULTILINE
            ):
                for name in re.findall(r"^[\w.]+|(?<=, )\w+", line.split(" import")[0]):
                    library(name)
            names = {**vars(cache_inplace), **given, "client": client}
            exec(change(RECIPES[title]), names)
            if "disk" in names:
                stack.callback(names["disk"].close)
            return names

        yield run


@pytest.fixture
def shared_places(redis_port, tmp_path):
    """The names for the recipes with a cache that others can use, too; it is empty."""
    redis = library("redis")
    url = f"redis://127.0.0.1:{redis_port}"
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return {"url": url, "directory": str(tmp_path)}


def decorator_of_readme(title, **names):
    """Return the decorator in a line of the README, with the names that it needs."""
    if not README:
        pytest.skip("README.md isn't here, as in a vendored copy")
    return eval(DECORATORS[title], {"functools": functools, **names})


@needs_readme
def test_every_recipe_of_the_readme_is_run():
    assert len(RECIPES) == README.count("```python") - 1
    assert DECORATORS.keys() == {
        "Async methods",
        "Unhashable arguments",
        "Retries",
        "Iterators",
        "Cache it anyway",
    }
    tests = pathlib.Path(__file__).read_text()
    titles = [*RECIPES, *DECORATORS]
    assert [title for title in titles if f'"{title}"' not in tests] == []


def is_mixed_up_by_none(run_recipe, title, **places):
    for user in "ann", "bob":
        client = Flaky(user)
        client.calls.append("something, so that the next answer is good")
        run_recipe(title, client, **places)
        for _ in range(2):
            assert client.get_user("x") == f"{user}:user:x"
            assert client.get_repo(name="x") == f"{user}:repo:x"
        assert client.calls[1:] == [("get_user", "x"), ("get_repo", "x")]
        assert uncache(client) == ["get_user", "get_repo"]


@pytest.mark.parametrize("title", ["Shared by processes", "Shared by machines"])
def test_shared_caches_mix_up_neither_methods_nor_users(
    title, run_recipe, shared_places
):
    is_mixed_up_by_none(run_recipe, title, **shared_places)


def test_the_recipe_for_expiry_mixes_up_neither_methods_nor_users(run_recipe):
    is_mixed_up_by_none(run_recipe, "Expiry (TTL)")


def test_one_cache_for_two_methods_would_mix_them_up():
    cachetools = library("cachetools")
    client = Client()
    cache_methods_in_place(client, ["one", "two"], decorator=cachetools.cached({}))
    assert client.one(1) == client.two(1) == "ann:1"


@pytest.mark.parametrize("title", ["Shared by processes", "Shared by machines"])
def test_shared_caches_share_results_between_processes(
    title, run_recipe, shared_places
):
    script = """
import json, os, sys
from cache_inplace import *

class Client:
    def get_user(self, name):
        return os.getpid()

    get_repo = get_user

recipe, user, places = json.loads(sys.argv[1])
client = Client()
client.user = user
exec(recipe, {**globals(), **places})
print(client.get_user("x"))
"""
    run_recipe(title, Flaky(), **shared_places)  # skipped if its library is missing

    def ask(user):
        arguments = json.dumps([RECIPES[title], user, shared_places])
        folder = pathlib.Path(cache_inplace.__file__).parent
        command = [sys.executable, "-c", script, arguments]
        return subprocess.run(
            command, cwd=folder, check=True, capture_output=True
        ).stdout

    answers = [ask("ann"), ask("ann"), ask("bob")]
    assert answers[0] == answers[1] != answers[2]


def test_the_recipe_for_expiry_asks_again_after_a_minute(run_recipe):
    cachetools = library("cachetools")
    now = 0

    class Timed(cachetools.TTLCache):
        def __init__(self, maxsize, ttl):
            super().__init__(maxsize, ttl, timer=lambda: now)

    client = Flaky()
    with mock.patch.object(cachetools, "TTLCache", Timed):
        run_recipe("Expiry (TTL)", client)
        for now in 0, 59, 61:  # noqa: B007
            client.get_repo("x")
    assert client.calls == [("get_repo", "x"), ("get_repo", "x")]


@pytest.mark.parametrize("title", ["Expiry (TTL)", "Unhashable arguments"])
def test_the_caches_of_recipes_can_be_looked_at_and_cleared_in_a_loop(
    title, run_recipe
):
    class Everything(Client):
        def get(self, name):
            return [name]

        get_user = get_repo = get

    client = Everything()
    run_recipe(title, client)
    for method in cached_methods(client).values():
        assert method("a") is method("a")
        assert method.cache_info()[:2] == (1, 1)
        method.cache_clear()
        assert method.cache_info().currsize == 0


def test_one_entry_can_be_dropped_as_the_readme_says(run_recipe):
    client = Flaky()
    run_recipe("Expiry (TTL)", client)
    client.get = client.get_repo
    drop = re.search(r"`(client\.get\.cache\.pop\(.*?\))`", README)[1]
    assert "`with client.get.cache_lock:`" in README
    assert client.get.cache_lock.acquire(blocking=False)
    client.get.cache_lock.release()
    assert client.get.__wrapped__("z") == "ann:repo:z"
    client.calls.clear()
    for _ in range(2):
        client.get("a"), client.get("b")
        eval(drop)
    assert client.calls == [("get_repo", name) for name in "aba"]


class Busy(Client):
    def __init__(self, threads):
        super().__init__()
        self.barrier = threading.Barrier(threads)

    def get_user(self, name):
        self.calls.append(name)
        self.barrier.wait(10)
        return name.title()

    get_repo = get_user


@pytest.mark.usefixtures("threads")
def test_lru_cache_lets_all_threads_through_that_ask_at_once():
    client = Busy(8)
    cache_method_in_place(client, "get_user")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(client.get_user, ["ann"] * 8)) == ["Ann"] * 8
    assert client.calls == ["ann"] * 8


@pytest.mark.usefixtures("threads")
def test_with_a_condition_the_recipe_for_expiry_asks_once(run_recipe):
    words = (
        "write `condition=threading.Condition()` in place of `lock=threading.Lock()`"
    )
    assert not README or words in README
    new, old = re.findall("`(.*?)`", words)
    client = Busy(2)
    run_recipe("Expiry (TTL)", client, lambda recipe: recipe.replace(old, new))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(client.get_user, "ann") for _ in range(8)]
        client.barrier.wait(10)
        assert [future.result(10) for future in futures] == ["Ann"] * 8
    assert client.calls == ["ann"]


@pytest.mark.usefixtures("event_loop_runs")
def test_the_recipe_for_async_methods_asks_once():
    async def main():
        answers = [await client.fetch_user("x"), await client.fetch_user("x")]
        assert client.fetch_user.cache_invalidate("x")
        return [*answers, await client.fetch_user("x")]

    client = Flaky()
    alru_cache = library("async_lru").alru_cache
    decorator = decorator_of_readme("Async methods", alru_cache=alru_cache)
    cache_method_in_place(client, "fetch_user", decorator=decorator)
    assert asyncio.run(main()) == ["x"] * 3
    assert client.calls == [("fetch_user", "x")] * 2


@pytest.mark.usefixtures("event_loop_runs")
def test_the_recipe_for_what_returns_something_to_await_caches_asyncio_redis(
    run_recipe, shared_places
):
    asyncio_redis = library("redis.asyncio")
    async_lru = library("async_lru")

    async def main():
        async with asyncio_redis.Redis.from_url(shared_places["url"]) as client:
            await client.set("key", "first")
            with pytest.raises(RuntimeError, match="Coroutine function is required"):
                cache_method_in_place(client, "get", decorator=async_lru.alru_cache)
            run_recipe("Plain methods that return something to await", client)
            answers = [await client.get("key")]
            await client.set("key", "second")
            answers.append(await client.get("key"))
            assert uncache(client) == ["get"]
            return [*answers, await client.get("key")]

    assert asyncio.run(main()) == [b"first", b"first", b"second"]


def test_the_recipe_for_retries_asks_again_when_it_fails_and_then_no_more():
    client = Flaky()
    decorator = decorator_of_readme("Retries", tenacity=library("tenacity"))
    cache_method_in_place(client, "get_user", decorator=decorator)
    assert client.get_user("x") == client.get_user("x") == "ann:user:x"
    assert client.calls == [("get_user", "x"), ("get_user", "x")]


def test_the_recipe_for_unhashable_arguments_caches_httpx(run_recipe, web):
    url, calls = web
    with library("httpx").Client(base_url=url) as client:
        cache_method_in_place(client, "get")
        with pytest.raises(TypeError, match="unhashable type: 'dict'"):
            client.get("/", params={"a": "1"})
        run_recipe("Unhashable arguments", client)
        for name in "1", "2", "1":
            response = client.get("/", params={"a": name}, headers={"x": "y"})
            assert response.json()["path"] == f"/?a={name}"
    assert calls == ["/?a=1", "/?a=2"]


class Cloud:
    """A client that returns all that it is given."""

    def get(self, *args, **kwargs):
        return [args, kwargs]


@pytest.mark.usefixtures("event_loop_runs")
def test_the_recipe_for_unhashable_arguments_caches_async_methods_too(run_recipe, web):
    url, calls = web
    alru_cache = library("async_lru").alru_cache
    key = run_recipe("Unhashable arguments", Cloud())["key"]
    names = {"alru_cache": alru_cache, "key": key}
    decorator = decorator_of_readme("Unhashable arguments", **names)

    async def main():
        async with library("httpx").AsyncClient(base_url=url) as client:
            cache_method_in_place(client, "get", decorator=decorator)
            for name in "1", "2", "1":
                await client.get("/", params={"a": name})

    asyncio.run(main())
    assert calls == ["/?a=1", "/?a=2"]


def test_the_recipe_for_unhashable_arguments_tells_apart_what_it_takes(run_recipe):
    cloud = Cloud()
    run_recipe("Unhashable arguments", cloud)
    given = [
        (("a",), {}),
        ((), {"a": {}}),
        ((), {"a": {"b": [1, 2], "c": {"d": "e"}}}),
        ((), {"a": {"b": [2, 1], "c": {"d": "e"}}}),
        ((), {"a": {"b": 1}}),
        ((), {"a": [["b", 1]]}),
        ((), {"data": b"x"}),
        ((), {"data": "x"}),
        ((), {"auth": ("ann", "secret")}),
        ((), {"StartTime": datetime.datetime(2026, 11, 24)}),
        ((), {"StartTime": datetime.datetime(2026, 11, 25)}),
    ]
    for _ in range(2):
        assert [cloud.get(*args, **kwargs) for args, kwargs in given] == [
            [args, kwargs] for args, kwargs in given
        ]
    assert cloud.get.cache_info()[:2] == (len(given), len(given))
    assert cloud.get(a=1, b={"c": 1, "d": 2}) is cloud.get(b={"d": 2, "c": 1}, a=1)


@pytest.mark.parametrize(
    "value", [bytearray(b"secret"), Unhashable()], ids=["bytes", "auth"]
)
def test_the_recipe_for_unhashable_arguments_names_the_type_that_it_does_not_take(
    value, run_recipe
):
    cloud = Cloud()
    run_recipe("Unhashable arguments", cloud)
    name = type(value).__name__
    refused = f"^'{name}' can't be in a cache key; pass plain data$"
    with pytest.raises(TypeError, match=refused):
        cloud.get(auth=[value])


def test_the_recipe_for_unhashable_arguments_caches_boto3(run_recipe, aws):
    client = aws("client", "ec2")
    calls = note_calls(client)
    by_content = run_recipe("Unhashable arguments", Cloud())["by_content"]
    cache_methods_in_place(
        client, ["describe_instances", "describe_vpcs"], decorator=by_content
    )
    for vpc in "vpc-1", "vpc-2", "vpc-1":
        vpc_only = [{"Name": "vpc-id", "Values": [vpc]}]
        assert client.describe_instances(Filters=vpc_only)["Reservations"] == []
    client.describe_vpcs(Filters=vpc_only)
    assert calls == ["DescribeInstances", "DescribeInstances", "DescribeVpcs"]


def test_the_recipe_for_iterators_keeps_what_is_in_them():
    with library("reader").make_reader(":memory:") as feeds:
        feeds.add_feed("http://localhost/feed")
        cache_method_in_place(
            feeds, "get_feeds", decorator=decorator_of_readme("Iterators")
        )
        (feed,) = feeds.get_feeds()
        feeds.delete_feed(feed)
        assert feeds.get_feeds() == (feed,)
        assert uncache(feeds) == ["get_feeds"]
        assert list(feeds.get_feeds()) == []


def test_to_cache_it_anyway_is_for_what_slack_answers(web):
    url, calls = web
    client = library("slack_sdk").WebClient(token="none", base_url=f"{url}/")
    before = entries(client)
    cache_method_in_place(client, "users_info")
    with pytest.raises(TypeError, match="'SlackResponse', may be usable only once"):
        client.users_info(user="U1")
    del calls[:]
    decorator = decorator_of_readme("Cache it anyway")
    cache_method_in_place(client, "users_info", decorator=decorator)
    for _ in range(2):
        assert client.users_info(user="U1")["path"] == "/users.info"
    assert calls == ["/users.info"]
    assert uncache(client) == ["users_info"]
    assert entries(client) == before


def test_a_class_of_ones_own_caches_in_its_init():
    class Repository(Client):
        def __init__(self, user):
            super().__init__(user)
            cache_method_in_place(self, "one")

    ann, bob = Repository("ann"), Repository("bob")
    assert (ann.one(1), bob.one(1), ann.one(1)) == ("ann:1", "bob:1", "ann:1")
    assert ann.calls == bob.calls == [("one", 1)]
    gone = weakref.ref(ann)
    del ann
    gc.collect()
    assert gone() is None


@needs_readme
@pytest.mark.usefixtures("processes")
def test_the_pytest_fixture_caches_for_a_test_and_undoes_it(tmp_path):
    (tmp_path / "test_it.py").write_text(
        f"""
import pytest
from cache_inplace import *

class Client:
    def get_user(self, name):
        return object()

    get_repo = one = get_user

CLIENT = Client()
cache_method_in_place(CLIENT, "one")

@pytest.fixture
def client():
    return CLIENT

{RECIPES["In a pytest fixture"]}

def test_cached(cached_client):
    assert cached_client.get_user("a") is cached_client.get_user("a")

def test_undone(client):
    assert cached_methods(client).keys() == {{"one"}}
"""
    )
    folder = pathlib.Path(cache_inplace.__file__).parent
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    (tmp_path / "pytest.ini").write_text("[pytest]")  # and no other settings
    run = subprocess.run(
        [*command, "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert "2 passed" in run.stdout, run.stdout


# What it says of real clients


def test_the_paginator_of_boto3_cuts_short_the_cached_result(aws):
    client = aws("client", "ec2")
    for _ in range(3):
        client.create_vpc(CidrBlock="10.0.0.0/16")
    cache_method_in_place(client, "describe_vpcs")
    everything = len(client.describe_vpcs()["Vpcs"])
    pages = client.get_paginator("describe_vpcs").paginate(
        PaginationConfig={"MaxItems": 1}
    )
    assert sum(len(page["Vpcs"]) for page in pages) == 1
    assert len(client.describe_vpcs()["Vpcs"]) == 1 < everything


def test_the_waiter_of_boto3_asks_the_cache(aws):
    client = aws("client", "ec2")
    calls = note_calls(client)
    (instance,) = client.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)[
        "Instances"
    ]
    cache_method_in_place(client, "describe_instances")
    waiter = client.get_waiter("instance_stopped")
    patience = {"Delay": 0, "MaxAttempts": 4}
    with pytest.raises(library("botocore.exceptions").WaiterError):
        waiter.wait(InstanceIds=(instance["InstanceId"],), WaiterConfig=patience)
    assert calls == ["RunInstances", "DescribeInstances"]


def test_pydantic_moves_the_cached_method_into_the_data_if_told_to_validate_and_allow():
    pydantic = library("pydantic")

    class Loose(pydantic.BaseModel, extra="allow", validate_assignment=True):
        user: str = "ann"

        def one(self, arg):
            return f"{self.user}:{arg}"

    model = Loose()
    cache_method_in_place(model, "one")
    assert model.model_dump() == {"user": "ann"}
    model.user = "bob"
    assert model.model_dump().keys() == {"user", "one"}


def test_what_is_patched_while_a_mock_stands_on_the_class_keeps_the_mock(client):
    with mock.patch.object(Client, "one", return_value="mocked"):
        cache_method_in_place(client, "one")
    assert client.one(1) == "mocked"
    uncache(client)
    assert client.one(1) == "ann:1"


def test_each_miss_adds_a_frame():
    class Caller:
        def one(self):
            return sys._getframe(1).f_code.co_filename

    client = Caller()
    assert client.one() == __file__
    cache_method_in_place(client, "one")
    assert client.one() == cache_inplace.__file__


@needs_readme
def test_the_readme_can_be_read_in_five_minutes_and_has_its_commands():
    assert len(README.splitlines()) <= 330
    commands = [text for _, text in blocks("sh")]
    assert commands == [
        "python3 -m doctest -v README.md\n",
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' "
        "&& .venv/bin/pytest\n",
    ]


# Any sequence of events


class Patching(hypothesis.stateful.RuleBasedStateMachine):
    """Patch, undo and meddle; then undo it all, and vars() is what it would have been."""

    names = st.sampled_from(["one", "two", "both", "stored", "of_class", "static"])

    def __init__(self):
        super().__init__()
        self.client = Client()
        self.client.stored = functools.partial(len)
        self.client.both = self.client.both
        self.unpatched = dict(vars(self.client))
        self.ours = []  # all that have ever been cached, in case an older one comes back
        self.theirs = {}

    def expected(self):
        held = vars(self.client).items()
        return {
            name: value
            for name, value in held
            if any((name, value) == o for o in self.ours)
        }

    @hypothesis.stateful.rule(
        names=st.lists(names),
        options=st.sampled_from([{}, {"maxsize": 3}, {"typed": True}]),
    )
    def cache(self, names, options):
        cached = cache_methods_in_place(self.client, names, **options)
        assert cached.keys() == set(names)
        assert all(method.cache_info().currsize == 0 for method in cached.values())
        self.ours.extend(cached.items())

    @hypothesis.stateful.rule(name=names)
    def cache_with_a_decorator(self, name):
        cached = cache_method_in_place(
            self.client, name, decorator=lambda m: functools.partial(m)
        )
        self.ours.append((name, cached))

    @hypothesis.stateful.rule(
        names=st.lists(names),
        bad=st.sampled_from(["missing", "session", "user", "__repr__"]),
    )
    def fail_to_cache(self, names, bad):
        before = entries(self.client)
        with pytest.raises((AttributeError, TypeError)):
            cache_methods_in_place(self.client, [*names, bad])
        assert entries(self.client) == before

    @hypothesis.stateful.rule(names=st.none() | st.lists(names, unique=True))
    def uncache(self, names):
        expected = self.expected()
        before = entries(self.client)
        if names is None or expected.keys() >= set(names):
            assert set(uncache(self.client, names)) == set(
                expected if names is None else names
            )
        else:
            with pytest.raises(ValueError, match="isn't cached"):
                uncache(self.client, names)
            assert entries(self.client) == before

    @hypothesis.stateful.rule(name=names)
    def patch_on_top(self, name):
        if name not in self.theirs:
            self.theirs[name] = mock.patch.object(self.client, name)
            self.theirs[name].start()

    @hypothesis.stateful.precondition(lambda self: self.theirs)
    @hypothesis.stateful.rule(data=st.data())
    def undo_patch_on_top(self, data):
        self.theirs.pop(data.draw(st.sampled_from(sorted(self.theirs)))).stop()

    @hypothesis.stateful.rule(name=names)
    def delete(self, name):
        if (
            name in vars(self.client)
            and name not in self.theirs
            and hasattr(Client, name)
        ):
            delattr(self.client, name)
            self.unpatched.pop(name, None)

    @hypothesis.stateful.rule(
        name=st.sampled_from(["extra", "user"]), value=st.integers()
    )
    def write(self, name, value):
        setattr(self.client, name, value)
        self.unpatched[name] = vars(self.client)[name]

    @hypothesis.stateful.rule(name=names)
    def overwrite(self, name):
        if name not in self.theirs:
            mine = functools.partial(repr)
            was_there = name in vars(self.client)
            setattr(self.client, name, mine)
            if was_there and name not in self.unpatched:
                # It stays where the cached method was, behind whatever came before that.
                self.unpatched = {
                    key: mine if key == name else self.unpatched[key]
                    for key in vars(self.client)
                    if key == name or key in self.unpatched
                }
            self.unpatched[name] = mine

    @hypothesis.stateful.invariant()
    def what_is_cached_is_listed(self):
        assert cached_methods(self.client) == self.expected()

    def teardown(self):
        for patch in self.theirs.values():
            patch.stop()
        uncache(self.client)
        assert entries(self.client) == [
            (n, id(value)) for n, value in self.unpatched.items()
        ]
        assert uncache(self.client) == []


TestPatching = Patching.TestCase
TestPatching.settings = hypothesis.settings(max_examples=200, stateful_step_count=30)


@hypothesis.given(
    args=st.lists(st.integers() | st.text(), max_size=3),
    kwargs=st.dictionaries(
        st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.integers()
    ),
)
def test_any_arguments_give_the_result_of_the_method(args, kwargs):
    class Echo:
        def echo(self, *args, **kwargs):
            return args, kwargs

    echo = Echo()
    expected = echo.echo(*args, **kwargs)
    cached = cache_method_in_place(echo, "echo")
    assert echo.echo(*args, **kwargs) == echo.echo(*args, **kwargs) == expected
    assert cached.cache_info()[:2] == (1, 1)


# 4. Speed, with a clock and on demand; nothing is asserted. Each round of a benchmark runs its
# statement many times, as timeit does, after as many runs of what is written by hand:
# so the ratios hold on a machine that is busy now and then.


@pytest.fixture(scope="module")
def ratios(request):
    """Lines to be printed at the end, with what the benchmarks' own table doesn't tell."""
    lines = []
    yield lines
    if not lines:
        return
    packages = {"wrapt", "cachetools", "methodtools", "jaraco.functools"}
    installed = {
        found.name: found.version for found in importlib.metadata.distributions()
    }
    versions = [
        f"{name} {installed[name]}" for name in sorted(packages & installed.keys())
    ]
    title = ", ".join([f"Python {platform.python_version()}", *versions])
    plugins = request.config.pluginmanager
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        print(
            f"\n{title}",
            *lines,
            memory(cache_method_in_place),
            memory(set_by_hand),
            sep="\n",
        )


def memory(patch):
    def measure(act):
        gc.collect()
        tracemalloc.start()
        act()
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size / 1000

    clients = [Timed() for _ in range(1000)]
    patch(Timed(), "one", maxsize=None)
    method = measure(lambda: [patch(client, "one", maxsize=None) for client in clients])
    numbers = list(range(10**6, 10**6 + 1000))
    entry = measure(lambda: list(map(clients[0].one, numbers)))
    return (
        f"{method:6.0f} bytes a cached method, {entry:.0f} an entry: {patch.__name__}"
    )


@pytest.fixture
def _on_demand(request):
    library("pytest_benchmark")
    if not request.config.getoption("benchmark_only"):
        pytest.skip("benchmarks run on demand: pytest --benchmark-only")


if importlib.util.find_spec("pytest_benchmark") is None:

    @pytest.fixture
    def benchmark():
        library("pytest_benchmark")


@pytest.fixture
def race(_on_demand, benchmark, ratios, request):
    """Time a statement, and how many times as long it takes as one that is written by hand."""

    def run(statement, names, by_hand, names_by_hand, number=20_000, rounds=100):
        benchmark.group = request.node.originalname
        # Each has a code object of its own, as the interpreter adapts that to what it sees.
        ours = timeit.Timer(statement, globals=names)
        theirs = timeit.Timer(by_hand, globals=names_by_hand)
        times = []
        benchmark.pedantic(
            lambda: ours.timeit(number),
            setup=lambda: times.append(theirs.timeit(number)),
            rounds=rounds,
            warmup_rounds=2,
        )
        pairs = list(zip(benchmark.stats.stats.data, times[-rounds:], strict=True))
        ratio = statistics.median(mine / other for mine, other in pairs)
        extra = statistics.median(mine - other for mine, other in pairs) / number * 1e6
        name = request.node.name.removeprefix("test_")
        ratios.append(f"{ratio:6.2f} times as long, {extra:+.3f} us: {name}")

    return run


class Timed:
    """What the article calls the client; small, so that nothing hides what a cache costs."""

    def __init__(self):
        self.user = "ann"

    def one(self, arg):
        return arg

    def two(self, arg):
        return arg


class ByHand(Timed):
    def __init__(self):
        super().__init__()
        self.one = functools.lru_cache(maxsize=1000)(self.one)


class OnTheClass(Timed):
    one = functools.lru_cache(maxsize=1000)(Timed.one)


class BySubclass(Timed):
    def __getattribute__(self, name):
        value = super().__getattribute__(name)
        if isinstance(value, types.MethodType):
            value = functools.lru_cache(maxsize=1000)(value)
            setattr(self, name, value)
        return value


class ByProxy:
    def __init__(self):
        self._target = Timed()

    def __getattr__(self, name):
        value = getattr(self._target, name)
        if isinstance(value, types.MethodType):
            value = functools.lru_cache(maxsize=1000)(value)
            setattr(self, name, value)
        return value


def ByWraptProxy():
    class Proxy(library("wrapt").ObjectProxy):
        def __init__(self):
            super().__init__(Timed())
            self._self_cached = {}

        def __getattr__(self, name):
            cached = self._self_cached
            if name not in cached:
                value = super().__getattr__(name)
                if not isinstance(value, types.MethodType):
                    return value
                cached[name] = functools.lru_cache(maxsize=1000)(value)
            return cached[name]

    return Proxy()


def ByWrapt():
    class Cached(Timed):
        one = library("wrapt").lru_cache(maxsize=1000)(Timed.one)

    return Cached()


def ByCachetools():
    cachetools = library("cachetools")

    class Cached(Timed):
        one = cachetools.cachedmethod(lambda self: self.cache)(Timed.one)

        def __init__(self):
            super().__init__()
            self.cache = cachetools.LRUCache(1000)

    return Cached()


def ByMethodtools():
    class Cached(Timed):
        @library("methodtools").lru_cache(maxsize=1000)
        def one(self, arg):
            return arg

    return Cached()


def ByJaraco():
    method_cache = library("jaraco.functools").method_cache

    class Cached(Timed):
        one = method_cache(Timed.one, functools.lru_cache(maxsize=1000))

    return Cached()


def by_the_recipe_for_expiry():
    client = Timed()
    client.get_user = client.get_repo = client.one
    names = {**vars(cache_inplace), "client": client}
    exec(RECIPES["Expiry (TTL)"], names)
    cache_method_in_place(client, "one", decorator=names["for_a_minute"])
    return client


def by_cachebox():
    cachebox = library("cachebox")
    client = Timed()
    cache = cachebox.TTLCache(1000, 60)
    cache_method_in_place(client, "one", decorator=cachebox.cached(cache))
    return client


def fresh():
    """Of a class of its own, as dir() of one instance makes others slower, too."""
    return type("Fresh", (Timed,), {})()


def by_name():
    client = fresh()
    cache_method_in_place(client, "one", maxsize=1000)
    return client


def by_predicate():
    client = fresh()
    cache_methods_in_place(client, "one".__eq__, maxsize=1000)
    return client


MAKERS = [
    by_name,
    by_predicate,
    ByHand,
    OnTheClass,
    BySubclass,
    ByProxy,
    ByWraptProxy,
    ByWrapt,
    ByCachetools,
    ByMethodtools,
    ByJaraco,
    by_the_recipe_for_expiry,
    by_cachebox,
]


@pytest.mark.parametrize("make", MAKERS)
def test_hit(race, make):
    client, other = make(), ByHand()
    assert client.one(1) == client.one(1) == other.one(1) == 1
    race("client.one(1)", {"client": client}, "client.one(1)", {"client": other})


def test_miss(race):
    client, other = Timed(), Timed()
    cache_method_in_place(client, "one", maxsize=0)
    set_by_hand(other, "one", 0)
    race("client.one(1)", {"client": client}, "client.one(1)", {"client": other})


@pytest.mark.parametrize(
    "statement", ["client.user", "client.user = 1", "client.two(1)"]
)
@pytest.mark.parametrize("make", [by_name, by_predicate])
def test_rest(race, make, statement):
    race(statement, {"client": make()}, statement, {"client": ByHand()})


@pytest.mark.parametrize("statement", ["client.one(1)", "client.two(1)", "client.user"])
@pytest.mark.parametrize("make", [by_name, by_predicate])
def test_sibling(race, make, statement):
    patched, patched_by_hand = make(), fresh()
    set_by_hand(patched_by_hand, "one", 1000)
    client, other = type(patched)(), type(patched_by_hand)()
    race(statement, {"client": client}, statement, {"client": other})


def test_patch(race):
    race(
        "cache_method_in_place(Timed(), 'one', maxsize=1000)",
        globals(),
        "set_by_hand(Timed(), 'one', 1000)",
        globals(),
        number=300,
    )


def test_patch_and_undo(race):
    race(
        "cache_method_in_place(client, 'one', maxsize=1000); uncache(client)",
        {**globals(), "client": Timed()},
        "set_by_hand(client, 'one', 1000); del client.one",
        {**globals(), "client": Timed()},
        number=300,
    )


Big = type("Big", (Timed,), {f"get_{n}": lambda self, arg: arg for n in range(300)})


def test_patch_and_undo_300(race):
    race(
        "cache_methods_in_place(client, re.compile('get_').match, maxsize=1000); uncache(client)",
        {**globals(), "client": Big()},
        "for name in filter(re.compile('get_').match, dir(client)): set_by_hand(client, name, 1000)\n"
        "for name in filter(re.compile('get_').match, dir(client)): delattr(client, name)",
        {**globals(), "client": Big()},
        number=2,
    )
