# SPDX-License-Identifier: 0BSD
# cache_inplace 1.1.0 - one file, no dependencies, CPython 3.10 to 3.14.
# To vendor it, copy this file into your own code base as it is.
"""Cache a few methods of an object that already exists, in place.

You hold an API client that you neither wrote nor built,
and want two or three of its methods cached,
without a subclass, a proxy or a wrapper class.
Decorating the *bound* method with `functools.lru_cache`
and setting the result on the instance does that:
the instance is not part of the key, every instance has its own caches,
and the caches die with their instance.

Guarantees:

* a hit costs what it costs with a bare `lru_cache`;
* a call patches all the methods that it names, or none of them;
* `uncache()` puts everything back exactly;
* whatever others have patched on top is never touched;
* without `decorator=`, no iterator and nothing to await is ever cached;
* without `decorator=`, a deep copy of the object, or its pickle,
  calls its own, uncached method.

Limits:

* special methods such as `__len__` are refused, and so is an object
  on which no attribute can be set;
* a *shallow* copy shares the cached methods of its original,
  and an object of the same class that was given one under its own name
  can't be told from such a copy;
* results are shared, not copied;
* expiry, async and shared caches come from other libraries, by `decorator=`.

A cached method carries the record of its patch as plain data,
so that two vendored copies of this file understand each other.
The record is a dict, in the attribute ``__cache_inplace__``. Its keys are
``id`` (the id of the cached method itself, since `functools.wraps` copies the record),
``name``,
``owner`` (the object that was patched),
``method`` (what the cached method calls on a miss), and
``shadowed`` (a tuple of what the object itself held under that name before,
or an empty tuple if it held nothing).

The idea is from "Caching a lot of methods in Python",
https://death.andgravity.com/caching-methods (February 2023).
"""

__all__ = [
    "cache_method_in_place",
    "cache_methods_in_place",
    "cached_methods",
    "uncache",
]
__version__ = "1.1.0"

import abc
import contextlib
import copy
import functools
import gc
import inspect
import operator
import pkgutil
import threading
import types
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeAlias, TypeVar, overload

_T = TypeVar("_T", bound=Callable[..., Any])
_Decorator: TypeAlias = Callable[[Callable[..., Any]], _T]
_Predicate: TypeAlias = Callable[[str], object]
_Names: TypeAlias = str | Iterable[str] | _Predicate

# Held while patching and undoing, and while a decorator runs; a call never takes it.
# Each `with _lock:` below holds a single call. Where it held a loop, Ctrl-C could arrive
# at the loop's end and leave the lock held for good, since Python doesn't count that
# place as inside (https://github.com/python/cpython/issues/130279).
_lock = threading.RLock()


@overload
def cache_method_in_place(
    obj: object, name: str, /, *, decorator: _Decorator[_T]
) -> _T: ...
@overload
def cache_method_in_place(
    obj: object,
    name: str,
    /,
    *,
    maxsize: int | None = 128,
    typed: bool = False,
    decorator: None = None,
) -> "functools._lru_cache_wrapper[Any]": ...
def cache_method_in_place(
    obj: Any,
    name: str,
    /,
    *,
    maxsize: int | None = 128,
    typed: bool = False,
    decorator: _Decorator[Any] | None = None,
) -> Any:
    """Cache one method of obj, for obj alone, and return the cached method.

    What `functools.lru_cache` makes of the bound method is set on obj
    under the method's own name. So everybody who holds obj uses the cache,
    and so does obj itself when its methods call each other.
    The class of obj and its other instances stay as they are.
    A method that is already cached gets a new, empty cache.

    obj: any object on which attributes can be set, but not a class.
    name: the name of the method. It may be private (`_get`),
        or one that `dir(obj)` doesn't list because `__getattr__` makes it up.
    maxsize: how many results to keep; None for no limit. 128 by default.
    typed: whether arguments that are equal but of different types, such as 1.0 and True,
        have results of their own. False by default.
    decorator: called with the bound method in place of `lru_cache`;
        what it returns is set on obj, and its results aren't checked.
        None, which means `lru_cache`, by default.

    Raises AttributeError if obj has no such attribute.
    Raises TypeError if it isn't a method, is a property, a special method,
    or a coroutine or generator function without a decorator;
    if the attribute can't be set on obj; if an option or the decorator is wrong,
    or maxsize or typed is given together with a decorator.
    After an error, obj is as it was before.

    Without a decorator, a call of the cached method raises TypeError, and caches nothing,
    if the result can be used only once: an iterator, or something to await.

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
        remedy = "see cache_methods_in_place() for several names"
        if callable(name):
            remedy = f"pass {_remedy_for_method(name)}"
        raise TypeError(f"name is {_type_name(name)}, not a string; {remedy}")
    with _lock:
        return _patch(obj, [name], maxsize, typed, decorator)[name]


@overload
def cache_methods_in_place(
    obj: object, names: _Names, /, *, decorator: _Decorator[_T]
) -> dict[str, _T]: ...
@overload
def cache_methods_in_place(
    obj: object,
    names: _Names,
    /,
    *,
    maxsize: int | None = 128,
    typed: bool = False,
    decorator: None = None,
) -> "dict[str, functools._lru_cache_wrapper[Any]]": ...
def cache_methods_in_place(
    obj: Any,
    names: _Names,
    /,
    *,
    maxsize: int | None = 128,
    typed: bool = False,
    decorator: _Decorator[Any] | None = None,
) -> dict[str, Any]:
    """Cache several methods of obj, each with a cache of its own, or none at all.

    Each method is cached as `cache_method_in_place()` does it.
    If any of them is refused, obj stays exactly as it was.

    obj, typed: as for `cache_method_in_place()`.
    names: one name, or an iterable of names, or a predicate.
        A name that is given twice counts once, and an empty iterable does nothing.
        A predicate is called with each public name of obj that may be a method's,
        and selects a method by returning something truthy.
        Properties are skipped without being evaluated; so is whatever isn't a method.
    maxsize: how many results to keep for each method; None for no limit. 128 by default.
    decorator: as for `cache_method_in_place()`; it is called once for each method.

    Returns a dict with the cached methods by name.

    Raises what `cache_method_in_place()` raises, TypeError if names is none of the above,
    and ValueError if a predicate selects no method.

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
    with _lock:
        return _patch(obj, names, maxsize, typed, decorator)


def cached_methods(obj: object, /) -> dict[str, Any]:
    """Return the methods of obj that are cached in place, by name.

    Nothing changes on obj, and none of its properties is evaluated.
    But it asks obj for its `__dict__`, after which some Python versions
    read the attributes of obj more slowly. So if you want to watch a cache,
    keep the cached method that you got when you cached it.

    obj: any object.

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
    cached = {}
    # A copy, as another thread may set attributes meanwhile.
    for name, held in dict(_dict_of(obj)).items():
        if _is_patch_of(_record_of(held), obj, name):
            cached[name] = held
    return cached


def uncache(obj: object, names: _Names | None = None, /) -> list[str]:
    """Put cached methods of obj back exactly as they were, and return their names.

    Afterwards `vars(obj)` holds the same objects in the same order as before.
    What somebody else has put in the place of a cached method, a mock for instance,
    stays. Once that is gone, uncache again.

    obj: any object; one with nothing cached stays as it is.
    names: one name, an iterable of names, or a predicate that is called
        with the names that are cached. None, which means all of them, by default.

    Raises ValueError for a name that isn't cached, or that is patched over,
    and TypeError if names is none of the above, or if obj is a method.
    After an error, obj is as it was before.

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
        return _undo(obj, names)


# How it works
#
# Patching reads a method from the object, lets lru_cache or the user's decorator make a
# cached method of it, and sets that on the object under the same name. Python finds it
# there before it looks at the class. The cached method carries a record of its patch,
# and undoing follows that record; nothing else is kept anywhere.
#
# From here on, four words have one meaning each:
#
#   value       what reading `obj.name` gives
#   held        what obj itself has in its `__dict__` under that name now
#   shadowed    what obj itself had there before any patch
#   method      what the cached method calls on a miss
#
# Held and shadowed can be nothing, which _NOTHING stands for.
#
# Five kinds of objects are served:
#
#   * Ordinary objects read and set attributes in Python's own way. Their `__dict__` is
#     left alone, since from 3.11 on Python makes it only when somebody asks for it, and
#     reads and sets the attributes of that object more slowly from then on. So patching
#     doesn't ask an ordinary object for its `__dict__` unless it has to.
#   * Objects with attribute access of their own: frozen dataclasses, pydantic models,
#     dict subclasses, mocks, modules. For these, the `__dict__` is read and written.
#   * Proxies (wrapt's ObjectProxy, werkzeug's LocalProxy, weakref.proxy). Their `__dict__`
#     is that of the object they stand for, so that object is patched.
#   * Shallow copies of a patched object. They hold the cached methods of their original,
#     which call the original on a miss.
#   * Objects whose `__getattr__` makes up methods (xmlrpc's ServerProxy). Such a method
#     stands neither on the class nor in the `__dict__`, and may be a new one each time.

_NOTHING: Any = object()

_RECORD = "__cache_inplace__"  # the attribute that holds a record
_Record: TypeAlias = dict[str, Any]  # its keys are explained in the module's docstring


# Patching and undoing


def _patch(
    obj: Any,
    names: _Names,
    maxsize: int | None,
    typed: bool,
    decorator: _Decorator[Any] | None,
) -> dict[str, Any]:
    """Cache the methods that names select, or raise an error and change nothing."""
    if isinstance(obj, type):
        raise TypeError("obj is a class, which would cache for all; pass an instance")
    _refuse_method(obj)
    _check_options(maxsize, typed, decorator)

    # First look at all of them, so that a refusal finds nothing changed.
    values = {}
    held = {}
    for name in _selected(obj, names):
        values[name], held[name] = _read_method(obj, name)
    if decorator is None:
        _refuse_one_shot_functions(obj, values)

    cached = {}
    for name, value in values.items():
        record = _new_record(obj, name, value, held[name])
        if decorator is None:
            cached[name] = _lru_cached(record, maxsize, typed)
        else:
            cached[name] = decorator(record["method"])
        _put_record_on(cached[name], record)

    try:
        _set_all(obj, cached)
    except BaseException:  # Ctrl-C, too
        _put_all_back(obj, held)
        raise
    return cached


def _undo(obj: object, names: _Names | None) -> list[str]:
    """Put back what was shadowed under the cached names that names select."""
    _refuse_method(obj)
    cached = cached_methods(obj)
    if names is None:
        selected = list(cached)
    elif callable(names):
        _refuse_own_method(obj, names)
        selected = [name for name in cached if names(name)]
    else:
        selected = _listed(names)
    for name in selected:
        if name not in cached:
            why = "isn't cached, or is patched over; see cached_methods()"
            raise _refusal(ValueError, obj, name, why)
    shadowed = {name: _shadowed(_record_of(cached[name])) for name in selected}
    _put_all_back(obj, shadowed)
    return selected


def _set_all(obj: object, cached: dict[str, Any]) -> None:
    for name, cached_method in cached.items():
        _set_or_delete(obj, name, cached_method)
        # It doesn't take on objects with __slots__, on lists or on proxies of those,
        # or where a class hands out something else by its __getattribute__.
        if getattr(obj, name) is not cached_method:
            why = "can't be set; cache a method of an object that lets it be set"
            raise _refusal(TypeError, obj, name, why)


def _put_all_back(obj: object, before: dict[str, Any]) -> None:
    for name, held in before.items():
        _set_or_delete(obj, name, held)


# Refusals


def _refusal(error: type[Exception], obj: object, name: str, why: str) -> Exception:
    return error(f"{name!r} of {_type_name(obj)} {why}")


def _type_name(thing: object) -> str:
    # Messages show this rather than the repr of an object, which may hold a token.
    return repr(type(thing).__name__)


def _remedy_for_method(method: object) -> str:
    """Tell whoever has passed a method what to pass instead."""
    name = _record_of(method).get("name", getattr(method, "__name__", None))
    # A functools.partial has no name, and that of an xmlrpc method is another method.
    known = f", {name!r}" if isinstance(name, str) else ""
    return f"the name of the method{known}"


def _check_options(
    maxsize: int | None, typed: bool, decorator: _Decorator[Any] | None
) -> None:
    # lru_cache itself would take a callable maxsize for the function to cache.
    if not isinstance(maxsize, int | None):
        raise TypeError(f"maxsize is {_type_name(maxsize)}; pass an integer or None")
    if decorator is None:
        return
    if not callable(decorator):
        raise TypeError(f"decorator is {_type_name(decorator)}; pass a function")
    if maxsize != 128 or typed:
        raise TypeError(
            "maxsize and typed are options of lru_cache, which decorator replaces; "
            "give the decorator its own options"
        )


def _refuse_method(obj: object) -> None:
    """Refuse uncache(client.one), which would otherwise find nothing, and do nothing."""
    if type(obj) is types.MethodType or _record_of(obj):
        remedy = _remedy_for_method(obj)
        raise TypeError(f"obj is a method; pass the object that has it, and {remedy}")


def _refuse_own_method(obj: object, predicate: _Predicate) -> None:
    """Refuse cache_methods_in_place(client, client.one), which calls it with every name."""
    owner = _record_of(predicate).get("owner", getattr(predicate, "__self__", None))
    if owner is obj:
        remedy = _remedy_for_method(predicate)
        raise TypeError(f"predicate is a method of {_type_name(obj)}; pass {remedy}")


def _refuse_one_shot_functions(obj: object, values: dict[str, Any]) -> None:
    culprits = []
    for name, value in values.items():
        if _is_one_shot_function(_plain_method(value)):
            culprits.append(repr(name))
    if culprits:
        raise TypeError(
            f"{', '.join(culprits)} of {_type_name(obj)} can't be cached: what a coroutine "
            "or generator function returns can be used only once; pass decorator= "
            "(async_lru.alru_cache for coroutine functions), or choose other names"
        )


# Which names


def _selected(obj: object, names: _Names) -> list[str]:
    """Return the names to cache."""
    if not callable(names):
        return _listed(names)
    _refuse_own_method(obj, names)
    selected = []
    for name in _public_names(obj):
        if names(name) and _is_name_of_method(obj, name):
            selected.append(name)
    if not selected:
        raise ValueError(
            f"predicate selects no method of {_type_name(obj)}; pass names"
        )
    return selected


def _listed(names: str | Iterable[str]) -> list[str]:
    """Return explicit names as a list, each of them once."""
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
            remedy = _remedy_for_method(name) if callable(name) else "strings"
            raise TypeError(f"names has {_type_name(name)} in it; pass {remedy}")
    return list(dict.fromkeys(listed))


def _public_names(obj: object) -> list[str]:
    """Return the names that a predicate is asked about, in the order of dir(obj)."""
    cls = type(obj)
    if _is_ordinary(obj) and cls.__dir__ is object.__dir__:
        # dir(obj) would ask for the __dict__, and slow down the whole class besides.
        names = {*type.__dir__(cls)}
        if _may_hold_methods(obj):
            names.update(_dict_of(obj))
    else:
        names = {*dir(obj)}
    return sorted(name for name in names if not name.startswith("_"))


def _is_name_of_method(obj: object, name: str) -> bool:
    if _is_computed(_on_class(type(obj), name)):
        return False
    # Some clients list names in their __dir__ that they don't have.
    value = getattr(obj, name, None)
    return _is_method(value) and not _is_local_proxy(value)


def _is_local_proxy(value: object) -> bool:
    # Werkzeug's LocalProxy is callable even where it stands for a plain value, and raises
    # an error for nearly all that it is asked while it stands for nothing. Wrapt's
    # decorators make proxies, too, but those can be bound, as methods can.
    kind = type(value)
    return hasattr(kind, "__wrapped__") and not hasattr(kind, "__get__")


# What stands under a name


def _read_method(obj: object, name: str) -> tuple[Any, Any]:
    """Return the value under a name and what obj itself holds there, or refuse the name."""
    if name.startswith("__") and name.endswith("__"):
        why = "is looked up on the class; cache the method that it calls"
        raise _refusal(TypeError, obj, name, why)
    if _is_computed(_on_class(type(obj), name)):
        why = "is computed when it is read, like a property; cache what computes it"
        raise _refusal(TypeError, obj, name, why)
    value, held = _read(obj, name)
    if not _is_method(value):
        why = f"is {_type_name(value)}, not a method; pass the name of a method"
        raise _refusal(TypeError, obj, name, why)
    return value, held


def _is_method(value: object) -> bool:
    # By its type, as isinstance() would have a LocalProxy look for what it stands for.
    return callable(value) and not issubclass(type(value), type)


def _on_class(cls: type, name: str) -> Any:
    """Return what stands on a class under a name as it is there, or _NOTHING."""
    # inspect.getattr_static() does this, too, but asks the object for its __dict__.
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return _NOTHING


def _is_computed(on_class: object) -> bool:
    """Tell whether reading it runs code of its own: a property, a cached property, ..."""
    kind = type(on_class)
    if issubclass(kind, _METHODS_THAT_CANT_BE_CALLED):
        return False
    if hasattr(kind, "__set__") or hasattr(kind, "__delete__"):
        return True  # properties and slots
    # Cached properties, but not functions.
    return hasattr(kind, "__get__") and not callable(on_class)


_METHODS_THAT_CANT_BE_CALLED = (
    classmethod,
    functools.partialmethod,
    functools.singledispatchmethod,
)


# The record of a patch


def _new_record(obj: object, name: str, value: Any, held: Any) -> _Record:
    """Return the record for a cached method that doesn't exist yet."""
    method = _plain_method(value)
    shadowed = held
    old = _record_of(held)
    if _is_patch_of(old, obj, name):
        shadowed = _shadowed(old)
        if old["owner"] is not obj:
            # The method of a shallow copy would be the original's.
            method = _plain_method(_read_beneath(obj, name, held, shadowed))
    return {
        "id": None,
        "name": name,
        "owner": obj,
        "method": method,
        "shadowed": () if shadowed is _NOTHING else (shadowed,),
    }


def _put_record_on(cached: Any, record: _Record) -> None:
    """Make a cached method out of what lru_cache or a decorator has returned."""
    why = _why_it_takes_no_record(cached, record["method"])
    if why:
        why = f"was decorated into {_type_name(cached)}, which {why}"
        raise _refusal(TypeError, record["owner"], record["name"], why)
    record["id"] = id(cached)
    _dict_of(cached)[_RECORD] = record


def _why_it_takes_no_record(decorated: Any, method: Any) -> str | None:
    if not callable(decorated):
        return "can't be called; return a function"
    own_dict = _own_dict_of(decorated)
    # What wrapt's decorators return shares its __dict__ with the function of the method,
    # and so with all instances of the class.
    if own_dict is None or own_dict is _dict_of(method):
        return "has no attributes of its own; return a new function"
    if _record_of(decorated):
        return "is or was cached already; return a new function each time"
    return None


def _record_of(thing: object) -> _Record:
    """Return the record of a cached method, or an empty one for anything else."""
    # A cached method can always be called. Wrapt's LazyObjectProxy can't, and would work
    # out what it stands for if it were asked for its __dict__.
    if not callable(thing):
        return {}
    record = (_own_dict_of(thing) or {}).get(_RECORD)
    # functools.wraps() copies the record to the function that it decorates. The id tells
    # that this function isn't the cached method.
    if isinstance(record, dict) and record.get("id") == id(thing):
        return record
    return {}


def _plain_method(value: Any) -> Any:
    """Return the method of a cached method, or else the value as it is."""
    # A cached method may also be read from elsewhere: `other.get = client.get`.
    # Caching that one must not stack a cache on a cache.
    return _record_of(value).get("method", value)


def _shadowed(record: _Record) -> Any:
    return record["shadowed"][0] if record["shadowed"] else _NOTHING


def _is_patch_of(record: _Record, obj: object, name: str) -> bool:
    """Tell whether a record is that of a patch of obj under this name."""
    if not record or record["name"] != name:
        return False
    owner = record["owner"]
    if owner is obj:
        return True
    # Modules are all of one class, but none is a copy of another.
    if isinstance(owner, types.ModuleType):
        return False
    # Then obj is a shallow copy of the owner, or one of the two is a proxy.
    return owner.__class__ is obj.__class__


# What the object itself holds


def _is_ordinary(obj: object) -> bool:
    cls = type(obj)
    return (
        cls.__getattribute__ is object.__getattribute__
        and cls.__setattr__ is object.__setattr__
    )


def _dict_of(obj: object) -> dict[str, Any]:
    # Objects with __slots__ have none, that of a class can't be written,
    # and where __getattr__ answers every name, it may be anything.
    namespace = getattr(obj, "__dict__", None)
    return namespace if isinstance(namespace, dict) else {}


def _own_dict_of(thing: object) -> dict[str, Any] | None:
    """Return the `__dict__` of a thing, or None if it has none of its own."""
    # The __dict__ of a bound method is that of its function, and a LocalProxy would work
    # out what it stands for. The types of both say that they have no place for a __dict__.
    if type(thing).__dictoffset__ == 0:
        return None
    namespace = getattr(thing, "__dict__", None)
    return namespace if isinstance(namespace, dict) else None


def _may_hold_methods(obj: object) -> bool:
    """Tell whether an ordinary object may hold methods, without asking for its __dict__."""
    for referent in gc.get_referents(obj):
        # A dict is the __dict__ of obj, if that exists, or the value of an attribute.
        values = referent.values() if type(referent) is dict else [referent]
        if any(map(_is_method, values)):
            return True
    return False


def _read(obj: object, name: str) -> tuple[Any, Any]:
    """Return the value under a name, and what obj itself holds there."""
    if _is_ordinary(obj) and _is_bound_when_read(_on_class(type(obj), name)):
        # Each reading binds the function of the class to obj anew. So if two readings
        # give the same value, obj itself holds it; there's no need to ask its __dict__.
        value = getattr(obj, name)
        held = value if getattr(obj, name) is value else _NOTHING
    else:
        # Before reading, since ctypes.CDLL stores in its __dict__ what is read from it.
        held = _dict_of(obj).get(name, _NOTHING)
        value = getattr(obj, name)
    return value, held


def _is_bound_when_read(on_class: object) -> bool:
    if type(on_class) is classmethod:
        on_class = on_class.__func__
    return type(on_class) is types.FunctionType


def _read_beneath(obj: object, name: str, held: Any, shadowed: Any) -> Any:
    """Return the value that there would be if obj weren't patched; obj changes meanwhile."""
    try:
        _set_or_delete(obj, name, shadowed)
        return getattr(obj, name)
    finally:
        _set_or_delete(obj, name, held)


def _set_or_delete(obj: object, name: str, new: Any) -> None:
    """Let obj itself hold something under a name, or nothing; _set_all() sees if it took."""
    if new is _NOTHING:
        _dict_of(obj).pop(name, None)
    elif _is_ordinary(obj):
        with contextlib.suppress(AttributeError):  # of objects with __slots__
            setattr(obj, name, new)
    else:
        # Frozen dataclasses refuse setattr(), attribute dicts make data of what they get,
        # and some proxies keep it to themselves.
        _dict_of(obj)[name] = new


# The default decorator: lru_cache, and the check of results


def _lru_cached(record: _Record, maxsize: int | None, typed: bool) -> Any:
    """Return what lru_cache makes of the method; results are checked on a miss only."""
    checked = functools.partial(_call_and_check, record)
    cached: Any = functools.lru_cache(maxsize, typed)(checked)
    # Without what users have put on the function: a cache_clear of its own, for instance,
    # would hide that of lru_cache.
    functools.update_wrapper(cached, record["method"], updated=())
    # Copying and pickling look for these two on the cached method before its type.
    cached.__deepcopy__ = functools.partial(_deep_copy, record)
    cached.__reduce_ex__ = functools.partial(_reduce, record)
    return cached


def _call_and_check(record: _Record, /, *args: Any, **kwargs: Any) -> Any:
    result = record["method"](*args, **kwargs)
    # Its __class__, unlike its type(), sees through the proxies in which tracers such as
    # OpenTelemetry's put database cursors.
    if not issubclass(result.__class__, _OneShot):
        return result
    # Nobody will await a coroutine that nobody has started, so spare users the warning.
    if inspect.iscoroutine(result) and _has_not_started(result):
        result.close()
    raise _refusal(
        TypeError,
        record["owner"],
        record["name"],
        f"was called, but its result, {_type_name(result)}, may be usable only once "
        "and isn't cached; uncache it, or pass decorator= to say how to cache it",
    )


def _has_not_started(coroutine: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED


class _OneShot(abc.ABC):
    """The classes of results that can be used only once.

    It is an abstract class, since that remembers its answer for each class of results,
    and doesn't keep these classes alive.
    """

    @classmethod
    def __subclasshook__(cls, candidate: type) -> bool:
        def defines(name: str) -> bool:
            return _on_class(candidate, name) is not _NOTHING

        if defines("__await__") or issubclass(candidate, _CONTEXT_MANAGERS):
            return True
        # MagicMock has all special methods, but unlike an iterator it can be called.
        is_iterator = defines("__next__") or defines("__anext__")
        return is_iterator and not defines("__call__")


def _class_of_results(decorator: Any) -> type:
    # It has no public name, so look at what comes out for some function.
    return type(decorator(list)())


_CONTEXT_MANAGERS = (
    _class_of_results(contextlib.contextmanager),
    _class_of_results(contextlib.asynccontextmanager),
)

_ONE_SHOT_FLAGS = (
    inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
)


def _is_one_shot_function(method: Any) -> bool:
    # inspect.iscoroutinefunction() and its like say yes of a mock.create_autospec().
    while isinstance(method, functools.partial):
        method = method.func
    code = getattr(method, "__code__", None)
    # The methods of xmlrpc's ServerProxy have any attribute, but it isn't code.
    return isinstance(code, types.CodeType) and bool(code.co_flags & _ONE_SHOT_FLAGS)


# Deep copies and pickles
#
# A cached method deep-copies and pickles as its method does, so that what comes out
# belongs to the copy of the object, isn't cached, and needs no cache_inplace to load.


def _reduce(record: _Record, _protocol: object) -> tuple[Callable[..., Any], Any]:
    """Return a function and its arguments, which pickle calls to load the method."""
    owner, name, method = record["owner"], record["name"], record["method"]
    if isinstance(owner, types.ModuleType):
        # pickle would find the cached function under the name of the plain one, and refuse.
        return pkgutil.resolve_name, (f"{owner.__name__}:{name}",)
    holder = _holder_of_method(record)
    if holder is _NOTHING:
        # There is no name to find it by, so pickle the method itself: the item of a tuple.
        return operator.getitem, ((method,), 0)
    return getattr, (holder, name)


def _deep_copy(record: _Record, memo: dict[int, Any]) -> Any:
    method = record["method"]
    holder = _holder_of_method(record)
    # A copy of a bound method binds its function to the copy of the object. Reading it
    # from that copy could fail, as it may have no attributes yet.
    if holder is _NOTHING or type(method) is types.MethodType:
        return copy.deepcopy(method, memo)
    # Other methods (of a dict, or made by wrapt) would remain those of the original.
    return getattr(copy.deepcopy(holder, memo), record["name"])


def _holder_of_method(record: _Record) -> Any:
    """Return the object that has the method under its name, or _NOTHING.

    It is read by that name, since its function may have another name, or none.
    """
    owner, name = record["owner"], record["name"]
    if record["shadowed"] or isinstance(owner, types.ModuleType):
        return _NOTHING  # an attribute like others, which is copied as they are
    on_class = _on_class(owner.__class__, name)
    if issubclass(type(on_class), (staticmethod, classmethod)):
        return owner.__class__  # and the object, maybe with a lock, isn't taken along
    if on_class is not _NOTHING:
        return owner
    # A function that __getattr__ has made knows the object, but can't be copied.
    if isinstance(record["method"], types.FunctionType):
        return owner
    return _NOTHING  # something that __getattr__ has taken from another object
