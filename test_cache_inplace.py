"""Tests of cache_inplace, by real objects wherever there are any.

The sections are called what the README calls them. pytest and hypothesis are needed.
All other libraries are imported where they are used; the test is skipped if one is missing.
"""

import asyncio
import collections
import concurrent.futures
import contextlib
import contextvars
import copy
import ctypes
import dataclasses
import fractions
import functools
import gc
import http.server
import importlib.util
import inspect
import io
import itertools
import json
import multiprocessing
import os
import pathlib
import pickle
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import types
import weakref
import xmlrpc.client
import xmlrpc.server
from unittest import mock

import hypothesis
import hypothesis.stateful
import hypothesis.strategies as st
import pytest

import cache_inplace
from cache_inplace import cache_method_in_place, cache_methods_in_place, cached_methods, uncache

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


# The objects that are cached


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


class Slotted:
    __slots__ = ("calls",)

    def one(self, arg):
        return arg


class SlotsAndDict:
    __slots__ = ("__dict__", "user")

    def __init__(self, user="ann"):
        self.user = user

    def __getstate__(self):  # which pickle's protocols 0 and 1 ask for
        return vars(self), {"user": self.user}

    def __setstate__(self, state):
        vars(self).update(state[0])
        self.user = state[1]["user"]

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


class Unhashable(Client):
    __hash__ = None


class NoWeakrefs:
    __slots__ = ("__dict__",)

    def one(self, arg):
        return f"ann:{arg}"


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


def by_arguments(*args, **kwargs):
    return args, tuple(sorted(kwargs.items()))


# What holds for a cached method holds for each of these.
OPTIONS = {
    "plain": {},
    "ttl": {"ttl": 1000},
    "key": {"key": by_arguments},
    "ttl and key": {"ttl": 1000, "key": by_arguments},
}
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


# Caching a method


@every_option
def test_a_cached_method_asks_once(client, options):
    cache_method_in_place(client, "one", **options)
    assert client.one(1) == client.one(1) == "ann:1"
    assert client.calls == [("one", 1)]


def test_all_who_hold_the_object_use_the_cache_and_so_do_its_own_methods(client):
    cache_method_in_place(client, "one")
    client.one(1)
    assert client.both(1) == ("ann:1", ["ann", 1])
    assert client.calls == [("one", 1), ("two", 1)]


@every_option
def test_two_clients_share_no_results(client, options):
    other = Client("bob")
    for one in client, other:
        cache_method_in_place(one, "one", **options)
    assert (client.one(1), other.one(1)) == ("ann:1", "bob:1")


def test_the_class_and_its_other_instances_stay_as_they_were(client):
    in_class = dict(vars(Client))
    cache_method_in_place(client, "one")
    assert vars(Client) == in_class
    assert "one" not in vars(Client())


def test_all_names_the_public_functions():
    public = {
        name
        for name, value in vars(cache_inplace).items()
        if inspect.isfunction(value) and value.__module__ == "cache_inplace" and name[0] != "_"
    }
    assert set(cache_inplace.__all__) == public


@pytest.mark.parametrize("function", [cache_method_in_place, cache_methods_in_place])
def test_the_signature_has_each_option_with_its_default(function):
    parameters = list(inspect.signature(function).parameters.values())[2:]
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)
    defaults = {parameter.name: parameter.default for parameter in parameters}
    of_lru_cache = functools.lru_cache()(len).cache_parameters()
    assert defaults == {**of_lru_cache, "ttl": None, "key": None, "decorator": None}


def test_without_ttl_and_key_it_is_the_very_object_of_lru_cache(client):
    cached = cache_method_in_place(client, "one")
    assert type(cached) is type(functools.lru_cache(len))
    assert vars(client)["one"] is cached
    assert cached.cache_parameters() == {"maxsize": 128, "typed": False}


@every_option
def test_maxsize_and_typed_go_to_lru_cache(client, options):
    options = {"maxsize": 1, "typed": True, **options}
    cached = cache_methods_in_place(client, ["one"], **options)["one"]
    parameters = cached.cache_parameters()
    assert (parameters["maxsize"], parameters["typed"]) == (1, True)
    client.one(1.0)
    client.one(2)
    assert cached.cache_info() == (0, 2, 1, 1)


@every_option
@pytest.mark.parametrize("maxsize", [None, 0, -1, 1000], ids=repr)
def test_maxsize_is_what_lru_cache_takes(client, maxsize, options):
    cached = cache_method_in_place(client, "one", maxsize=maxsize, **options)
    by_hand = functools.lru_cache(maxsize=maxsize)(Client().one)
    for method in cached, by_hand:
        method(1), method(1), method(2)
    assert cached.cache_info() == by_hand.cache_info()


@every_option
def test_hit_rates_can_be_looked_at_and_caches_cleared(client, options):
    cached = cache_method_in_place(client, "one", maxsize=5, **options)
    client.one(1)
    client.one(1)
    assert cached.cache_info() == (1, 1, 5, 1)
    assert type(cached.cache_info()) is type(functools.lru_cache(len).cache_info())
    cached.cache_clear()
    assert cached.cache_info() == (0, 0, 5, 0)
    client.one(1)
    assert client.calls == [("one", 1), ("one", 1)]


@every_option
def test_wrapped_is_the_bound_method(client, options):
    plain = client.one
    assert cache_method_in_place(client, "one", **options).__wrapped__ == plain


@every_option
def test_name_docstring_and_signature_are_those_of_the_method(client, options):
    plain = client.one
    cached = cache_method_in_place(client, "one", **options)
    for attribute in "__name__", "__qualname__", "__doc__", "__module__":
        assert getattr(cached, attribute) == getattr(plain, attribute)
    assert inspect.signature(cached) == inspect.signature(plain)


@every_option
def test_a_method_without_a_name_is_given_none(options):
    assert not hasattr(cache_method_in_place(Stored(), "get", **options), "__qualname__")


class Decorated(Client):
    """A client whose methods carry attributes, as those of tenacity do."""

    def one(self, arg):
        return f"{self.user}:{arg}"

    one.retry_with = retry_with = functools.partial(one, None)
    one.__dict__ |= {
        name: mock.Mock(side_effect=AssertionError)
        for name in (
            *("cache_info", "cache_parameters", "__call__", "__wrapped__"),
            *("__deepcopy__", "__reduce_ex__", "__cache_inplace__", "__name__"),
            *("_entry", "_key", "_new_entry", "_ttl", "_ask", "__class__"),
        )
    }
    one.__signature__ = inspect.signature(Client.one)
    one.__deprecated__ = "soon"


@every_option
def test_attributes_that_the_method_carries_are_reached_and_disturb_nothing(options):
    client = Decorated()
    signature = inspect.signature(client.one)
    cached = cache_method_in_place(client, "one", **options)
    assert client.one.retry_with is Decorated.retry_with
    assert client.one.__deprecated__ == "soon"
    assert client.one(1) == client.one(1) == "ann:1"
    assert cached.cache_info()[:2] == (1, 1)
    assert cached.cache_parameters()["maxsize"] == 128
    assert cached.__wrapped__.__func__ is Decorated.one
    assert inspect.signature(cached) == signature
    assert cached_methods(client) == {"one": cached}
    assert copy.deepcopy(client).one.__func__ is Decorated.one
    assert uncache(client) == ["one"]


@every_option
def test_the_retry_with_of_a_tenacity_method_is_reached(options):
    tenacity = library("tenacity")

    class Retrying(Client):
        one = tenacity.retry(stop=tenacity.stop_after_attempt(1))(Client.one)

    client = Retrying()
    cache_method_in_place(client, "one", **options)
    again = client.one.retry_with(stop=tenacity.stop_after_attempt(2))
    assert again(client, 1) == client.one(1) == "ann:1"


@every_option
def test_exceptions_pass_through_and_leave_nothing_behind(client, options):
    cached = cache_method_in_place(client, "fail", **options)
    for _ in range(2):
        with pytest.raises(Client.Error, match="boom"):
            client.fail("boom")
    assert len(client.calls) == 2
    assert cached.cache_info() == (0, 2, 128, 0)
    with pytest.raises(TypeError, match="unexpected keyword"):
        cache_method_in_place(client, "one", **options)(1, nonsense=2)


@every_option
def test_a_result_of_none_is_cached(options):
    client = Client()
    client.nothing = mock.Mock(return_value=None)
    cache_method_in_place(client, "nothing", **options)
    assert client.nothing() is client.nothing() is None
    client.nothing.__wrapped__.assert_called_once()


@every_option
def test_any_argument_reaches_the_method(options):
    class Keywords:
        def one(*args, **kwargs):
            return args[1:], kwargs

    names = "self key name obj args kwargs call method record ttl func user_function"
    kwargs = dict.fromkeys(names.split(), 1)
    cached = cache_method_in_place(Keywords(), "one", **options)
    for _ in range(2):
        assert cached(1, (), **kwargs) == ((1, ()), kwargs)
    assert cached.cache_info()[:2] == (1, 1)


def test_results_are_shared(client):
    cache_method_in_place(client, "two")
    client.two(1).append("changed")
    assert client.two(1) == ["ann", 1, "changed"]


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


def test_equal_arguments_share_an_entry_unless_typed(client):
    for typed, misses in (False, 2), (True, 4):
        for ttl in None, 1000:
            cached = cache_method_in_place(client, "one", typed=typed, ttl=ttl)
            for arg in 1.0, True:
                client.one(arg)
                client.one(arg, upper=False)
            assert cached.cache_info().misses == misses


def test_unhashable_arguments_reach_the_caller_as_the_error_of_lru_cache(client):
    for ttl in None, 1000:
        cache_method_in_place(client, "one", ttl=ttl)
        with pytest.raises(TypeError, match="unhashable type: 'dict'"):
            client.one({})
    assert client.calls == []


# Kinds of methods


def test_a_private_method_is_cached_by_name(client):
    cache_method_in_place(client, "_get")
    assert client._get(1) == client._get(1) == 1
    assert client.calls == [("_get", 1)]


@every_option
def test_a_method_that_getattr_makes_up_is_cached_by_name(options):
    dynamic = Dynamic()
    cache_method_in_place(dynamic, "get_user", **options)
    assert dynamic.get_user(1) == dynamic.get_user(1) == "ann:get_user:1"
    assert dynamic.calls == [("get_user", 1)]


class Kinds(Client):
    by_partial = functools.partialmethod(Client.one, upper=True)
    partial = staticmethod(functools.partial(fractions.Fraction, 1))
    builtin = len

    @functools.singledispatchmethod
    def by_type(self, arg):
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


@every_option
@pytest.mark.parametrize(
    ("name", "arg", "result"),
    [
        ("by_partial", "x", "ANN:X"),
        ("partial", 2, fractions.Fraction(1, 2)),
        ("builtin", "abc", 3),
        ("by_type", "x", "ann:x"),
        ("decorated", "x", "ann:x"),
        ("of_class", "x", (Kinds, "x")),
        ("static", "x", ["x"]),
    ],
)
def test_every_kind_of_method_can_be_cached(name, arg, result, options):
    kinds = WraptKinds() if name == "decorated" else Kinds()
    before = entries(kinds)
    cached = cache_methods_in_place(kinds, name.__eq__, **options)[name]
    assert getattr(kinds, name)(arg) == getattr(kinds, name)(arg) == result
    assert cached.cache_info()[:2] == (1, 1)
    assert uncache(kinds) == [name]
    assert entries(kinds) == before
    assert getattr(kinds, name)(arg) == result


class Endpoint:
    """A descriptor that isn't callable, but gives a method when it is read, as ccxt's."""

    def __init__(self, function):
        self.function = function

    def __get__(self, obj, owner=None):
        return self if obj is None else self.function.__get__(obj, owner)


class WithEndpoint(Client):
    ticker = Endpoint(Client.one)


@every_option
def test_a_descriptor_that_gives_a_method_is_cached_by_name(options):
    client = WithEndpoint()
    cache_method_in_place(client, "ticker", **options)
    assert client.ticker(1) == client.ticker(1) == "ann:1"
    assert client.calls == [("one", 1)]
    clone = copy.deepcopy(client)
    clone.user = "bob"
    assert clone.ticker(1) == "bob:1"
    assert uncache(client) == ["ticker"]
    assert list(vars(client)) == ["user", "calls"]


class Descriptor:
    """Like the cached properties of other libraries, it can only be read."""

    def __get__(self, instance, owner):
        instance.calls.append("computed")
        return lambda: None


class DataDescriptor(Descriptor):
    def __set__(self, instance, value):
        raise AssertionError

    def __call__(self):
        raise AssertionError


class Computed(Client):
    __slots__ = ("slot",)
    data = DataDescriptor()
    descriptor = Descriptor()

    def __init__(self):
        super().__init__()
        self.slot = len


@pytest.mark.parametrize("name", ["session", "chat", "slot", "data"])
def test_a_property_is_refused_without_evaluating_it(name):
    client = Computed()
    with pytest.raises(TypeError, match=f"'{name}' of 'Computed' is '.*', not a method; "):
        cache_method_in_place(client, name)
    assert client.calls == []


class MemoizedOnClass(Client):
    """A client that empties the cache that its class has, when something changes."""

    @functools.lru_cache
    def get(self, arg):
        return [arg]

    @staticmethod
    @functools.cache
    def static(arg):
        return [arg]

    def hand_made(self, arg):
        return [arg]

    hand_made.cache_clear = lambda: None

    def change(self):
        self.get.cache_clear()


class Wire:
    """What methodtools puts on an object passes on the attributes of a cache."""

    def __getattr__(self, name):
        return getattr(functools.lru_cache(len), name)

    def __call__(self, arg):
        raise AssertionError


@pytest.mark.parametrize("decorator", [None, functools.partial])
@pytest.mark.parametrize("name", ["get", "static", "hand_made", "held", "wire"])
def test_a_method_with_a_cache_of_its_own_is_refused(name, decorator):
    client = MemoizedOnClass()
    client.held, client.wire = functools.lru_cache(len), Wire()
    before = entries(client)
    with pytest.raises(TypeError, match=f"'{name}' of 'MemoizedOnClass' has a cache of its own; "):
        cache_method_in_place(client, name, decorator=decorator)
    assert entries(client) == before
    first = client.get(1)
    client.change()
    assert client.get(1) is not first


# Several methods, and predicates


def test_caching_returns_what_it_set(client):
    assert cache_method_in_place(client, "one") is client.one
    assert cache_methods_in_place(client, ["two", "one"]) == {"two": client.two, "one": client.one}


def test_an_empty_iterable_does_nothing(client):
    before = entries(client)
    assert cache_methods_in_place(client, []) == {}
    assert entries(client) == before


def test_a_name_given_twice_counts_once(client):
    made = []

    def decorator(method):
        made.append(method)
        return functools.partial(method)

    names = iter(["one", "one"])
    assert list(cache_methods_in_place(client, names, decorator=decorator)) == ["one"]
    assert len(made) == 1


PUBLIC = [name for name in dir(Client) if not name.startswith("_")]
METHODS = {"one", "two", "both", "fail", "of_class", "static"}


def test_a_predicate_is_called_with_the_public_names_of_the_class(client):
    asked = []
    assert cache_methods_in_place(client, lambda name: asked.append(name) or name == "one")
    assert asked == PUBLIC


def test_a_predicate_is_called_with_what_the_object_holds_only_if_it_selects_nothing(client):
    asked = []
    with pytest.raises(ValueError, match="predicate selects no method"):
        cache_methods_in_place(client, asked.append)
    assert asked == [*PUBLIC, "calls", "user"]


@pytest.mark.parametrize(
    "predicate",
    [re.compile("one|two").match, {"one": 1, "two": "yes", "_get": 1}.get, ["one", "two"].count],
    ids=["match", "get", "count"],
)
def test_anything_truthy_selects(client, predicate):
    assert cache_methods_in_place(client, predicate).keys() == {"one", "two"}


def test_a_predicate_skips_properties_classes_values_and_callbacks():
    class Session(Computed):
        on_put = None
        factory = Client

    client = Session()
    client.on_get = client.on_put = len
    assert cache_methods_in_place(client, lambda _: True).keys() == METHODS
    assert client.calls == []
    assert vars(client)["on_get"] is vars(client)["on_put"] is len


def test_a_predicate_finds_the_methods_of_a_stub_which_are_all_its_own():
    class Stub:
        def __init__(self):
            self.Check = functools.partial(Client().one)
            self.Watch = functools.partial(Client().two)
            self.target, self._private, self.Class = "localhost", len, Client

    assert cache_methods_in_place(Stub(), lambda _: True).keys() == {"Check", "Watch"}


@pytest.mark.parametrize("bad", ["get_async", "get_cached"])
def test_a_predicate_that_selects_something_uncachable_is_refused_as_a_whole(bad):
    class Mixed(Client):
        async def get_async(self):
            raise AssertionError

        get_cached = functools.lru_cache(Client.one)

    mixed = Mixed()
    before = entries(mixed)
    with pytest.raises(TypeError, match=f"'{bad}' of 'Mixed' "):
        cache_methods_in_place(mixed, ["one", bad].count)
    assert entries(mixed) == before


class Directory(Client):
    def __dir__(self):
        return ["one", "_get"]


class Metaclass(type):
    def __dir__(cls):
        return []


class OfMetaclass(Client, metaclass=Metaclass):
    pass


@pytest.mark.parametrize(
    ("make", "found"), [(Directory, {"one"}), (OfMetaclass, METHODS)], ids=["class", "metaclass"]
)
def test_a_predicate_respects_the_dir_of_the_class_and_not_that_of_the_metaclass(make, found):
    assert cache_methods_in_place(make(), lambda _: True).keys() == found


def test_what_only_dir_lists_is_fetched_to_see_once_the_predicate_accepts_it():
    dynamic = Dynamic()
    assert cache_methods_in_place(dynamic, re.compile("get_u|gone|url").match).keys() == {
        "get_user"
    }
    assert set(dynamic.made) == {"get_user", "gone", "url"}


# All or nothing


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


class Stubborn(Client):
    """What is set on it takes, unless it is called two."""

    def __getattribute__(self, name):
        if name == "two":
            return functools.partial(Client.two, self)
        return super().__getattribute__(name)


class Exploding(Client):
    def __getattribute__(self, name):
        if name == "two" and "two" in super().__getattribute__("__dict__"):
            raise KeyboardInterrupt
        return super().__getattribute__(name)


@pytest.mark.parametrize(("cls", "error"), [(Stubborn, TypeError), (Exploding, KeyboardInterrupt)])
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


# Expiry


@pytest.fixture
def clock(monkeypatch):
    """A function that lets some seconds pass; otherwise, time stands still."""
    now = time.monotonic()

    def wait(seconds):
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now)
    return wait


def test_a_result_is_served_for_ttl_seconds_and_then_asked_for_again(client, clock):
    cache_method_in_place(client, "one", ttl=60)
    for pause, asked in (0, 1), (59, 1), (2, 2), (58, 2), (100, 3):
        clock(pause)
        assert client.one(1) == "ann:1"
        assert len(client.calls) == asked


def test_each_result_expires_by_itself(client, clock):
    cache_method_in_place(client, "one", ttl=60)
    client.one("a")
    clock(40)
    client.one("b")
    clock(40)
    client.one("a"), client.one("b")
    assert [arg for _, arg in client.calls] == ["a", "b", "a"]


def test_the_seconds_are_counted_from_when_the_method_has_returned(clock):
    client = Client()
    client.slow = lambda: clock(50) or client.calls.append("slow")
    cache_method_in_place(client, "slow", ttl=10)
    client.slow()
    clock(9)
    client.slow()
    assert client.calls == ["slow"]


def test_a_result_is_served_even_if_it_expires_at_once(client):
    cache_method_in_place(client, "one", ttl=5e-324)
    for asked in 1, 2, 3:
        assert client.one(1) == "ann:1"
        assert len(client.calls) == asked


@pytest.mark.parametrize("ttl", [None, 0.5, 3, float("inf")], ids=repr)
def test_cache_parameters_has_the_ttl_as_it_was_given(client, ttl):
    cached = cache_method_in_place(client, "one", ttl=ttl, key=by_arguments)
    parameters = cached.cache_parameters()
    assert parameters == {"maxsize": 128, "typed": False, "ttl": ttl}
    parameters.clear()
    assert cached.cache_parameters()["ttl"] == ttl


def test_a_call_that_finds_only_an_expired_result_is_a_miss(client, clock):
    cached = cache_method_in_place(client, "one", ttl=60)
    client.one(1), client.one(1)
    clock(61)
    client.one(1), client.one(1)
    assert cached.cache_info() == (2, 2, 128, 1)
    cached.cache_clear()
    assert cached.cache_info() == (0, 0, 128, 0)


def test_an_expired_result_is_replaced_where_it_was(client, clock):
    cached = cache_method_in_place(client, "one", maxsize=2, ttl=60)
    client.one("a"), client.one("b")
    clock(61)
    client.one("a")  # now the last one used
    client.one("c")
    client.calls.clear()
    client.one("a"), client.one("c")
    assert client.calls == []
    assert cached.cache_info().currsize == 2


def test_if_a_call_fails_an_expired_result_is_not_served(clock):
    client = Client()
    client.flaky = mock.Mock(side_effect=["first", ConnectionError, "second"])
    cached = cache_method_in_place(client, "flaky", ttl=60)
    assert client.flaky() == client.flaky() == "first"
    clock(61)
    with pytest.raises(ConnectionError):
        client.flaky()
    assert client.flaky() == client.flaky() == "second"
    assert cached.cache_info() == (2, 3, 128, 1)


def test_a_result_that_can_be_used_only_once_is_refused_when_another_has_expired(clock):
    client = Client()
    client.result = mock.Mock(side_effect=[[1], iter([1])])
    cache_method_in_place(client, "result", ttl=60)
    assert client.result() == [1]
    clock(61)
    with pytest.raises(TypeError, match="'result' of 'Client' was called"):
        client.result()


def test_threads_that_find_an_expired_result_count_their_misses(clock):
    client = Busy(8)
    cached = cache_method_in_place(client, "get_user", ttl=60)
    for _ in range(2):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert list(pool.map(client.get_user, ["ann"] * 8)) == ["Ann"] * 8
        clock(61)
    assert cached.cache_info() == (0, 16, 128, 1)


# Keys


def by_json(*args, **kwargs):
    return json.dumps([args, kwargs], sort_keys=True)


def test_by_a_key_dicts_and_lists_are_arguments_like_others():
    cloud = Cloud()
    cached = cache_method_in_place(cloud, "get", key=by_json)
    assert cloud.get("/", params={"a": [1], "b": 2}) is cloud.get("/", params={"b": 2, "a": [1]})
    assert cloud.get("/", params={"a": [1]}) == [("/",), {"params": {"a": [1]}}]
    assert cached.cache_info()[:2] == (1, 2)


def test_calls_with_equal_keys_share_a_result(client):
    cached = cache_method_in_place(client, "one", key=lambda arg: arg.lower())
    assert client.one("A") == client.one("a") == "ann:A"
    assert cached.cache_info()[:2] == (1, 1)


def test_typed_tells_apart_keys_of_different_types(client):
    for typed, misses in (False, 1), (True, 2):
        cached = cache_method_in_place(client, "one", typed=typed, key=lambda arg: arg)
        client.one(1), client.one(1.0), client.one(1)
        assert cached.cache_info().misses == misses


def test_the_method_gets_the_arguments_of_the_call_also_when_a_result_has_expired(client, clock):
    cache_method_in_place(client, "one", ttl=60, key=lambda arg: arg.lower())
    assert client.one("A") == client.one("a") == "ann:A"
    clock(61)
    assert client.one("a") == client.one("A") == "ann:a"


@pytest.mark.parametrize("ttl", [None, 60])
def test_an_error_in_the_key_reaches_the_caller_and_nothing_is_asked(client, ttl):
    for key, error in (by_json, "not JSON serializable"), (list, "unhashable"):
        cached = cache_method_in_place(client, "one", key=lambda a, key=key: key(a))
        with pytest.raises(TypeError, match=error):
            client.one({1, 2})
        assert cached.cache_info() == (0, 0, 128, 0)
    assert client.calls == []


def test_a_key_function_may_be_false(client):
    class Key:
        def __len__(self):
            return 0

        def __call__(self, arg):
            return "always the same"

    cache_method_in_place(client, "one", key=Key())
    assert client.one(1) == client.one(2) == "ann:1"


# Expiry and keys, compared with lru_cache by hand


class Recursive(Client):
    """A client whose method calls itself, and fails for some arguments."""

    def one(self, arg):
        self.calls.append(arg)
        if arg % 7 == 6:
            raise self.Error(arg)
        return [arg, self.one(arg // 2)] if arg else []


@every_option
@hypothesis.given(
    args=st.lists(st.integers(0, 20) | st.none(), max_size=30),
    maxsize=st.sampled_from([0, 1, 2, 5, None]),
    typed=st.booleans(),
)
def test_any_calls_have_the_results_counts_and_evictions_of_lru_cache(
    options, args, maxsize, typed
):
    ours, by_hand = Recursive(), Recursive()
    cache_method_in_place(ours, "one", maxsize=maxsize, typed=typed, **options)
    by_hand.one = functools.lru_cache(maxsize, typed)(by_hand.one)
    for arg in args:
        outcomes = []
        for client in ours, by_hand:
            try:
                if arg is None:
                    client.one.cache_clear()
                outcomes.append(arg if arg is None else client.one(arg))
            except Client.Error as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]
        assert ours.calls == by_hand.calls
        assert ours.one.cache_info() == by_hand.one.cache_info()


@hypothesis.given(
    calls=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=40),
    maxsize=st.integers(0, 4),
    key=st.sampled_from([None, by_arguments]),
)
def test_any_calls_at_any_time_have_results_that_are_younger_than_ttl(calls, maxsize, key):
    now, asked, kept = 0, [], collections.OrderedDict()
    client = Client()
    client.ask = lambda arg: asked.append(arg) or (arg, now)
    with mock.patch.object(time, "monotonic", side_effect=lambda: now):
        cached = cache_method_in_place(client, "ask", maxsize=maxsize, ttl=5, key=key)
        for arg, pause in calls:
            now += pause
            if arg not in kept or now - kept[arg] >= 5:
                kept[arg] = now
            kept.move_to_end(arg)
            assert client.ask(arg) == (arg, kept[arg])
            if len(kept) > maxsize:
                kept.popitem(last=False)
            info = cached.cache_info()
            assert (info.misses, info.currsize) == (len(asked), len(kept))
    assert info.hits + info.misses == len(calls) if calls else True


# Decorators


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


def test_with_a_decorator_results_are_not_checked():
    client = Results()
    cache_methods_in_place(client, ["result", "coroutine"], decorator=functools.lru_cache())
    make = iter([]).__iter__
    assert client.result(make) is client.result(make)
    coroutine = client.coroutine()
    assert client.coroutine() is coroutine
    coroutine.close()


@pytest.mark.parametrize(
    "decorator",
    [lambda method: method, lambda method: method.__func__, lambda _: Client().one, by_wrapt],
    ids=["method", "function", "another's method", "wrapt"],
)
def test_a_decorator_that_returns_no_new_function_is_refused(client, decorator):
    before = entries(client)
    with pytest.raises(TypeError, match=r"'one' of 'Client' was decorated into .*, whi"):
        cache_method_in_place(client, "one", decorator=decorator)
    assert entries(client) == before
    assert vars(Client.one) == {}


def test_a_decorator_that_returns_the_stored_function_itself_is_refused():
    stored = Stored()
    with pytest.raises(TypeError, match="isn't new; return a new function each time"):
        cache_method_in_place(stored, "get", decorator=lambda method: method)
    assert cached_methods(stored) == {}


class SlottedCallable:
    __slots__ = ()

    def __call__(self):
        raise AssertionError


@pytest.mark.parametrize(
    "product",
    [SlottedCallable(), [].append, dict, Client().two],
    ids=["slots", "builtin", "class", "bound method"],
)
def test_a_product_that_takes_no_attributes_is_refused(client, product):
    before = entries(client)
    with pytest.raises(TypeError, match="takes no attributes; return a function"):
        cache_method_in_place(client, "one", decorator=lambda _: product)
    assert entries(client) == before


@pytest.mark.parametrize("other", ["same object", "another object"])
def test_a_decorator_that_returns_the_same_function_twice_is_refused(client, other):
    decorator = functools.cache(lambda _: functools.partial(len))
    other = client if other == "same object" else Client()
    product = functools.partial(len)
    cache_method_in_place(client, "one", decorator=lambda _: product)
    with pytest.raises(TypeError, match="isn't new; return a new function each time"):
        cache_method_in_place(other, "one", decorator=lambda _: product)
    with pytest.raises(TypeError, match="isn't new"):
        cache_methods_in_place(Client(), ["one", "two"], decorator=lambda _: decorator(0))
    assert cached_methods(client) == {"one": product}
    assert uncache(client) == ["one"]


# Results that can be used only once


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


def a_cursor():
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        return connection.execute("select 1")


class OldCursor:
    """Like those of PyMySQL 1.0 and psycopg 3.2, which have no __next__."""

    def __iter__(self):
        raise AssertionError

    def fetchone(self):
        raise AssertionError


class OldAsyncCursor(OldCursor):
    __iter__ = None

    def __aiter__(self):
        raise AssertionError


ONE_SHOTS = [
    lambda: (n for n in range(3)),
    lambda: iter([1]),
    lambda: map(str, [1]),
    lambda: itertools.chain([1]),
    lambda: enumerate([1]),
    io.StringIO,
    a_cursor,
    OldCursor,
    OldAsyncCursor,
    a_coroutine,
    an_async_generator,
    a_generator_based_coroutine,
    a_future,
    Awaitable,
    contextlib.contextmanager(lambda: (yield)),
    contextlib.asynccontextmanager(an_async_generator),
    mock.AsyncMock(),
]


@every_option
@pytest.mark.parametrize("make", ONE_SHOTS, ids=lambda make: getattr(make, "__name__", "mock"))
def test_an_iterator_a_cursor_or_an_awaitable_as_a_result_is_refused_and_not_cached(make, options):
    client = Results()
    cached = cache_method_in_place(client, "result", **options)
    for _ in range(2):
        with pytest.raises(TypeError, match="'result' of 'Results' was called, but its result, "):
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


@every_option
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
        mock.NonCallableMagicMock,
        lambda: mock.MagicMock(spec=io.StringIO),
        lambda: mock.create_autospec(Client)(),
        lambda: mock.create_autospec(Client, instance=True),
        contextlib.nullcontext,
        threading.Lock,
        lambda: library("pandas").DataFrame({"a": [1]}),
    ],
)
def test_every_other_result_is_cached_as_it_is(make, options):
    client = Results()
    cache_method_in_place(client, "result", **options)
    assert client.result(make) is client.result(make)
    assert client.calls == [make]


proxies = pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy])


@proxies
@pytest.mark.parametrize(
    "make",
    [lambda: iter([1]), a_cursor, OldCursor, a_coroutine, a_future],
    ids=lambda make: make.__name__,
)
def test_a_result_that_can_be_used_only_once_is_refused_behind_a_proxy_too(make, proxy):
    client = Results()
    cached = cache_method_in_place(client, "result")
    proxy(client)  # if it can't be imported, before a coroutine waits for nothing
    result = make()
    with pytest.raises(TypeError, match="'result' of 'Results' was called, but its result, "):
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


@every_option
@pytest.mark.parametrize("name", ["coroutine", "generator", "async_generator", "mocked"])
def test_a_coroutine_or_generator_function_is_refused_when_it_is_patched(name, options):
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
        TypeError, match=f"'{name}' of 'OneShots' is a coroutine or generator function,"
    ):
        cache_method_in_place(one_shots, name, **options)
    assert vars(one_shots) == {}


# Caching again


@every_option
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
def test_caching_again_replaces_the_cache_and_caches_never_stack(make, name, options):
    obj = make()
    before = entries(obj)
    first = cache_method_in_place(obj, name, maxsize=3, **options)
    getattr(obj, name)(1)
    second = cache_method_in_place(obj, name, maxsize=4)
    assert second.cache_info() == (0, 0, 4, 0)
    assert second.__wrapped__ == first.__wrapped__
    getattr(obj, name)(1)
    assert first.cache_info().misses == 1
    cache_method_in_place(obj, name, **options)
    assert uncache(obj) == [name]
    assert entries(obj) == before


@every_option
def test_a_cached_method_without_a_name_is_no_predicate_either(options):
    stored = Stored()
    cached = cache_method_in_place(stored, "get", **options)
    for function in cache_methods_in_place, uncache:
        with pytest.raises(TypeError, match="predicate is a method of 'Stored'; pass a name"):
            function(stored, cached)
    assert cached.cache_info().misses == 0


def test_caching_again_with_a_decorator_replaces_the_cache(client):
    first = cache_method_in_place(client, "one")
    plain = []
    cache_method_in_place(
        client, "one", decorator=lambda method: plain.append(method) or functools.partial(method)
    )
    assert plain == [first.__wrapped__]
    cache_method_in_place(client, "one")
    assert client.one.__wrapped__ == first.__wrapped__


@every_option
def test_a_cached_method_under_another_name_is_refused(client, options):
    client.alias = cached = cache_method_in_place(client, "one", **options)
    with pytest.raises(TypeError, match="'alias' of 'Client' has a cache of its own"):
        cache_method_in_place(client, "alias")
    assert client.alias is cached


# Undoing


@every_option
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
def test_uncache_leaves_the_object_exactly_as_it_was(make, name, options):
    obj = make()
    before = entries(obj)
    cache_method_in_place(obj, name, **options)
    assert uncache(obj) == [name]
    assert entries(obj) == before


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
    ids=["all", "name", "names", "empty", "iterator", "pattern", "predicate", "none of them"],
)
def test_uncache_takes_names_in_every_form(client, names, restored):
    cache_methods_in_place(client, ["one", "two", "_get"])
    assert uncache(client, names) == restored
    assert cached_methods(client).keys() == {"one", "two", "_get"} - set(restored)


def test_uncache_undoes_just_what_caching_has_returned(client):
    cache_method_in_place(client, "one")
    cached = cache_methods_in_place(client, ["two", "both"])
    assert uncache(client, cached) == ["two", "both"]
    assert cached_methods(client).keys() == {"one"}


def test_uncache_twice_does_nothing_the_second_time_unless_it_gets_a_name(client):
    cache_method_in_place(client, "one")
    assert uncache(client) == ["one"]
    assert uncache(client) == []
    with pytest.raises(ValueError, match="'one' of 'Client' isn't cached, or is patc"):
        uncache(client, "one")


def test_a_misspelt_name_is_named_and_nothing_is_undone(client):
    cache_method_in_place(client, "one")
    for first, second in ("tow", "both"), ("both", "tow"):
        with pytest.raises(ValueError, match=f"'{first}' of"):
            uncache(client, ["one", first, second])
    assert cached_methods(client).keys() == {"one"}


def test_a_shadowed_attribute_comes_back_as_the_same_object_in_its_place():
    stored = Stored()
    get = stored.get
    cache_methods_in_place(stored, ["list", "get"])
    cache_methods_in_place(stored, ["get"], maxsize=1)
    uncache(stored, "get")
    assert stored.get is get
    uncache(stored)
    assert list(vars(stored)) == ["before", "get", "list", "after"]


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


def test_an_object_that_holds_nothing_has_nothing_cached():
    for obj in [], Slotted(), 1, None:
        assert cached_methods(obj) == {}
        assert uncache(obj) == []


@every_option
def test_there_is_no_leak_an_uncached_object_is_freed_at_once(options):
    client = Client()
    cache_methods_in_place(client, ["one", "two"], **options)
    client.one(1)
    gone = weakref.ref(client)
    uncache(client)
    gc.disable()
    try:
        del client
        assert gone() is None
    finally:
        gc.enable()


@every_option
def test_there_is_no_leak_the_object_is_freed_together_with_its_caches(options):
    class Result:
        pass

    client = Client()
    client.user = Result()
    cache_methods_in_place(client, ["one", "two"], **options)
    gone = weakref.ref(client), weakref.ref(client.two(1)[0]), weakref.ref(client.one)
    del client
    gc.collect()
    assert [ref() for ref in gone] == [None, None, None]


# Other people's patches


@every_option
def test_a_mock_on_top_is_not_touched(client, options):
    before = entries(client)
    cache_methods_in_place(client, ["one", "two"], **options)
    with mock.patch.object(client, "one") as on_top:
        assert cached_methods(client).keys() == {"two"}
        with pytest.raises(ValueError, match="'one' of 'Client' isn't cached, or is patched over"):
            uncache(client, "one")
        assert uncache(client) == ["two"]
        assert client.one is on_top
    assert cached_methods(client).keys() == {"one"}
    assert uncache(client) == ["one"]
    assert entries(client) == before


def test_a_mock_below_comes_back(client):
    with mock.patch.object(client, "one") as below:
        cached = cache_method_in_place(client, "one")
        assert cached.__wrapped__ is below
        uncache(client)
        assert client.one is below
    assert list(vars(client)) == ["user", "calls"]


def test_a_method_cached_while_a_mock_stands_on_the_class_goes_on_calling_the_mock(client):
    with mock.patch.object(Client, "one", return_value="mocked"):
        cache_method_in_place(client, "one")
    assert client.one(1) == "mocked"
    uncache(client)
    assert client.one(1) == "ann:1"


@every_option
def test_what_wraps_made_of_a_cached_method_is_not_the_cached_method(client, options):
    cached = cache_method_in_place(client, "one", **options)

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
    cache_method_in_place(client, "one", decorator=lambda m: functools.wraps(m)(lambda arg: arg))
    assert uncache(client) == ["one"]
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
    with pytest.raises(TypeError, match=r"'one' of '.*' has a cache of its own"):
        cache_method_in_place(service, "one")
    assert service.one is cached


def test_a_function_of_a_patched_module_imported_into_another_is_not_touched():
    source, user = types.ModuleType("source"), types.ModuleType("user")
    source.get = Client().one
    user.get = cached = cache_method_in_place(source, "get")
    assert cached_methods(user) == {}
    assert uncache(user) == []
    assert user.get is cached
    assert uncache(source) == ["get"]


# Copies and pickles


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def python_dumps(obj, protocol):
    file = io.BytesIO()
    pickle._Pickler(file, protocol).dump(obj)
    return file.getvalue()


COPIERS = {
    "deepcopy": copy.deepcopy,
    **{f"C pickle {p}": lambda o, p=p: pickle.loads(pickle.dumps(o, p)) for p in PROTOCOLS},
    **{f"Python pickle {p}": lambda o, p=p: pickle.loads(python_dumps(o, p)) for p in PROTOCOLS},
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


@every_option
@copiers
@pytest.mark.parametrize("make", CLIENTS)
def test_a_deep_copy_or_pickle_answers_for_itself(make, copier, options):
    client = make()
    cached = cache_method_in_place(client, "one", **options)
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


@every_option
@copiers
def test_a_cached_method_copies_as_the_plain_method_wherever_it_stands(client, copier, options):
    cached = cache_method_in_place(client, "one", **options)
    holder = types.SimpleNamespace(method=cached, methods=[cached])
    clone = copier(holder)
    assert isinstance(clone.method, types.MethodType)
    assert clone.methods[0] is clone.method
    clone.method.__self__.user = "bob"
    assert clone.method(1) == "bob:1"
    assert client.calls == []


@copiers
@pytest.mark.parametrize(
    "name", ["by_partial", "by_type", "decorated", "of_class", "static", "builtin"]
)
def test_every_kind_of_method_copies_as_itself(name, copier):
    make = WraptKinds if name == "decorated" else Kinds
    kinds = make()
    cache_method_in_place(kinds, name)
    clone = copier(kinds)
    clone.user = "bob"
    assert getattr(clone, name)("x") == getattr(make("bob"), name)("x")
    assert cached_methods(clone) == {}


@every_option
@copiers
def test_methods_that_an_object_holds_copy_like_all_that_it_holds(copier, options):
    stored = Stored()
    stored.one = stored.list
    cache_methods_in_place(stored, ["list", "get", "one"], **options)
    clone = copier(stored)
    assert clone.list(1) == clone.one(1) == [1]
    assert clone.list.__self__ is clone
    assert clone.get(1) == "ann:1"
    assert clone.get is not stored.get


@every_option
def test_pickles_load_without_cache_inplace(tmp_path, monkeypatch, options):
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
    monkeypatch.syspath_prepend(tmp_path)
    client = importlib.import_module("vendor").Client()
    cache_method_in_place(client, "one", **options)
    data = pickle.dumps(client).hex()
    monkeypatch.delitem(sys.modules, "vendor")
    subprocess.run([sys.executable, "-c", script, data], cwd=tmp_path, check=True)


@every_option
def test_a_process_pool_takes_cached_methods(client, options):
    cache_method_in_place(client, "one", **options)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        assert list(pool.map(client.one, "ab")) == ["ann:a", "ann:b"]


def clone_dict(obj):
    clone = type(obj).__new__(type(obj))
    vars(clone).update(vars(obj))
    return clone


shallow = pytest.mark.parametrize("copier", [copy.copy, clone_dict], ids=["copy", "clone"])


@shallow
def test_a_shallow_copy_shares_the_cached_methods_which_call_the_original(client, copier):
    cached = cache_method_in_place(client, "one")
    clone = copier(client)
    assert cached_methods(clone) == {"one": cached}
    clone.user = "bob"
    assert clone.one(1) == "ann:1"


@every_option
@shallow
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Client, "one"),
        (Child, "one"),
        (FrozenData, "one"),
        (Model, "one"),
        (Dynamic, "get_user"),
        (Kinds, "static"),
    ],
)
def test_uncache_gives_a_shallow_copy_its_own_and_leaves_the_original_alone(
    make, name, copier, options
):
    client = make()
    if make is Model and copier is clone_dict:
        copier = type(client).model_copy
    cached = cache_method_in_place(client, name, **options)
    getattr(client, name)(1)
    clone = copier(client)
    set_user(clone, "bob")
    with pytest.raises(TypeError, match="of this copy; uncache the copy first"):
        cache_method_in_place(clone, name)
    assert uncache(clone) == [name]
    expected = make()
    set_user(expected, "bob")
    for _ in range(2):
        assert getattr(clone, name)(1) == getattr(expected, name)(1)
        cache_method_in_place(clone, name, **options)
    assert getattr(client, name) is cached
    assert cached.cache_info()[:2] == (0, 1)
    assert uncache(clone) == uncache(client) == [name]
    assert name not in vars(clone) | vars(client)


def test_a_shallow_copy_of_a_deep_copy_calls_that_unless_its_methods_are_deleted(client):
    cache_method_in_place(client, "one")
    deep = copy.deepcopy(client)
    shallow = copy.copy(deep)
    shallow.user = "bob"
    assert shallow.one(1) == "ann:1"
    del shallow.one
    assert shallow.one(1) == "bob:1"


def test_a_class_based_wrapper_on_top_is_copied_as_the_plain_method(client):
    class Wrapper:
        def __init__(self, method):
            functools.update_wrapper(self, method)

        def __call__(self, arg):
            return [self.__wrapped__(arg)]

    client.one = Wrapper(cache_method_in_place(client, "one"))
    assert client.one(1) == ["ann:1"]
    assert copy.deepcopy(client).one(1) == "ann:1"


# Awkward objects


@every_option
@pytest.mark.parametrize(
    "make",
    [
        FrozenData,
        FrozenAttrs,
        Model,
        functools.partial(Items, user="ann"),
        functools.partial(Attributes, user="ann"),
        SlotsAndDict,
        Unhashable,
        NoWeakrefs,
    ],
)
def test_awkward_objects_can_be_cached_by_name(make, options):
    obj = make()
    data = dict(obj) if isinstance(obj, dict) else None
    before = entries(obj)
    cached = cache_method_in_place(obj, "one", **options)
    assert obj.one(1) == obj.one(1) == "ann:1"
    assert cached.cache_info()[:2] == (1, 1)
    assert cached_methods(obj) == {"one": cached}
    if data is not None:
        assert dict(obj) == data
    assert uncache(obj) == ["one"]
    assert entries(obj) == before


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


def test_a_property_of_an_autospecced_class_is_refused_on_its_mock():
    client = mock.create_autospec(Client, instance=True)
    with pytest.raises(TypeError, match=r"'session' of '.*' is 'property', not a"):
        cache_method_in_place(client, "session")


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


@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy, weak_proxy])
def test_a_property_behind_a_proxy_is_not_evaluated(client, proxy):
    for name in "session", "chat":
        with pytest.raises(TypeError, match=f"'{name}' of '.*' is '.*property', not a "):
            cache_method_in_place(proxy(client), name)
    assert "one" in cache_methods_in_place(proxy(client), lambda name: True)
    assert client.calls == []


@pytest.mark.parametrize("proxy", [wrapt_proxy, local_proxy, weak_proxy])
def test_a_module_and_its_proxy_are_patched_as_one(proxy):
    module, other = types.ModuleType("module"), types.ModuleType("other")
    module.get = other.get = get = lambda arg: [arg]
    cached = cache_method_in_place(proxy(module), "get")
    other.get = cached  # as `from module import get` would do
    assert cached_methods(module) == cached_methods(proxy(module)) == {"get": cached}
    assert cached_methods(other) == {}
    for again in module, proxy(module):
        assert cache_method_in_place(again, "get").__wrapped__ is get
    assert uncache(proxy(module)) == ["get"]
    assert module.get is get


class SlottedProxy:
    """A proxy that gives the __dict__ of its target, but can't have attributes."""

    __slots__ = ("target",)

    def __init__(self, target):
        self.target = target

    def __getattr__(self, name):
        return getattr(self.target, name)


def test_a_refused_call_deletes_nothing_from_what_a_proxy_stands_for():
    target = Stored()
    before = entries(target)
    with pytest.raises(TypeError, match="'get' of 'SlottedProxy' can't be set"):
        cache_method_in_place(SlottedProxy(target), "get")
    assert entries(target) == before


def test_a_namespace_that_only_says_that_it_is_a_dict_is_never_written():
    class Remote:
        __class__ = dict
        __setitem__ = pop = mock.Mock(side_effect=AssertionError)

        def __iter__(self):
            raise AssertionError

    class NetRef:
        __dict__ = Remote()

        def one(self, arg):
            return [arg]

        def __setattr__(self, name, value):
            raise AssertionError

    assert isinstance(NetRef().__dict__, dict)
    with pytest.raises(TypeError, match="'one' of 'NetRef' can't be set"):
        cache_method_in_place(NetRef(), "one")
    assert uncache(NetRef()) == []


@pytest.mark.parametrize("what", ["nothing", "a class"])
def test_listing_gets_past_a_proxy_that_the_object_holds(client, what):
    if what == "nothing":
        unbound = contextvars.ContextVar("unbound")
        client.held = library("werkzeug.local").LocalProxy(unbound)
    else:
        client.held = library("wrapt").CallableObjectProxy(Client)
    cached = cache_method_in_place(client, "one")
    assert cached_methods(client) == {"one": cached}
    assert uncache(client) == ["one"]


class Asked(Client):
    @property
    def __dict__(self):
        raise AssertionError("the __dict__ was asked for")


@every_option
@pytest.mark.parametrize("names", ["one", lambda name: True], ids=["name", "predicate"])
def test_caching_ordinary_methods_never_asks_for_the_dict_which_is_slow(names, options):
    class Ordinary(Asked):
        of_class = static = None

    client = Ordinary()
    cached = cache_methods_in_place(client, names, **options)
    assert client.one(1) == client.one(1)
    assert cached["one"].cache_info()[:2] == (1, 1)
    with pytest.raises(AssertionError, match="asked for"):
        cached_methods(client)


def test_listing_does_not_ask_what_the_object_holds_for_its_dict(client):
    client.friend = Asked()
    cache_method_in_place(client, "one")
    assert uncache(client) == ["one"]


# Threads and interrupts


@pytest.fixture
def _switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switch_often")
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


class Interrupt(BaseException):
    pass


@pytest.mark.parametrize("taken", [True, False])
def test_an_interrupt_that_comes_with_the_lock_leaves_it_free(client, monkeypatch, taken):
    class Lock:
        def __init__(self):
            self.lock = threading.RLock()
            self.release = self.lock.release

        def __enter__(self):
            if taken:
                self.lock.acquire()
            raise Interrupt

        def __exit__(self, *_):
            raise AssertionError

    monkeypatch.setattr(cache_inplace, "_lock", Lock())
    with pytest.raises(Interrupt):
        uncache(client)
    with pytest.raises(RuntimeError):
        cache_inplace._lock.release()


def test_an_interrupt_while_undoing_leaves_all_cached():
    class Held(dict):
        def pop(self, name, default=None):
            if name == "two":
                raise Interrupt
            return super().pop(name, default)

    class Strict(Client):
        def __setattr__(self, name, value):
            raise AssertionError

    client = Strict.__new__(Strict)
    object.__setattr__(client, "__dict__", Held())
    cached = cache_methods_in_place(client, ["one", "two", "both"])
    with pytest.raises(Interrupt):
        uncache(client)
    assert cached_methods(client) == cached


# It runs in a process of its own, as an interrupt can do harm to coverage and hypothesis, too.
INTERRUPTED = """
import concurrent.futures, dataclasses, random, signal, sys
from cache_inplace import *

frozen, count, interrupts = map(int, sys.argv[1:])
names = [f"m{n}" for n in range(count)]
methods = dict.fromkeys(names, lambda self, arg: arg)
obj = dataclasses.dataclass(frozen=bool(frozen))(type("Many", (), methods))()
vars(obj)[names[-1]] = len
before = list(vars(obj).items())
moments = random.Random(20)
landed = 0

class Interrupt(BaseException):
    pass

def interrupt(*_):
    raise Interrupt

signal.signal(signal.SIGALRM, interrupt)
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    while landed < interrupts:
        try:
            signal.setitimer(signal.ITIMER_REAL, moments.uniform(1e-5, count * 5e-5))
            for number in range(1, 100 // count + 3):
                cache_methods_in_place(obj, names, maxsize=number)
                cache_methods_in_place(obj, names, ttl=number)
                uncache(obj)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupt:
            landed += 1
        cached = cached_methods(obj)
        assert set(cached) in (set(), set(names)), len(cached)
        assert len({str(one.cache_parameters()) for one in cached.values()}) <= 1
        assert set(pool.submit(uncache, obj).result(10)) == set(cached)
        assert list(vars(obj).items()) == before
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no signal.setitimer here")
@pytest.mark.parametrize("frozen", [0, 1], ids=["ordinary", "frozen"])
@pytest.mark.parametrize("count", [2, 200])
def test_an_interrupt_at_any_moment_leaves_nothing_half_done_and_no_lock(frozen, count):
    """As Ctrl-C would. For more of them: INTERRUPTS=10000 pytest -k interrupt."""
    interrupts = os.environ.get("INTERRUPTS", "150")
    command = [sys.executable, "-c", INTERRUPTED, str(frozen), str(count), interrupts]
    folder = pathlib.Path(cache_inplace.__file__).parent
    subprocess.run(command, cwd=folder, check=True, timeout=600)


# Vendored copies


@pytest.fixture(params=["this version", "1.1.0"])
def vendored(tmp_path, request):
    """Another copy of the module, of this version or of the one before."""
    source = pathlib.Path(cache_inplace.__file__)
    if request.param == "1.1.0":
        command = ["git", "show", "f1ed95a:cache_inplace.py"]
        git = shutil.which("git") or pytest.skip("git isn't there to get version 1.1.0")
        run = subprocess.run([git, *command[1:]], cwd=source.parent, capture_output=True, text=True)
        if run.returncode:
            pytest.skip("version 1.1.0, commit f1ed95a, isn't in a checkout here")
        text = run.stdout
    else:
        text = source.read_text()
    (tmp_path / "vendored.py").write_text(text)
    spec = importlib.util.spec_from_file_location("vendored", tmp_path / "vendored.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert request.param in ("this version", module.__version__)
    return module


@every_option
@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "theirs"])
def test_vendored_copies_list_replace_and_undo_what_the_other_has_cached(
    client, vendored, options, ours_first
):
    before = entries(client)
    of_ours, of_theirs = (cache_inplace, options), (vendored, {"maxsize": 7})
    pair = (of_ours, of_theirs) if ours_first else (of_theirs, of_ours)
    (one, of_one), (other, of_other) = pair
    first = one.cache_method_in_place(client, "one", **of_one)
    assert other.cached_methods(client) == {"one": first}
    second = other.cache_method_in_place(client, "one", **of_other)
    assert second.__wrapped__ == first.__wrapped__
    assert one.cached_methods(client) == {"one": second}
    assert client.one(1) == client.one(1) == "ann:1"
    assert client.calls == [("one", 1)]
    assert one.uncache(client) == ["one"]
    assert other.uncache(client) == []
    assert entries(client) == before


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "theirs"])
def test_vendored_copies_restore_what_the_first_has_shadowed(vendored, ours_first):
    pair = (cache_inplace, vendored) if ours_first else (vendored, cache_inplace)
    stored = Stored()
    before = entries(stored)
    for one in pair + pair:
        one.cache_method_in_place(stored, "get")
        one.cache_method_in_place(stored, "get", decorator=functools.partial)
    assert pair[0].uncache(stored) == ["get"]
    assert entries(stored) == before


@pytest.mark.parametrize("ours_first", [True, False], ids=["ours first", "theirs"])
def test_vendored_copies_uncache_the_shallow_copy_of_what_the_other_has_cached(
    client, vendored, ours_first
):
    pair = (cache_inplace, vendored) if ours_first else (vendored, cache_inplace)
    pair[0].cache_method_in_place(client, "one")
    clone = copy.copy(client)
    clone.user = "bob"
    assert pair[1].uncache(clone) == ["one"]
    assert (client.one(1), clone.one(1)) == ("ann:1", "bob:1")
    assert pair[1].uncache(client) == ["one"]


@every_option
def test_the_record_is_plain_data_under_the_documented_name(client, options):
    stored = Stored()
    get = stored.get
    cached = cache_method_in_place(stored, "get", **options)
    assert cached.__cache_inplace__ == {
        "id": id(cached),
        "name": "get",
        "owner": stored,
        "method": get,
        "shadowed": (get,),
    }
    assert type(cached.__cache_inplace__) is dict
    documented = cache_inplace.__doc__
    assert all(f"``{key}``" in documented for key in cached.__cache_inplace__)
    assert cache_method_in_place(client, "one").__cache_inplace__["shadowed"] == ()


# Refusals: what is called, and the whole message. `client` has `one` cached, `stored` nothing.

REFUSALS = """
cache_method_in_place(client, "misspelt")
AttributeError: 'Client' object has no attribute 'misspelt'
cache_method_in_place(client, "user")
TypeError: 'user' of 'Client' is 'str', not a method; pass the name of a method
cache_method_in_place(client, "Error")
TypeError: 'Error' of 'Client' is 'type', not a method; pass the name of a method
cache_method_in_place(client, "session")
TypeError: 'session' of 'Client' is 'property', not a method; cache the method behind it
cache_methods_in_place(client, ["one", "chat"])
TypeError: 'chat' of 'Client' is 'cached_property', not a method; cache the method behind it
cache_methods_in_place(Results(), ["one", "coroutine"])
TypeError: 'coroutine' of 'Results' is a coroutine or generator function, whose results can be used only once; pass decorator=, such as async_lru.alru_cache, or one that makes a tuple
cache_method_in_place(client, "__repr__")
TypeError: '__repr__' of 'Client' is looked up on the class; cache the method that it calls
cache_method_in_place(Client, "one")
TypeError: obj is a class; pass an instance of it
uncache(Client)
TypeError: obj is a class; pass an instance of it
cache_method_in_place(Slotted(), "one")
TypeError: 'one' of 'Slotted' can't be set on this object; pass one with attributes
cache_methods_in_place([], ["index", "count"])
TypeError: 'index' of 'list' can't be set on this object; pass one with attributes
cache_method_in_place(collections.namedtuple("Point", "x")(1), "_asdict")
TypeError: '_asdict' of 'Point' can't be set on this object; pass one with attributes
cache_method_in_place(Stubborn(), "two")
TypeError: 'two' of 'Stubborn' can't be set on this object; pass one with attributes
cache_methods_in_place(client, ["one", b"two"])
TypeError: names has 'bytes' in it; pass a name
cache_methods_in_place(client, ["both", ["two"]])
TypeError: names has 'list' in it; pass a name
cache_methods_in_place(client, None)
TypeError: names is 'NoneType'; pass a name, names or a predicate (of a pattern, pass its .match)
cache_methods_in_place(client, re.compile("one"))
TypeError: names is 'Pattern'; pass a name, names or a predicate (of a pattern, pass its .match)
uncache(client, re.compile("one"))
TypeError: names is 'Pattern'; pass a name, names or a predicate (of a pattern, pass its .match)
cache_method_in_place(client, ["one"])
TypeError: name is 'list', not a string; pass a name, or see cache_methods_in_place()
cache_method_in_place(client, client.two)
TypeError: name is 'method', not a string; pass the name of the method, 'two', or see cache_methods_in_place()
cache_method_in_place(client, client.one)
TypeError: name is '_lru_cache_wrapper', not a string; pass the name of the method, 'one', or see cache_methods_in_place()
cache_method_in_place(stored, stored.get)
TypeError: name is 'partial', not a string; pass a name, or see cache_methods_in_place()
cache_method_in_place(client, xmlrpc.client.ServerProxy("http://127.0.0.1:9").add)
TypeError: name is '_Method', not a string; pass a name, or see cache_methods_in_place()
cache_method_in_place(client, lambda name: True)
TypeError: name is 'function', not a string; pass a name, or see cache_methods_in_place()
cache_methods_in_place(client, ["both", client.two])
TypeError: names has 'method' in it; pass the name of the method, 'two'
uncache(client, [client.one])
TypeError: names has '_lru_cache_wrapper' in it; pass the name of the method, 'one'
cache_methods_in_place(client, client.two)
TypeError: predicate is a method of 'Client'; pass the name of the method, 'two'
cache_methods_in_place(client, client.one)
TypeError: predicate is a method of 'Client'; pass the name of the method, 'one'
uncache(client, client.one)
TypeError: predicate is a method of 'Client'; pass the name of the method, 'one'
uncache(client.two)
TypeError: obj is a method; pass the object that has it, and the name of the method, 'two'
uncache(client.one)
TypeError: obj is a method; pass the object that has it, and the name of the method, 'one'
uncache({}.get)
TypeError: obj is a method; pass the object that has it, and the name of the method, 'get'
cache_method_in_place(Decorated().one, "retry_with")
TypeError: obj is a method; pass the object that has it, and the name of the method, 'one'
cache_method_in_place(client.one, "cache_clear")
TypeError: obj is a method; pass the object that has it, and the name of the method, 'one'
cache_method_in_place(client, "one", size=3)
TypeError: cache_method_in_place() got an unexpected keyword argument 'size'
cache_methods_in_place(client, [], maxsize="10")
TypeError: maxsize is 'str'; pass an integer or None
cache_method_in_place(client, "two", maxsize=len)
TypeError: maxsize is 'builtin_function_or_method'; pass an integer or None
cache_method_in_place(client, "two", ttl="60")
TypeError: ttl is 'str'; pass a number of seconds
cache_method_in_place(client, "two", ttl=True)
TypeError: ttl is 'bool'; pass a number of seconds
cache_methods_in_place(client, [], ttl=0)
ValueError: ttl isn't above 0; pass a number of seconds, or None
cache_method_in_place(client, "two", ttl=-1.5)
ValueError: ttl isn't above 0; pass a number of seconds, or None
cache_method_in_place(client, "two", ttl=float("nan"))
ValueError: ttl isn't above 0; pass a number of seconds, or None
cache_methods_in_place(client, [], key="name")
TypeError: key is 'str'; pass a function
cache_method_in_place(client, "one", decorator=128)
TypeError: decorator is 'int'; pass a function
cache_method_in_place(client, "one", decorator=functools.partial, maxsize=None)
TypeError: decorator takes the place of maxsize, typed, ttl and key; give the decorator its own options
cache_methods_in_place(client, [], decorator=functools.partial, typed=True)
TypeError: decorator takes the place of maxsize, typed, ttl and key; give the decorator its own options
cache_methods_in_place(client, [], decorator=functools.partial, ttl=60)
TypeError: decorator takes the place of maxsize, typed, ttl and key; give the decorator its own options
cache_methods_in_place(client, [], decorator=functools.partial, key=repr)
TypeError: decorator takes the place of maxsize, typed, ttl and key; give the decorator its own options
cache_method_in_place(client, "one", decorator=lambda _: types.SimpleNamespace())
TypeError: 'one' of 'Client' was decorated into 'SimpleNamespace', which can't be called; return a function
cache_method_in_place(client, "one", decorator=lambda method: method)
TypeError: 'one' of 'Client' was decorated into 'method', which isn't new; return a new function each time
cache_method_in_place(client, "one", decorator=lambda _: {}.get)
TypeError: 'one' of 'Client' was decorated into 'builtin_function_or_method', which takes no attributes; return a function
cache_methods_in_place(client, re.compile("session|timeout|Error").match)
ValueError: predicate selects no method of 'Client'; check it, or pass names
uncache(client, ["one", "both"])
ValueError: 'both' of 'Client' isn't cached, or is patched over; see cached_methods()
uncache(client, "session")
ValueError: 'session' of 'Client' isn't cached, or is patched over; see cached_methods()
uncache([], "index")
ValueError: 'index' of 'list' isn't cached, or is patched over; see cached_methods()
""".strip().splitlines()


@pytest.mark.parametrize(
    ("call", "message"), [*zip(REFUSALS[::2], REFUSALS[1::2], strict=True)], ids=REFUSALS[::2]
)
def test_refusals_are_clear_and_change_nothing(client, call, message):
    stored = Stored()
    cached = cache_method_in_place(client, "one", maxsize=9)
    client.one("a secret")
    del client.calls[:]
    before = entries(client), entries(stored)
    with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        eval(call, globals(), {"client": client, "stored": stored})
    assert f"{caught.type.__name__}: {caught.value}" == message
    assert not re.search("hunter2|secret", message)
    assert (entries(client), entries(stored)) == before
    assert client.one is cached
    assert cached.cache_info() == (0, 1, 9, 1)
    assert client.calls == []


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
        return {n: value for n, value in held if any((n, value) == o for o in self.ours)}

    @hypothesis.stateful.rule(
        names=st.lists(names),
        options=st.sampled_from([*OPTIONS.values(), {"decorator": functools.partial}]),
    )
    def cache(self, names, options):
        cached = cache_methods_in_place(self.client, names, **options)
        assert cached.keys() == set(names)
        self.ours.extend(cached.items())

    @hypothesis.stateful.rule(
        names=st.lists(names), bad=st.sampled_from(["missing", "session", "user", "__repr__"])
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
            assert set(uncache(self.client, names)) == set(expected if names is None else names)
        else:
            with pytest.raises(ValueError, match="isn't cached"):
                uncache(self.client, names)
            assert entries(self.client) == before

    @hypothesis.stateful.rule(copier=st.sampled_from([copy.copy, copy.deepcopy]))
    def copy(self, copier):
        names = self.expected()
        clone = copier(self.client)
        assert set(cached_methods(clone)) == (set(names) if copier is copy.copy else set())
        assert set(uncache(clone)) <= set(names)

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
        if name in vars(self.client).keys() - self.theirs.keys() and hasattr(Client, name):
            delattr(self.client, name)
            self.unpatched.pop(name, None)

    @hypothesis.stateful.rule(name=names)
    def overwrite(self, name):
        if name not in self.theirs:
            mine = functools.partial(repr)
            was_there = name in vars(self.client)
            setattr(self.client, name, mine)
            if was_there and name not in self.unpatched:
                # It stays where the cached method was, behind whatever came before that.
                known = self.unpatched.keys() | {name}
                order = [key for key in vars(self.client) if key in known]
                self.unpatched = {key: self.unpatched.get(key) for key in order}
            self.unpatched[name] = mine

    @hypothesis.stateful.invariant()
    def what_is_cached_is_listed(self):
        assert cached_methods(self.client) == self.expected()

    def teardown(self):
        for patch in self.theirs.values():
            patch.stop()
        uncache(self.client)
        assert entries(self.client) == [(n, id(value)) for n, value in self.unpatched.items()]
        assert uncache(self.client) == []


TestPatching = Patching.TestCase
TestPatching.settings = hypothesis.settings(max_examples=200, stateful_step_count=30)


# Real clients


class Busy(Client):
    """A client that answers only when a number of threads ask."""

    def __init__(self, threads):
        super().__init__()
        self.barrier = threading.Barrier(threads)

    def get_user(self, name):
        self.calls.append(name)
        self.barrier.wait(10)
        return name.title()

    get_repo = get_user


class Cloud:
    """A client that returns all that it is given."""

    def get(self, *args, **kwargs):
        return [args, kwargs]


@contextlib.contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture
def asked():
    """What an XML-RPC server on a free loopback port was asked, and a proxy of it."""
    calls = []

    def add(a, b):
        calls.append((a, b))
        return a + b

    with xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False) as server:
        server.register_function(add)
        with (
            serving(server) as (host, port),
            xmlrpc.client.ServerProxy(f"http://{host}:{port}") as proxy,
        ):
            yield calls, proxy


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


@pytest.fixture
def health_stub():
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
    stub, calls = health_stub
    before = entries(stub)
    cache_methods_in_place(stub, str.istitle, ttl=60, key=in_readme("grpc", r"`key=(lambda .*?)`"))
    with pytest.raises(TypeError, match="'_MultiThreadedRendezvous', may be usable only once"):
        stub.Watch(health_pb2.HealthCheckRequest())
    request = health_pb2.HealthCheckRequest(service="")
    assert stub.Check(request) is stub.Check(health_pb2.HealthCheckRequest())
    assert calls == [""]
    assert set(uncache(stub)) == {"Check", "List", "Watch"}
    assert entries(stub) == before
    stub.Check(request)
    assert calls == ["", ""]


@pytest.fixture
def web():
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

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
        serving(server) as (host, port),
    ):
        yield f"http://{host}:{port}", calls


def test_httpx_asks_once_and_its_streams_are_refused(web):
    url, calls = web
    with library("httpx").Client(base_url=url) as client:
        before = entries(client)
        cache_methods_in_place(client, ["get", "stream"], ttl=60, key=by_json)
        for name in "1", "2", "1":
            response = client.get("/", params={"a": name}, headers={"x": "y"})
            assert response.json()["path"] == f"/?a={name}"
        assert calls == ["/?a=1", "/?a=2"]
        with pytest.raises(TypeError, match="'stream' of 'Client' was called, but its result, "):
            client.stream("GET", "/a")
        assert uncache(client) == ["get", "stream"]
        assert entries(client) == before


@pytest.fixture
def aws():
    """A boto3 client of EC2 that talks to moto, in this process, and what it was asked."""
    boto3 = library("boto3")
    calls = []
    with library("moto").mock_aws():
        client = boto3.client("ec2", region_name="us-east-1")
        client.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
        yield client, calls


def test_a_boto3_client_is_cached_by_predicate(aws):
    client, calls = aws
    before = entries(client)
    predicate = re.compile("list_|describe_|exceptions").match
    cached = cache_methods_in_place(client, predicate, ttl=60, key=by_json)
    assert len(cached) > 100
    assert "exceptions" not in cached
    assert vars(client)["_exceptions"] is None  # which asking for client.exceptions would change
    for vpc in "vpc-1", "vpc-2", "vpc-1":
        vpc_only = [{"Name": "vpc-id", "Values": [vpc]}]
        assert client.describe_instances(Filters=vpc_only)["Reservations"] == []
    client.describe_vpcs(Filters=vpc_only)
    assert calls == ["DescribeInstances", "DescribeInstances", "DescribeVpcs"]
    assert set(uncache(client)) == set(cached)
    assert entries(client) == before


def test_a_paginator_of_boto3_cuts_short_the_cached_result_of_its_client(aws):
    client, _ = aws
    for _ in range(2):
        client.create_vpc(CidrBlock="10.0.0.0/16")
    cache_methods_in_place(client, ["describe_vpcs", "describe_instances"])
    everything = len(client.describe_vpcs()["Vpcs"])
    pages = client.get_paginator("describe_vpcs").paginate(PaginationConfig={"MaxItems": 1})
    assert sum(len(page["Vpcs"]) for page in pages) == 1
    assert len(client.describe_vpcs()["Vpcs"]) == 1 < everything


def test_the_counts_of_a_reader_are_cached_and_its_feeds_are_refused():
    with library("reader").make_reader(":memory:") as feeds:
        before = entries(feeds)
        cache_methods_in_place(feeds, ["get_feed_counts", "get_feeds"])
        assert feeds.get_feed_counts().total == 0
        with pytest.raises(TypeError, match="'get_feeds' of 'Reader' was called, but its result, "):
            feeds.get_feeds()
        feeds.add_feed("http://localhost/feed")
        assert feeds.get_feed_counts().total == 0
        assert uncache(feeds) == ["get_feed_counts", "get_feeds"]
        assert entries(feeds) == before


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory):
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
    with library("redis").Redis(port=redis_port) as client:
        client.set("key", "first")
        cache_method_in_place(client, "get")
        assert client.get("key") == b"first"
        client.set("key", "second")
        assert client.get("key") == b"first"
        with pytest.raises(TypeError, match="'scan_iter' of 'Redis' is a coroutine or generator"):
            cache_methods_in_place(client, ["mget", "scan_iter"])
        assert uncache(client) == ["get"]
        assert client.get("key") == b"second"


def test_asyncio_redis_is_refused_at_the_call_unless_its_methods_are_awaited(redis_port):
    alru_cache = library("async_lru").alru_cache

    def awaited(method):
        async def call(*args):
            return await method(*args)

        return alru_cache(maxsize=1000)(call)

    async def main():
        async with library("redis.asyncio").Redis(port=redis_port) as client:
            cache_method_in_place(client, "get")
            with pytest.raises(TypeError, match=r"'get' of 'Redis' was called, .* 'coroutine', "):
                client.get("key")
            cache_method_in_place(client, "get", decorator=awaited)
            await client.set("key", "first")
            assert await client.get("key") == b"first"
            await client.set("key", "second")
            assert await client.get("key") == b"first"
            assert uncache(client) == ["get"]

    asyncio.run(main())


def test_sqlalchemy_results_are_refused_and_what_an_inspector_tells_is_cached():
    sqlalchemy, orm = library("sqlalchemy"), library("sqlalchemy.orm")
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
    with contextlib.closing(engine.raw_connection()), orm.Session(engine) as session:
        inspector = sqlalchemy.inspect(session.connection())
        cache_method_in_place(inspector, "get_table_names")
        cache_methods_in_place(session, ["execute", "scalar"])
        create, count = map(sqlalchemy.text, ["create table t (a)", "select count(*) from t"])
        assert inspector.get_table_names() == []
        with pytest.raises(TypeError, match="'execute' of 'Session' was called, but its result, "):
            session.execute(create)
        inspector.clear_cache()  # its own
        assert inspector.get_table_names() == []
        assert session.scalar(count) == 0
        uncache(session, "execute")
        session.execute(sqlalchemy.text("insert into t values (1)"))
        assert session.scalar(count) == 0
        assert uncache(inspector) + uncache(session) == ["get_table_names", "scalar"]
        assert (inspector.get_table_names(), session.scalar(count)) == (["t"], 1)
    engine.dispose()


def test_a_pandas_frame_of_the_library_itself_is_cached_without_a_warning():
    pandas = library("pandas")
    frame = pandas.DataFrame({"a": [1, 1]})
    cache_method_in_place(frame, "nunique")
    assert frame.nunique() is frame.nunique()
    assert list(frame.columns) == ["a"]
    assert uncache(frame) == ["nunique"]


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


def test_what_slack_answers_is_an_iterator_that_can_be_cached_anyway(web):
    url, calls = web
    client = library("slack_sdk").WebClient(token="none", base_url=f"{url}/")
    cache_method_in_place(client, "users_info")
    with pytest.raises(TypeError, match="'SlackResponse', may be usable only once"):
        client.users_info(user="U1")
    del calls[:]
    decorator = in_readme("slack_sdk", r"`decorator=(functools\.lru_cache.*?)`")
    cache_method_in_place(client, "users_info", decorator=decorator)
    for _ in range(2):
        assert client.users_info(user="U1")["path"] == "/users.info"
    assert calls == ["/users.info"]


def test_a_sqlite3_connection_is_refused():
    with (
        contextlib.closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(TypeError, match="'execute' of 'Connection' can't be set"),
    ):
        cache_method_in_place(connection, "execute")


# The README; its sessions are run by pytest's --doctest-glob


README_FILE = pathlib.Path(__file__).parent / "README.md"
README = README_FILE.read_text() if README_FILE.exists() else ""
needs_readme = pytest.mark.skipif(not README, reason="README.md isn't here, as in a vendored copy")


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


(_, DEMO), (_, FOR_A_MINUTE), *_recipes = blocks("python") or [(None, "")] * 2
RECIPES = dict(_recipes)


def in_readme(line, pattern):
    """Return what an expression in a line of the README evaluates to."""
    if not README:
        pytest.skip("README.md isn't here, as in a vendored copy")
    (line,) = [found for found in README.splitlines() if re.match(rf"\|.*{line}", found, re.I)]
    return eval(re.search(pattern, line)[1])


@pytest.fixture
def run_recipe():
    """Run a recipe of the README with the names that it needs, and return all its names."""
    if not README:
        pytest.skip("README.md isn't here, as in a vendored copy")
    with contextlib.ExitStack() as stack:

        def run(recipe, **given):
            for line in re.findall(r"^(?:import|from) (.*)", recipe, re.MULTILINE):
                for name in re.findall(r"^[\w.]+|(?<=, )\w+", line.split(" import")[0]):
                    library(name)
            names = {**vars(cache_inplace), **given}
            exec(recipe, names)
            if "disk" in names:
                stack.callback(names["disk"].close)
            return names

        yield run


@needs_readme
def test_the_first_screen_shows_what_the_demo_prints(capsys):
    assert README.index(DEMO) < len("\n".join(README.splitlines()[:20]))
    exec(DEMO, {})
    assert capsys.readouterr().out == blocks("text")[0][1]


@needs_readme
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
            pasted = b"\x1b[200~" + pasted + b"\x1b[201~"
        os.write(ours, pasted)
        read_until(b"uncache(client))")
        os.write(ours, b"\r\r")
        read_until(b"restored: ['get']")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    escapes = r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>])"
    shown = re.sub(escapes, "", screen.decode()).splitlines()
    expected = blocks("text")[0][1].splitlines()
    assert [line for line in shown if line in expected] == expected


@needs_readme
def test_the_call_that_people_come_for_stands_in_the_first_45_lines_and_works(run_recipe, web):
    assert README.index(FOR_A_MINUTE) < len("\n".join(README.splitlines()[:45]))
    url, calls = web
    names = run_recipe(FOR_A_MINUTE, url=url)
    with names["session"] as session:
        assert session.get(url, params={"q": "other"}).json()["path"] == "/?q=other"
        session.get(url, params={"q": "other"})
        assert cached_methods(session)["get"].cache_parameters()["ttl"] == 60
    assert calls == ["/?q=python", "/?q=other"]


@needs_readme
def test_the_readme_has_its_sizes_and_its_commands():
    folded = re.sub(r"<details>.*?</details>", "", README, flags=re.DOTALL)
    assert (len(folded.split()) <= 1500, len(README.split()) <= 2400) == (True, True)
    assert [line for line in README.splitlines() if len(line) > 100 and line[0] != "|"] == []
    assert [text for _, text in blocks("sh")] == [
        "python3 -m doctest -v README.md\n",
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest\n",
    ]


# What the README says of a cache that is made by hand; and what this module does instead.


def test_by_hand_it_goes_wrong_silently(client):
    """What this module does instead is in the other tests."""
    results, stored, attributes = Results(), Stored(), Attributes(user="ann")
    for obj, name in (results, "result"), (stored, "get"), (attributes, "one"):
        set_by_hand(obj, name)
    set_by_hand(client, "one"), set_by_hand(client, "one")
    make = [1].__iter__
    assert [list(results.result(make)) for _ in range(2)] == [[1], []]
    assert copy.deepcopy(client).one.__wrapped__.__wrapped__.__self__ is client
    client.one(1), client.one.cache_clear(), client.one(1)
    assert len(client.calls) == 1
    del stored.get
    assert not hasattr(stored, "get")
    assert list(attributes) == ["user", "one"]


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

    async def get(self, name):
        self.calls.append(("get", name))
        return name


@pytest.fixture
def shared_places(redis_port, tmp_path):
    """The names for the recipes with a cache that others can use, too; it is empty."""
    redis = library("redis")
    url = f"redis://127.0.0.1:{redis_port}"
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return {"url": url, "directory": str(tmp_path)}


@needs_readme
def test_every_recipe_of_the_readme_is_run():
    tests = pathlib.Path(__file__).read_text()
    assert len(RECIPES) == README.count("```python") - 2
    assert [title for title in RECIPES if f'"{title}"' not in tests] == []


SHARED = pytest.mark.parametrize("title", ["Shared by processes", "Shared by machines"])


@SHARED
def test_shared_caches_mix_up_neither_methods_nor_users(title, run_recipe, shared_places):
    for user in "ann", "bob":
        client = Flaky(user)
        client.calls.append("something, so that the next answer is good")
        run_recipe(RECIPES.get(title), client=client, **shared_places)
        for _ in range(2):
            assert client.get_user("x") == f"{user}:user:x"
            assert client.get_repo(name="x") == f"{user}:repo:x"
        assert client.calls[1:] == [("get_user", "x"), ("get_repo", "x")]
        assert uncache(client) == ["get_user", "get_repo"]


@SHARED
def test_shared_caches_share_results_between_processes(title, run_recipe, shared_places):
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
    recipe = RECIPES.get(title)
    run_recipe(recipe, client=Flaky(), **shared_places)  # skipped if its library is missing

    def ask(user):
        command = [sys.executable, "-c", script, json.dumps([recipe, user, shared_places])]
        folder = pathlib.Path(cache_inplace.__file__).parent
        return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout

    answers = [ask("ann"), ask("ann"), ask("bob")]
    assert answers[0] == answers[1] != answers[2]


def test_one_cache_for_two_methods_would_mix_them_up():
    client = Client()
    shared = library("cachetools.func").ttl_cache()
    cache_methods_in_place(client, ["one", "two"], decorator=shared)
    assert client.one(1) == client.two(1) == "ann:1"


def test_lru_cache_lets_all_threads_through_that_ask_at_once():
    client = Busy(8)
    cache_method_in_place(client, "get_user")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(client.get_user, ["ann"] * 8)) == ["Ann"] * 8
    assert client.calls == ["ann"] * 8


def test_the_recipe_for_one_call_per_key_asks_once(run_recipe):
    client = Busy(2)
    run_recipe(RECIPES.get("One call per key"), client=client)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(client.get_user, "ann") for _ in range(8)]
        client.barrier.wait(10)
        assert [future.result(10) for future in futures] == ["Ann"] * 8
    assert client.calls == ["ann"]


def test_the_recipe_for_async_methods_asks_once(run_recipe, web):
    url, calls = web

    async def main():
        async with library("httpx").AsyncClient(base_url=url) as client:
            with pytest.raises(TypeError, match="'get' of 'AsyncClient' is a coroutine or gen"):
                cache_method_in_place(client, "get")
            run_recipe(RECIPES.get("Async methods"), client=client)
            assert await client.get("/a") is await client.get("/a")
            assert uncache(client) == ["get"]

    asyncio.run(main())
    assert calls == ["/a"]


def test_the_recipe_for_retries_asks_again_when_it_fails_and_then_no_more(run_recipe):
    client = Flaky()
    run_recipe(RECIPES.get("Retries"), client=client)
    assert client.get_user("x") == client.get_user("x") == "ann:user:x"
    assert client.calls == [("get_user", "x"), ("get_user", "x")]


def test_the_recipe_for_iterators_keeps_what_is_in_them(run_recipe):
    with library("reader").make_reader(":memory:") as feeds:
        feeds.add_feed("http://localhost/feed")
        run_recipe(RECIPES.get("A tuple of an iterator"), client=feeds)
        (feed,) = feeds.get_feeds()
        feeds.delete_feed(feed)
        assert feeds.get_feeds() == (feed,)
        assert uncache(feeds) == ["get_feeds"]
        assert list(feeds.get_feeds()) == []


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
def test_the_pytest_fixture_caches_for_a_test_and_undoes_it(tmp_path):
    (tmp_path / "test_it.py").write_text(
        f"""
from cache_inplace import *

class Client:
    def get_user(self, name):
        return object()

    get_repo = one = get_user

CLIENT = Client()
cache_method_in_place(CLIENT, "one")

{RECIPES["In a pytest fixture"]}

@pytest.fixture
def client():
    return CLIENT

def test_cached(cached_client):
    assert cached_client.get_user("a") is cached_client.get_user("a")

def test_undone(client):
    assert cached_methods(client).keys() == {{"one"}}
"""
    )
    folder = pathlib.Path(cache_inplace.__file__).parent
    (tmp_path / "pytest.ini").write_text("[pytest]")  # and no other settings
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert "2 passed" in run.stdout, run.stdout
