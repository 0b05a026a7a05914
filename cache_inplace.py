# SPDX-License-Identifier: 0BSD
# cache_inplace 1.0.0 - one file, no dependencies, CPython 3.10 and newer.
# To vendor it, copy this file into your own code base as it is.
"""Cache a few methods of an object that already exists, in place.

You hold an API client that you neither wrote nor built,
and want two or three of its methods cached,
without a subclass, a proxy or a wrapper class.
Decorating the *bound* method with `functools.lru_cache`
and setting the result on the instance does that:
the instance is not part of the key, each instance has its own caches,
and they die with it.

Guarantees:

* a hit costs what it costs with a bare `lru_cache`;
* a call changes all the methods that it names, or nothing;
* `uncache()` puts everything back exactly;
* what others have patched on top is never touched;
* without `decorator=`, no iterator or awaitable is cached,
  and deep copies and pickles of the object answer for themselves.

Limits: special methods, and objects with nowhere to set an attribute,
are refused; a *shallow* copy shares the cached methods of its original,
and an object of the same class that was handed one under its own name
can't be told from such a copy; results are shared, not copied;
expiry, async and shared caches come from other libraries, by `decorator=`.

A cached method carries the record of its patch as plain data,
so that two vendored copies of this file understand each other:
its attribute ``__cache_inplace__`` is a dict with the keys
``id`` (of the cached method itself, since `functools.wraps` copies the record),
``name`` and ``owner`` (the object that was patched),
``method`` (what the cached method replaced)
and ``shadowed`` (a tuple of what the object itself held under that name, if anything).

The idea is from "Caching a lot of methods in Python",
https://death.andgravity.com/caching-methods (February 2023).
"""

__all__ = ["cache_method_in_place", "cache_methods_in_place", "cached_methods", "uncache"]
__version__ = "1.0.0"

import abc
import contextlib
import copy
import functools
import inspect
import operator
import pkgutil
import threading
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar, overload

_T = TypeVar("_T", bound=Callable[..., Any])
_Decorator: TypeAlias = Callable[[Callable[..., Any]], _T]
_Size: TypeAlias = int | None
_Names: TypeAlias = str | Iterable[str] | Callable[[str], object]
_Record: TypeAlias = dict[str, Any]  # of a patch, as the docstring above tells
_Maybe: TypeAlias = tuple[()] | tuple[Any]  # what stands under a name, or nothing

_RECORD = "__cache_inplace__"

_UNCALLABLE_METHODS = functools.partialmethod, functools.singledispatchmethod
_ONE_SHOT_FLAGS = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR

# Held while patching and undoing, decorators included; a call never takes it.
# Directly below it, as below a try, no loop or comprehension ends in an if (hence filter()):
# Python leaves the jump back out of the exception table, so that Ctrl-C there would keep the lock,
# or skip the undoing (github.com/python/cpython/issues/130279).
_lock = threading.RLock()


@overload
def cache_method_in_place(obj: object, name: str, /, *, decorator: _Decorator[_T]) -> _T: ...
@overload
def cache_method_in_place(
    obj: object, name: str, /, *, decorator: None = ..., maxsize: _Size = ..., typed: bool = ...
) -> "functools._lru_cache_wrapper[Any]": ...
def cache_method_in_place(obj: Any, name: str, /, *, decorator: Any = None, **options: Any) -> Any:
    """Cache one method of obj, for obj alone, and return the cached method.

    The result of `functools.lru_cache` is set on obj under the method's own name,
    so all who hold obj use it, and obj itself does when its methods call each other.
    Its class and its other instances stay as they are.
    A method that is already cached gets a new, empty cache.

    obj: any object, other than a class, that lets an attribute be set.
    name: the method; may be private, or one that `__getattr__` makes up.
    decorator: turns the bound method into what is set, in place of `lru_cache`;
        what it returns is then not checked on its calls (see the README).
    options: for `lru_cache`: maxsize (a number of results, default 128,
        None for no limit) and typed (default False).

    Raises AttributeError if there is no such attribute,
    and TypeError if it can't be cached (not a method, computed, special,
    a coroutine or generator function), if obj can't take it,
    or if the decorator or an option is wrong; obj is then as it was.
    A cached method raises TypeError, and caches nothing,
    when a result turns out to work only once.

    >>> class Client:
    ...     def one(self, arg):
    ...         print("asking for", arg)
    ...         return arg.upper()
    >>> client = Client()
    >>> one = cache_method_in_place(client, "one", maxsize=1000)
    >>> client.one("a")
    asking for a
    'A'
    >>> client.one("a")
    'A'
    >>> client.one is one
    True
    >>> one.cache_info()
    CacheInfo(hits=1, misses=1, maxsize=1000, currsize=1)
    """
    if not isinstance(name, str):
        raise TypeError(f"name is {_kind(name)}, not a string; see cache_methods_in_place()")
    return cache_methods_in_place(obj, name, decorator=decorator, **options)[str.__str__(name)]


@overload
def cache_methods_in_place(
    obj: object, names: _Names, /, *, decorator: _Decorator[_T]
) -> dict[str, _T]: ...
@overload
def cache_methods_in_place(
    obj: object, names: _Names, /, *, decorator: None = ..., maxsize: _Size = ..., typed: bool = ...
) -> "dict[str, functools._lru_cache_wrapper[Any]]": ...
def cache_methods_in_place(
    obj: Any, names: _Names, /, *, decorator: Any = None, **options: Any
) -> dict[str, Any]:
    """Cache several methods of obj, each with a cache of its own, or none at all.

    What changes on obj is what `cache_method_in_place()` changes, once for each name;
    if any of them is refused, obj is exactly as it was.

    obj, decorator, options: as for `cache_method_in_place()`;
        maxsize is per method, and decorator is called once per method.
    names: a name, an iterable of names (duplicates count once, none does nothing),
        or a predicate: called with each public name in `dir(obj)`,
        it selects those for which it returns something truthy,
        less whatever is not a method; no property is evaluated to find out.

    Returns a dict of the cached methods by name.

    Raises what `cache_method_in_place()` raises, TypeError for wrong names,
    and ValueError for a predicate that selects no method.

    >>> class Client:
    ...     timeout = 30
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
    if isinstance(obj, type):
        raise TypeError("obj is a class, which would cache for all; pass an instance")
    cache = _cacher(decorator, options)
    with _lock:
        selected = _selected(obj, names)
        if callable(names) and not selected:
            raise ValueError(f"predicate selects no method of {_kind(obj)}; pass names")
        found = {name: _find(obj, name) for name in selected}
        culprits = list(filter(lambda n: _makes_one_shots(found[n][0]["method"]), found))
        if culprits and decorator is None:
            why = "can't be cached, as the results work only once; leave out, or pass decorator="
            raise TypeError(f"{', '.join(map(repr, culprits))} of {_kind(obj)} {why}")
        cached = {name: _recorded(cache(record), record) for name, (record, _) in found.items()}
        _replace(obj, {name: (held, (cached[name],)) for name, (_, held) in found.items()})
    return cached


def cached_methods(obj: object, /) -> dict[str, Any]:
    """Return the methods of obj that are cached in place, by name.

    Nothing changes, and no attribute is evaluated. It looks through `vars(obj)`,
    after which some Python versions read the attributes of obj more slowly:
    to watch a cache, keep the cached method that patching returned.

    >>> class Client:
    ...     def one(self, arg):
    ...         return arg.upper()
    >>> client = Client()
    >>> cached_methods(client)
    {}
    >>> _ = cache_method_in_place(client, "one")
    >>> for method in cached_methods(client).values():
    ...     method.cache_clear()
    """
    held = dict(_namespace(obj)).items()
    return {name: v for name, v in held if callable(v) and _belongs(_record_of(v), obj, name)}


def uncache(obj: object, names: _Names | None = None, /) -> list[str]:
    """Put cached methods of obj back exactly as they were, and return their names.

    `vars(obj)` is then equal to what it was, with the same objects in the same order.
    Whatever is on obj under the name of a cached method, but isn't that method
    (a mock on top, say), stays; once that is gone, uncache again.

    obj: any object; one with nothing cached stays as it is.
    names: a name, an iterable of names, a predicate on the names that are cached,
        or None (the default) for all.

    Raises ValueError for a name that isn't cached, or that is patched over,
    and TypeError for wrong names; obj is then as it was.

    >>> class Client:
    ...     def one(self, arg):
    ...         return arg.upper()
    >>> client = Client()
    >>> _ = cache_method_in_place(client, "one")
    >>> uncache(client)
    ['one']
    >>> vars(client)
    {}
    >>> uncache(client)
    []
    """
    with _lock:
        cached = cached_methods(obj)
        selected = list(cached) if names is None else _selected(obj, names, cached)
        for name in sorted(set(selected) - set(cached)):
            why = "isn't cached, or is patched over; see cached_methods()"
            raise _refusal(obj, name, why, ValueError)
        _replace(obj, {n: ((cached[n],), _record_of(cached[n])["shadowed"]) for n in selected})
    return selected


def _kind(obj: object) -> str:
    # Never the repr of obj itself, which may show a token.
    return repr(type(obj).__name__)


def _refusal(obj: object, name: str, why: str, error: type[Exception] = TypeError) -> Exception:
    return error(f"{name!r} of {_kind(obj)} {why}")


def _cacher(decorator: Any, options: dict[str, Any]) -> Callable[[_Record], Any]:
    if decorator is None:
        # lru_cache() would take a callable for the function to cache.
        if not isinstance(maxsize := options.get("maxsize"), int | None):
            raise TypeError(f"maxsize is {_kind(maxsize)}; pass an integer or None")
        return functools.partial(_lru_cached, functools.lru_cache(**options))
    if options:
        raise TypeError(f"{list(options)} can't go with decorator; give them to the decorator")
    if not callable(decorator):
        raise TypeError(f"decorator is {_kind(decorator)}, not callable; pass a function")
    return lambda record: decorator(record["method"])


def _selected(obj: object, names: _Names, cached: Iterable[str] | None = None) -> list[str]:
    if callable(names):
        if getattr(_record_of(names).get("method", names), "__self__", None) is obj:
            raise TypeError(f"predicate is a method of the {_kind(obj)} object; pass its name")
        if cached is not None:
            return list(filter(names, cached))
        # Not before here, since dir() asks for the __dict__ of obj, which explicit names must not.
        public = (name for name in dir(obj) if not name.startswith("_"))
        return [name for name in public if names(name) and _is_method(obj, name)]
    try:
        # str.__str__() makes plain strings of enum members, for the keys in vars(obj).
        return list(dict.fromkeys(map(str.__str__, [names] if isinstance(names, str) else names)))
    except TypeError as error:
        why = "not strings; pass names or a predicate (of a pattern, pass its .match)"
        raise TypeError(f"names is {_kind(names)}, {why}") from error


def _is_method(obj: object, name: str) -> bool:
    on_class = _class_attribute(obj, name)
    value = None if _is_computed(on_class) else _fetch(obj, name, on_class, None)[0]
    return callable(value) and not isinstance(value, type)


def _find(obj: object, name: str) -> tuple[_Record, _Maybe]:
    """Return the record of a patch to come, and what obj itself holds now."""
    if name.startswith("__") and name.endswith("__"):
        raise _refusal(obj, name, "is looked up on the class; cache the method that it calls")
    on_class = _class_attribute(obj, name)
    if _is_computed(on_class):
        raise _refusal(obj, name, "is computed when read; cache the method that computes it")
    value, held = _fetch(obj, name, on_class)
    if not callable(value) or isinstance(value, type):
        raise _refusal(obj, name, f"is {_kind(value)}, not a method; pass the name of a method")
    record = {"name": name, "owner": obj, "method": value, "shadowed": held}
    old = _record_of(value)
    if held and _belongs(old, obj, name):
        record.update(method=_unpatched(obj, name, on_class, old), shadowed=old["shadowed"])
    elif old:
        record["method"] = old["method"]  # stored here from elsewhere: caches never stack
    return record, held


def _class_attribute(obj: object, name: str) -> Any:
    # inspect.getattr_static() would ask obj for its __dict__.
    return next((vars(cls)[name] for cls in type(obj).__mro__ if name in vars(cls)), None)


def _is_computed(attribute: Any) -> bool:
    attribute = getattr(attribute, "__func__", attribute)  # of a classmethod, even a property
    kind = type(attribute)
    is_data = hasattr(kind, "__set__") or hasattr(kind, "__delete__")
    is_method = callable(attribute) or isinstance(attribute, _UNCALLABLE_METHODS)
    return is_data or (hasattr(kind, "__get__") and not is_method)


def _fetch(obj: object, name: str, on_class: Any, *default: object) -> tuple[Any, _Maybe]:
    """Return obj.name, and what obj itself holds under that name, leaving it at that."""
    function = on_class.__func__ if type(on_class) is classmethod else on_class
    if type(function) is types.FunctionType and _is_ordinary(obj):
        # A method of the class is bound anew by each fetch, unlike what obj itself holds.
        # That tells without asking for its __dict__, which would slow obj down for good.
        value = getattr(obj, name, *default)
        return value, (value,) if value is getattr(obj, name, *default) else ()
    held = (namespace[name],) if name in (namespace := _namespace(obj)) else ()
    value = getattr(obj, name, *default)
    if not held:
        _set(obj, name, ())  # what fetching has left there, as from ctypes.CDLL
    return value, held


def _is_ordinary(obj: object) -> bool:
    cls = type(obj)
    return cls.__getattribute__ is object.__getattribute__ and cls.__setattr__ is object.__setattr__


def _namespace(obj: object) -> dict[str, Any]:
    # For a proxy, its target's; where any attribute can be had, maybe no dict at all.
    namespace = getattr(obj, "__dict__", None)
    return namespace if isinstance(namespace, dict) else {}


def _set(obj: object, name: str, held: _Maybe) -> None:
    # Past any __setattr__, as that may refuse, or write data; _set_and_check() sees if it took.
    if not held:
        _namespace(obj).pop(name, None)
    elif not _is_ordinary(obj):
        _namespace(obj)[name] = held[0]
    else:
        with contextlib.suppress(AttributeError):
            object.__setattr__(obj, name, *held)


def _record_of(value: object) -> _Record:
    # Not with hasattr(), since mocks and xmlrpc proxies answer any name; nor where type() tells
    # that its dict isn't its own: that of a bound method is its function's, a proxy may connect.
    record = _namespace(value).get(_RECORD) if type(value).__dictoffset__ else None
    # The id tells the cached method from what functools.wraps() made of it.
    return record if isinstance(record, dict) and record.get("id") == id(value) else {}


def _belongs(record: _Record, obj: object, name: str) -> bool:
    # If obj is of the same class, it is a shallow copy (modules can't be copied),
    # or the same object behind a proxy.
    return record.get("name") == name and (
        record["owner"] is obj or record["owner"].__class__ is obj.__class__ is not types.ModuleType
    )


def _unpatched(obj: object, name: str, on_class: Any, record: _Record) -> Any:
    if record["shadowed"] or record["owner"] is obj:
        return record["method"]
    # The method of a shallow copy is bound to its original.
    bind = getattr(type(on_class), "__get__", lambda *_: on_class)
    make_up = getattr(type(obj), "__getattr__", lambda *_: record["method"])
    method = make_up(obj, name) if on_class is None else bind(on_class, obj, type(obj))
    return _record_of(method).get("method", method)


def _makes_one_shots(method: Any) -> bool:
    while isinstance(method, functools.partial):
        method = method.func
    # What inspect has for this would cost half as much as all of patching.
    code = getattr(method, "__code__", None)
    return isinstance(code, types.CodeType) and bool(code.co_flags & _ONE_SHOT_FLAGS)


def _lru_cached(lru_cache: Callable[..., Any], record: _Record) -> Any:
    cached = lru_cache(types.MethodType(_call, record))  # which is smaller than a closure
    parameters = cached.cache_parameters
    vars(cached).clear()  # of what lru_cache has copied from _call
    functools.update_wrapper(cached, record["method"])
    # The signature of the function has a self, the others would be those of an inner cache.
    for mark in "__signature__", "cache_info", "cache_clear":
        vars(cached).pop(mark, None)
    cached.cache_parameters = parameters
    cached.__reduce_ex__ = types.MethodType(_reduced, record)
    cached.__deepcopy__ = types.MethodType(_deep_copied, record)
    return cached


def _call(record: _Record, /, *args: Any, **kwargs: Any) -> Any:
    result = record["method"](*args, **kwargs)
    if not issubclass(type(result), _WorksOnce):
        return result
    if inspect.iscoroutine(result) and inspect.getcoroutinestate(result) == inspect.CORO_CREATED:
        result.close()
    why = f"was called, but its result, {_kind(result)}, may work only once and isn't cached"
    raise _refusal(record["owner"], record["name"], f"{why}; uncache it, or pass decorator=")


class _WorksOnce(abc.ABC):  # noqa: B024
    # An abstract class, as that remembers its answer for each type, by a weak reference.
    @classmethod
    def __subclasshook__(cls, kind: type) -> bool:
        names = set().union(*map(vars, kind.__mro__))
        once = "__await__" in names or issubclass(kind, contextlib._GeneratorContextManagerBase)
        # Unlike an iterator, a mock that has all the magic methods can be called.
        return once or ("__call__" not in names and not names.isdisjoint(["__next__", "__anext__"]))


def _reduced(record: _Record, _protocol: object) -> tuple[Any, ...]:
    obj, name, method = record["owner"], record["name"], record["method"]
    if isinstance(obj, types.ModuleType):
        return pkgutil.resolve_name, (f"{obj.__name__}:{name}",)
    # By name, as the function may have another, or be a closure that __getattr__ has made.
    by_name = hasattr(type(obj), name) or isinstance(method, types.FunctionType)
    if by_name and not record["shadowed"]:
        return getattr, (obj, name)
    return operator.getitem, ({name: method}, name)


def _deep_copied(record: _Record, memo: dict[int, Any]) -> Any:
    if type(record["method"]) is types.MethodType or getattr not in _reduced(record, None):
        return copy.deepcopy(record["method"], memo)
    # deepcopy() would share a builtin method, for one.
    return getattr(copy.deepcopy(record["owner"], memo), record["name"])


def _recorded(cached: Any, record: _Record) -> Any:
    # A product has room for one record, so what was recorded before is no good here,
    # nor is what has its attributes on the method, as a proxy that wrapt's decorators make.
    room, record["id"] = _namespace(cached), id(cached)
    has_room = callable(cached) and type(cached).__dictoffset__ and not _record_of(cached)
    if has_room and room is not _namespace(record["method"]):
        room[_RECORD] = record
    if _record_of(cached) is not record:
        why = f"was decorated into {_kind(cached)}, which can't be recorded, or was before"
        raise _refusal(record["owner"], record["name"], f"{why}; return a new function")
    return cached


def _replace(obj: object, changes: Mapping[str, tuple[_Maybe, _Maybe]]) -> None:
    try:
        for name, (_, new) in changes.items():
            _set_and_check(obj, name, new)
    except BaseException:
        for name, (old, _) in changes.items():
            _set(obj, name, old)
        raise


def _set_and_check(obj: object, name: str, held: _Maybe) -> None:
    _set(obj, name, held)
    # What is put back may come out as something else, if __getattribute__ wraps it.
    if held and getattr(obj, name) is not held[0] and _record_of(*held):
        raise _refusal(obj, name, "can't be set; cache it on an object that takes it")
