# SPDX-License-Identifier: 0BSD
# cache_inplace 2.0.0, to be copied as it is; for CPython 3.10 to 3.15.
"""Cache a few methods of an object that already exists, in place.

You hold an API client that somebody else has made,
and want two or three of its methods cached.
Decorating the *bound* method with `functools.lru_cache`
and setting the result on the instance does that:
every instance has its own caches, which die with it.
This module also undoes it exactly, and refuses what would go wrong silently.

Limits:

* a deep copy or a pickle of the object has methods of its own, uncached;
  but uncache the object first if it is cached with `decorator=`,
  if a `__getattr__` makes up its methods,
  or if its class has a `__deepcopy__` or `__reduce__` of its own;
* a deep copy has these methods among its attributes: `del` them before you make
  a shallow copy of the deep copy;
* a *shallow* copy shares the cached methods, which go on calling the original,
  so call `uncache(copy)` first.

Several vendored copies of this file understand each other, since a cached method
carries a record of its patch: a dict, in the attribute ``__cache_inplace__``, with
``id`` (of the cached method), ``name``, ``owner`` (the patched object),
``method`` (what is called on a miss), and ``shadowed`` (a tuple with what the object
itself held under that name before; empty if it held nothing).

The idea is from "Caching a lot of methods in Python",
https://death.andgravity.com/caching-methods (February 2023).
"""

import contextlib
import copy
import functools
import inspect
import math
import operator
import threading
import time
import types
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
    Iterable,
    Iterator,
)
from typing import Any, TypeAlias, TypeVar

__all__ = [
    "cache_method_in_place",
    "cache_methods_in_place",
    "cached_methods",
    "uncache",
]
__version__ = "2.0.0"

_T = TypeVar("_T")
_Names: TypeAlias = str | Iterable[str] | Callable[[str], object]
_Key: TypeAlias = Callable[..., Hashable]
_Decorator: TypeAlias = Callable[[Any], Any]
_Record: TypeAlias = dict[str, Any]

_lock = threading.RLock()


def cache_method_in_place(
    obj: Any,
    name: str,
    /,
    *,
    maxsize: int | None = 128,
    typed: bool = False,
    ttl: float | None = None,
    key: _Key | None = None,
    decorator: _Decorator | None = None,
) -> Any:
    """Cache one method of obj, for obj alone, and return the cached method.

    What `functools.lru_cache` makes of the bound method is set on obj
    under the method's own name. So all who hold obj use the cache,
    its own methods included. Its class and other instances stay as they are.
    If the method is cached already, it gets a new cache.

    obj: any object that can have attributes of its own, even if it is frozen,
        but not a class or a method.
    name: the name of a method, even if it is private or made up by a `__getattr__`,
        but not if it is special (`__len__`).
    maxsize: how many results to keep, 128 by default; None for no limit.
    typed: whether equal arguments (or keys) of different types have results of
        their own; False by default.
    ttl: for how many seconds each result is served; None, the default, for ever.
    key: called with the arguments of each call. Calls for which it returns equal,
        hashable values share a result. None, the default, compares the arguments.
    decorator: called with the bound method in place of `lru_cache` and all other
        options. It returns a new function, which is set on obj. None by default.

    Without a decorator, the cached method has `cache_info()`, `cache_clear()`,
    `cache_parameters()` and `__wrapped__`, as with `lru_cache`. Calling it raises
    TypeError if the result can be used only once: an iterator, a database cursor,
    an awaitable, or what a `@contextmanager` function returns.

    Raises AttributeError if obj has no such attribute, ValueError if ttl isn't above 0,
    and TypeError for whatever else isn't as described above, if the method has a cache
    of its own, or if, without a decorator, it is a coroutine or generator function.
    Then obj is as it was before.

    >>> class Client:
    ...     def one(self, arg):
    ...         print("asking for", arg)
    ...         return arg.upper()
    >>> client = Client()
    >>> one = cache_method_in_place(client, "one", maxsize=1000, ttl=60)
    >>> client.one("a"), client.one("a")
    asking for a
    ('A', 'A')
    >>> one.cache_info()
    CacheInfo(hits=1, misses=1, maxsize=1000, currsize=1)
    """
    if not isinstance(name, str):
        raise TypeError(
            f"name is {_type_name(name)}, not a string; "
            f"pass {_what_to_pass_for(name)}, or see cache_methods_in_place()"
        )
    cached = cache_methods_in_place(
        obj,
        [name],
        maxsize=maxsize,
        typed=typed,
        ttl=ttl,
        key=key,
        decorator=decorator,
    )
    return cached[name]


def cache_methods_in_place(
    obj: Any,
    names: _Names,
    /,
    *,
    maxsize: int | None = 128,
    typed: bool = False,
    ttl: float | None = None,
    key: _Key | None = None,
    decorator: _Decorator | None = None,
) -> dict[str, Any]:
    """Cache several methods of obj, each with its own cache, and return them by name.

    If one method is refused, none is cached. For the other parameters and errors,
    see `cache_method_in_place()`.

    names: one name, an iterable of names, or a predicate, which selects a name by
        returning something truthy. It is called with the public names of obj's class
        (of `dir(obj)` if the class has a `__dir__`), and only if no method is selected
        there, with those of what obj itself holds. Properties aren't evaluated.

    Raises TypeError for names of another kind, or if the predicate is a method of obj,
    and ValueError if it selects nothing.

    >>> class Client:
    ...     def get_user(self, name):
    ...         return name.title()
    ...     def get_repo(self, name):
    ...         return name.lower()
    >>> client = Client()
    >>> list(cache_methods_in_place(client, ["get_user", "get_repo"], maxsize=1000))
    ['get_user', 'get_repo']
    >>> import re
    >>> list(cache_methods_in_place(client, re.compile("get_|list_").match))
    ['get_repo', 'get_user']
    """
    _refuse_class_or_method(obj)
    _check_options(maxsize, typed, ttl, key, decorator)

    def make(record: _Record) -> Any:
        if decorator is not None:
            return _decorated(record, decorator)
        _refuse_one_shot_function(record)
        return _cached(record, functools.lru_cache(maxsize, typed), ttl, key)

    return _under_lock(_patch, obj, names, make)


def cached_methods(obj: Any, /) -> dict[str, Any]:
    """Return the methods of obj that are cached in place, by name.

    obj: any object. Some Python versions read its attributes more slowly afterwards,
        as they do after `vars(obj)`.

    >>> class Client:
    ...     def one(self, arg):
    ...         return arg.upper()
    >>> client = Client()
    >>> _ = cache_method_in_place(client, "one")
    >>> for method in cached_methods(client).values():
    ...     method.cache_clear()
    """
    attributes = dict(_dict_of(obj))  # a copy, for threads
    return {
        name: value
        for name, value in attributes.items()
        if _applies_to(obj, name, _record_of(value))
    }


def uncache(obj: Any, names: _Names | None = None, /) -> list[str]:
    """Put cached methods of obj back exactly as they were, and return their names.

    Afterwards `vars(obj)` holds the same objects in the same order as before.
    What somebody else has put in place of a cached method, such as a mock, stays.

    obj: any object, but not a class or a method.
    names: one name, an iterable of names, or a predicate, which is called with those
        that are cached. None, the default, means all.

    Raises ValueError for a name that isn't cached, or is patched over, and TypeError
    for whatever else isn't as described above, or if the predicate is a method of obj.

    >>> class Client:
    ...     def one(self, arg):
    ...         return arg.upper()
    >>> client = Client()
    >>> _ = cache_method_in_place(client, "one")
    >>> uncache(client), vars(client)
    (['one'], {})
    >>> uncache(client)
    []
    """
    _refuse_class_or_method(obj)
    return _under_lock(_undo, obj, names)


# How it works
#
# Patching reads a method, lets lru_cache or the user's decorator make a cached method
# of it, and sets that on the object under the same name. Undoing follows the record
# that the cached method carries.
#
# An object *holds* what is in its own `__dict__`. What it holds under a name, or what
# its class has, is passed around in a tuple: of one thing, or empty.
#
# A proxy, or a mock with a spec, has the methods of another class, `obj.__class__`.
# But how its attributes are read and set depends on `type(obj)`.
#
# From 3.11 on, asking an object for its `__dict__` can make reading its attributes
# three times as slow. So patching avoids that where it can.


def _under_lock(function: Callable[..., _T], *args: Any) -> _T:
    inside = False
    try:
        with _lock:
            inside = True
            return function(*args)
    finally:
        if not inside:
            # Python 3.14 can raise Ctrl-C when `with` has taken the lock, but isn't in
            # its block yet.
            with contextlib.suppress(RuntimeError):  # if it isn't taken
                _lock.release()


def _patch(obj: Any, names: _Names, make: Callable[[_Record], Any]) -> dict[str, Any]:
    selected = _names_of_methods(obj, names) if callable(names) else _listed(names)
    before = {name: _held(obj, name) for name in selected}
    records = [_new_record(obj, name, held) for name, held in before.items()]
    cached = {record["name"]: make(record) for record in records}
    new = {name: (method,) for name, method in cached.items()}
    try:
        # No `for` statement: Ctrl-C at its end could get past the except.
        # https://github.com/python/cpython/issues/130279
        _hold_all(obj, new)
        lost = next((n for n in new if getattr(obj, n) is not cached[n]), None)
        if lost is not None:
            raise _refusal(
                obj, lost, "can't be set on this object; pass one with attributes"
            )
    except BaseException:
        _hold_all(obj, before)
        raise
    return cached


def _undo(obj: Any, names: _Names | None) -> list[str]:
    cached = cached_methods(obj)
    if callable(names):
        _refuse_own_method(obj, names)
        selected = [name for name in cached if names(name)]
    else:
        selected = _listed(cached if names is None else names)
    for name in selected:
        if name not in cached:
            raise ValueError(
                f"{name!r} of {_type_name(obj)} isn't cached, or is patched over; "
                "see cached_methods()"
            )
    shadowed = {name: _record_of(cached[name])["shadowed"] for name in selected}
    try:
        _hold_all(obj, shadowed)
    except BaseException:
        _hold_all(obj, {name: (cached[name],) for name in selected})
        raise
    return selected


def _hold_all(obj: Any, held_by_name: dict[str, tuple[Any, ...]]) -> None:
    for name, held in held_by_name.items():
        _hold(obj, name, held)


# Messages. They never show the repr of an object, which may hold a token.


def _type_name(thing: object) -> str:
    return repr(type(thing).__name__)


def _refusal(obj: object, name: str, why: str) -> TypeError:
    return TypeError(f"{name!r} of {_type_name(obj)} {why}")


def _what_to_pass_for(given: object) -> str:
    name = getattr(given, "__name__", None)
    # Not '<lambda>', nor what an xmlrpc method has there.
    if isinstance(name, str) and name.isidentifier():
        return f"the name of the method, {name!r}"
    return "a name"


def _refuse_class_or_method(obj: object) -> None:
    if isinstance(obj, type):
        raise TypeError("obj is a class; pass an instance of it")
    method_types = types.MethodType, types.BuiltinMethodType
    if isinstance(obj, method_types) or _record_of(obj):
        raise TypeError(
            f"obj is a method; pass the object that has it, and {_what_to_pass_for(obj)}"
        )


def _refuse_own_method(obj: object, predicate: Callable[[str], object]) -> None:
    """Refuse client.one as a predicate, since it would be called with every name."""
    name = _record_of(predicate).get("name", getattr(predicate, "__name__", None))
    if (
        isinstance(name, str)
        and _is_method(obj, name)
        and getattr(obj, name) == predicate
    ):
        raise TypeError(
            f"predicate is a method of {_type_name(obj)}; "
            f"pass {_what_to_pass_for(predicate)}"
        )


def _check_options(
    maxsize: int | None,
    typed: bool,
    ttl: float | None,
    key: _Key | None,
    decorator: _Decorator | None,
) -> None:
    if maxsize is not None and not isinstance(maxsize, int):
        raise TypeError(f"maxsize is {_type_name(maxsize)}; pass an integer or None")
    if ttl is not None:
        if not isinstance(ttl, (int, float)) or isinstance(ttl, bool):
            raise TypeError(f"ttl is {_type_name(ttl)}; pass a number of seconds")
        if not float(ttl) > 0:  # nan isn't, either
            raise ValueError("ttl isn't above 0; pass a number of seconds, or None")
    for option, given in ("key", key), ("decorator", decorator):
        if given is not None and not callable(given):
            raise TypeError(f"{option} is {_type_name(given)}; pass a function")
    if decorator is not None and (maxsize, typed, ttl, key) != (128, False, None, None):
        raise TypeError(
            "decorator takes the place of maxsize, typed, ttl and key; "
            "give the decorator its own options"
        )


# Which names


def _listed(names: str | Iterable[str]) -> list[str]:
    if isinstance(names, str):
        return [names]
    if not isinstance(names, Iterable):
        raise TypeError(
            f"names is {_type_name(names)}; "
            "pass a name, names or a predicate (of a pattern, pass its .match)"
        )
    listed = list(names)
    for name in listed:
        if not isinstance(name, str):
            raise TypeError(
                f"names has {_type_name(name)} in it; pass {_what_to_pass_for(name)}"
            )
    return list(dict.fromkeys(listed))


def _names_of_methods(obj: Any, predicate: Callable[[str], object]) -> list[str]:
    _refuse_own_method(obj, predicate)

    def selected(names: Iterable[str]) -> list[str]:
        return [
            name
            for name in sorted(names)
            if not name.startswith("_") and predicate(name) and _is_method(obj, name)
        ]

    cls = obj.__class__
    # What dir(obj) lists of the class. dir(cls) may ask a metaclass.
    names = type.__dir__(cls) if cls.__dir__ is object.__dir__ else dir(obj)
    # A gRPC stub itself holds all its methods.
    found = selected(names) or selected(_dict_of(obj))
    if not found:
        raise ValueError(
            f"predicate selects no method of {_type_name(obj)}; check it, or pass names"
        )
    return found


def _is_method(obj: Any, name: str) -> bool:
    """Tell whether a name is that of a method, without evaluating properties."""
    on_class = _on_class(obj.__class__, name)
    if on_class:
        # These are methods, too, but can't be called as they stand on the class.
        kinds = classmethod, functools.partialmethod, functools.singledispatchmethod
        may_be_method = isinstance(on_class[0], kinds) or _is_function(on_class[0])
        if _is_property(on_class[0]) or not may_be_method:
            return False
    # A __dir__ may list what isn't there.
    return _is_function(getattr(obj, name, None))


# Reading


def _on_class(cls: type, name: str) -> tuple[Any, ...]:
    """Return what a class or its bases have under a name, unread."""
    # inspect.getattr_static() takes several times as long.
    for base in cls.__mro__:
        if name in base.__dict__:
            return (base.__dict__[name],)
    return ()


def _is_property(on_class: object) -> bool:
    return inspect.isdatadescriptor(on_class) or isinstance(
        on_class, functools.cached_property
    )


def _is_function(value: object) -> bool:
    # A class (client.Error) is there for other uses.
    return callable(value) and not isinstance(value, type)


# Holding


def _is_ordinary(obj: object) -> bool:
    """Tell whether Python itself reads and sets the attributes of an object.

    It doesn't for frozen dataclasses, mocks, modules or proxies.
    """
    cls = type(obj)
    return (
        cls.__getattribute__ is object.__getattribute__
        and cls.__setattr__ is object.__setattr__
        and cls.__delattr__ is object.__delattr__
    )


def _dict_of(obj: object) -> dict[str, Any]:
    """Return the `__dict__` of an object, or a new dict if it has none to write to."""
    namespace: Any = getattr(obj, "__dict__", None)
    # isinstance() would believe an rpyc proxy that it is a dict.
    return namespace if issubclass(type(namespace), dict) else {}


def _held(obj: Any, name: str) -> tuple[Any, ...]:
    on_class = _on_class(type(obj), name)
    if on_class and inspect.isfunction(on_class[0]) and _is_ordinary(obj):
        # Two readings of a function give two bound methods. What obj holds is the same.
        first, second = getattr(obj, name), getattr(obj, name)
        if first is not second:
            return ()
    namespace = _dict_of(obj)
    return (namespace[name],) if name in namespace else ()


def _hold(obj: Any, name: str, held: tuple[Any, ...]) -> None:
    """Make an object hold something, or nothing; no effect if it can't."""
    if _is_ordinary(obj):
        with contextlib.suppress(AttributeError):
            if held:
                setattr(obj, name, held[0])
            else:
                delattr(obj, name)
    elif held:
        _dict_of(obj)[name] = held[0]
    else:
        _dict_of(obj).pop(name, None)


# Records


def _new_record(obj: Any, name: str, held: tuple[Any, ...]) -> _Record:
    """Return the record of a patch, still without an id, or refuse that name."""
    if name.startswith("__") and name.endswith("__"):
        raise _refusal(
            obj, name, "is looked up on the class; cache the method that it calls"
        )
    on_class = _on_class(obj.__class__, name)
    if on_class and _is_property(on_class[0]):
        what = _type_name(on_class[0])
        raise _refusal(
            obj, name, f"is {what}, not a method; cache the method behind it"
        )
    method, shadowed = getattr(obj, name), held
    if not _is_function(method):
        what = _type_name(method)
        raise _refusal(obj, name, f"is {what}, not a method; pass the name of a method")
    earlier = _record_of(held[0]) if held else {}
    if _applies_to(obj, name, earlier):
        if not _share_dict(obj, earlier["owner"]):
            raise _refusal(
                obj,
                name,
                "is cached for the original of this copy; uncache the copy first",
            )
        method, shadowed = earlier["method"], earlier["shadowed"]
    # Mocks and the methods of xmlrpc have any attribute.
    if hasattr(method, "cache_clear") and not hasattr(method, "no_such_attribute"):
        raise _refusal(
            obj, name, "has a cache of its own; use that, or cache a method it calls"
        )
    return {"name": name, "owner": obj, "method": method, "shadowed": shadowed}


def _record_of(thing: Any) -> _Record:
    """Return the record of a cached method, or an empty dict for anything else."""
    # What isn't callable had better not be asked for its __dict__.
    if not callable(thing):
        return {}
    try:
        # Not by getattr(), since a proxy may have no target at the moment.
        namespace = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
    record: _Record = namespace.get("__cache_inplace__", {})
    # functools.wraps() copies the record to functions with another id.
    return record if record.get("id") == id(thing) else {}


def _applies_to(obj: Any, name: str, record: _Record) -> bool:
    """Tell whether a record is that of obj, or of what obj is a shallow copy of."""
    if record.get("name") != name:
        return False
    if isinstance(obj, types.ModuleType):
        # All modules are of one class, but no copies of each other.
        return _share_dict(obj, record["owner"])
    return record["owner"].__class__ is obj.__class__


def _share_dict(one: object, other: object) -> bool:
    """As a proxy does with its target, and a bound method with its function."""
    return one is other or _dict_of(one) is _dict_of(other)


# Cached methods


def _decorated(record: _Record, decorator: _Decorator) -> Any:
    owner, name, method = record["owner"], record["name"], record["method"]
    decorated = decorator(method)
    what = f"was decorated into {_type_name(decorated)}, which"
    if _share_dict(decorated, method) or _record_of(decorated):
        raise _refusal(
            owner, name, f"{what} isn't new; return a new function each time"
        )
    record["id"] = id(decorated)
    try:
        decorated.__cache_inplace__ = record
    except (AttributeError, TypeError):
        why = f"{what} takes no attributes; return a function"
        raise _refusal(owner, name, why) from None
    if not callable(decorated):
        raise _refusal(owner, name, f"{what} can't be called; return a function")
    return decorated


def _cached(
    record: _Record,
    lru_cache: Callable[[Any], Any],
    ttl: float | None,
    key: _Key | None,
) -> Any:
    cached: Any = functools.partial(_call_and_check, record)
    if ttl is None and key is None:
        cached = lru_cache(cached)
    else:
        cached = _CachedMethod(cached, lru_cache, ttl, key)
    functools.update_wrapper(cached, record["method"], updated=())
    # Copy its other attributes, but none that is there already, nor the __signature__
    # of the function, which includes self.
    for name, value in _dict_of(record["method"]).items():
        if name != "__signature__" and not hasattr(cached, name):
            setattr(cached, name, value)
    _copy_as_uncached(cached, record)
    record["id"] = id(cached)
    cached.__cache_inplace__ = record
    return cached


class _Call(functools.partial[Any]):
    """A call to be made on a miss. In a cache key, it doesn't count: all are equal."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class _CachedMethod:
    """What `lru_cache` would return if it had a ttl and a key.

    An lru_cache keeps an entry for each call: the result, and when that expires.
    An expired entry is renewed in its place.
    """

    # The __dict__ is for what the method carries.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_ask",
        "_entry",
        "_key",
        "_new_entry",
        "_ttl",
    )

    def __init__(
        self,
        method: Callable[..., Any],
        lru_cache: Callable[[Any], Any],
        ttl: float | None,
        key: _Key | None,
    ) -> None:
        lifetime = math.inf if ttl is None else ttl

        def ask(*args: Any, **kwargs: Any) -> list[Any]:
            return [method(*args, **kwargs), time.monotonic() + lifetime]

        def ask_by_key(_: Hashable, call: _Call) -> Any:
            return call()

        self._ask = ask
        self._key = key
        self._ttl = ttl
        function = ask if key is None else ask_by_key
        self._entry = lru_cache(function)
        # This keeps nothing, but counts its calls, as lru_cache does, safe from threads.
        self._new_entry = functools.lru_cache(maxsize=0)(function)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if self._key is not None:
            call = _Call(self._ask, *args, **kwargs)
            args, kwargs = (self._key(*args, **kwargs), call), {}
        now = time.monotonic()  # before a new entry gets its time
        entry = self._entry(*args, **kwargs)
        if entry[1] <= now:
            entry[:] = self._new_entry(*args, **kwargs)
        return entry[0]

    def cache_info(self) -> Any:
        # To find an expired entry is a hit for lru_cache, but a miss here.
        expired = self._new_entry.cache_info().misses
        info = self._entry.cache_info()
        hits = max(info.hits - expired, 0)  # not below 0 if cleared meanwhile
        return info._replace(hits=hits, misses=info.misses + expired)

    def cache_clear(self) -> None:
        self._new_entry.cache_clear()
        self._entry.cache_clear()

    def cache_parameters(self) -> dict[str, Any]:
        return {**self._entry.cache_parameters(), "ttl": self._ttl}


# One-shot results

_ONE_SHOT_FLAGS = (
    inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
)
_ONE_SHOT_CLASSES = (
    Iterator,
    AsyncIterator,
    Awaitable,
    # What @contextmanager functions return is of these public classes.
    contextlib.ContextDecorator,
    contextlib.AsyncContextDecorator,
)
# For speed.
_REUSABLE_CLASSES = {type(None), bool, int, float, str, bytes, tuple, list, dict, set}


def _refuse_one_shot_function(record: _Record) -> None:
    # inspect.iscoroutinefunction() is misled by mocks, whose __code__ can be a mock.
    code = getattr(record["method"], "__code__", None)
    if isinstance(code, types.CodeType) and code.co_flags & _ONE_SHOT_FLAGS:
        raise _refusal(
            record["owner"],
            record["name"],
            "is a coroutine or generator function, whose results can be used only once; "
            "pass decorator=, such as async_lru.alru_cache, or one that makes a tuple",
        )


def _call_and_check(record: _Record, /, *args: Any, **kwargs: Any) -> Any:
    result = record["method"](*args, **kwargs)
    if type(result) in _REUSABLE_CLASSES or not _is_one_shot(result):
        return result
    # Python would warn of a coroutine that nobody ever starts.
    if (
        inspect.iscoroutine(result)
        and inspect.getcoroutinestate(result) == inspect.CORO_CREATED
    ):
        result.close()
    raise _refusal(
        record["owner"],
        record["name"],
        f"was called, but its result, {_type_name(result)}, may be usable only once "
        "and isn't cached; uncache it, or pass decorator= to say how to cache it",
    )


def _is_one_shot(result: Any) -> bool:
    if hasattr(type(result), "assert_called"):
        return False  # a mock, which can pass for anything
    cls = result.__class__  # since tracers put cursors into proxies
    # Some cursors have no __next__. But other things may have a fetchone, too.
    is_cursor = hasattr(cls, "fetchone") and issubclass(cls, (Iterable, AsyncIterable))
    return is_cursor or issubclass(cls, _ONE_SHOT_CLASSES)


# Copies and pickles


def _copy_as_uncached(cached: Any, record: _Record) -> None:
    """Let copy.deepcopy() and pickle, which look here, make a plain method of it."""
    function: Any
    if record["shadowed"]:
        # The object held the method, so its copy holds a copy of that.
        function, args = operator.getitem, (record["shadowed"], 0)
    else:
        # The copy of the object has the method, too.
        function, args = getattr, (record["owner"], record["name"])
    cached.__reduce_ex__ = lambda _: (function, args)
    cached.__deepcopy__ = lambda memo: function(*copy.deepcopy(args, memo))
