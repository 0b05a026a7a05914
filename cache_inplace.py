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
* without `decorator=`, a result that can be used only once is never cached:
  an iterator, something to await, or what a `@contextmanager` function returns;
* without `decorator=`, a deep copy of the object, or its pickle,
  calls its own, uncached method (but see the limits).

Limits:

* special methods such as `__len__` are refused, and so is an object
  that can't have attributes of its own;
* the object and its caches refer to each other, so they are freed
  by the garbage collector, or at once after `uncache()`;
* before you copy or pickle an object, uncache it if it is cached with `decorator=`,
  if a `__getattr__` or `__getattribute__` makes up its methods,
  or if it has a `__deepcopy__` or `__reduce__` of its own;
* a *shallow* copy shares the cached methods of its original,
  so call `uncache(copy)` before you use it, copy it or pickle it;
* results are shared, not copied;
* expiry, async and shared caches come from other libraries, by `decorator=`.

A cached method carries the record of its patch as plain data,
so that two vendored copies of this file understand each other.
(They don't lock each other out, so they mustn't patch one object at the same time.)
The record is a dict, in the attribute ``__cache_inplace__``. Its keys are
``id`` (the `id()` of the cached method),
``name``,
``owner`` (the object that was patched),
``method`` (what the cached method calls on a miss), and
``shadowed`` (a tuple with what the object itself held under that name before,
or an empty tuple if it held nothing).
`functools.wraps` copies the attributes of a cached method to its wrapper,
and the record with them. There it is ignored, since its id isn't that of the wrapper.

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
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar, overload

_T = TypeVar("_T", bound=Callable[..., Any])
_Decorator: TypeAlias = Callable[[Callable[..., Any]], _T]
_Predicate: TypeAlias = Callable[[str], object]
_Names: TypeAlias = str | Iterable[str] | _Predicate

# Patching and undoing take this lock, and keep it while they call the user's decorator
# or predicate. Calling a cached method doesn't take it.
#
# No loop stands directly in a `with _lock:`. By a bug of CPython, the jump back to the
# start of such a loop isn't always covered by the `with`, so that Ctrl-C could leave
# the lock locked: https://github.com/python/cpython/issues/130279
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
) -> "functools._lru_cache_wrapper[Any]": ...  # private, but type checkers know it
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

    obj: any object that can have attributes of its own, even if it is frozen,
        but not a class or a bound method.
    name: the name of the method. It may be private (`_get`),
        or one that `dir(obj)` doesn't list because `__getattr__` makes it up.
    maxsize: how many results to keep; None for no limit. 128 by default.
    typed: whether arguments that are equal but of different types,
        such as 1.0 and True, have results of their own. False by default.
    decorator: called with the bound method in place of `lru_cache`;
        what it returns is set on obj, and its results aren't checked.
        By default None, which means `lru_cache`.

    Raises AttributeError if obj has no such attribute.
    Raises TypeError if obj is a class or a bound method, or can't have attributes;
    if the name isn't that of a method, or is that of a special method (`__len__`);
    if there is no decorator, but the method is a coroutine or generator function;
    if maxsize or the decorator is wrong, or if there is a decorator
    and maxsize or typed isn't at its default.
    After an error, obj is as it was before.

    Without a decorator, calling the cached method raises TypeError, and caches nothing,
    if the result can be used only once: an iterator, something to await,
    or what a `@contextmanager` function returns.

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
        raise TypeError(
            f"name is {_type_name(name)}, not a string; "
            f"pass {_what_to_pass_for(name)}, or see cache_methods_in_place()"
        )
    with _lock:
        cached = _patch(obj, name, maxsize, typed, decorator)
    return cached[name]


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
    """Cache several methods of obj, each with a cache of its own.

    Each method is cached as `cache_method_in_place()` does it.
    If any of them is refused, obj stays exactly as it was.

    obj, typed: as for `cache_method_in_place()`.
    names: one name, or an iterable of names, or a predicate.
        A name that is given twice counts once, and an empty iterable does nothing.
        A predicate is called with the public names of obj, and selects a method
        by returning something truthy for its name. It may be called with names of
        other attributes, too. Those aren't cached whatever it returns,
        and properties aren't evaluated.
    maxsize: how many results to keep for each method; None for no limit.
        128 by default.
    decorator: as for `cache_method_in_place()`; it is called once for each method.

    Returns a dict with the cached methods by name.

    Raises what `cache_method_in_place()` raises,
    TypeError if names is none of the above, or if a predicate is a bound method of obj
    (probably, its name was meant),
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
    But some Python versions read the attributes of obj more slowly afterwards,
    as they do after `vars(obj)`. If that matters, don't call this to look at the hits
    of a cache, but keep the cached method that you got when you cached it.

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
        if _is_valid_for(_record_of(held), obj, name):
            cached[name] = held
    return cached


def uncache(obj: object, names: _Names | None = None, /) -> list[str]:
    """Put cached methods of obj back exactly as they were, and return their names.

    Afterwards `vars(obj)` holds the same objects in the same order as before.
    What somebody else has put in the place of a cached method, a mock for instance,
    stays. Once that is gone, uncache again. Some Python versions read the attributes
    of obj more slowly afterwards, as they do after `vars(obj)`.

    obj: any object; one with nothing cached stays as it is.
    names: one name, an iterable of names, or a predicate that is called
        with the names that are cached. By default None, which means all of them.

    Raises ValueError for a name that isn't cached, or that is patched over,
    and TypeError if names is none of the above or a predicate is a bound method of obj,
    or if obj is itself a method. Then obj stays as it is.

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
# and undoing follows that record. Nothing else is kept anywhere.
#
# From here on, four words have one meaning each:
#
#   value           what reading `obj.name` gives now, wherever Python finds it
#   held            what obj itself has under that name now, in its `__dict__`
#   shadowed        what obj itself had there before this module patched it
#   plain method    what a cached method calls on a miss
#
# _NOTHING stands for what is held or shadowed where there is nothing.
#
# Five kinds of objects are served. (An object can be of several kinds.)
#
#   * Ordinary objects, which read and set attributes in Python's own way. From 3.11 on,
#     Python makes the `__dict__` of such an object only when somebody asks for it, and
#     is slower with the attributes of that object from then on. So patching avoids it
#     where it can: see _public_names() and _held(). Listing and undoing do use it.
#   * Objects whose class reads or sets attributes in its own way: frozen dataclasses,
#     pydantic models, mocks, modules, dicts whose items are attributes. These are
#     patched in their `__dict__`.
#   * Proxies: wrapt's ObjectProxy, werkzeug's LocalProxy, weakref.proxy. Their
#     `__dict__` and `__class__` are those of the object for which they stand. That
#     object is patched, so the patch is seen through other proxies for it, too.
#   * Shallow copies of a patched object. They hold the cached methods of their
#     original, and these call the original. On the copy, they can be undone, or
#     replaced by cached methods of the copy.
#   * Objects whose `__getattr__` makes up methods, such as xmlrpc's ServerProxy.
#     Neither the class nor the `__dict__` has these methods, so they are found only by
#     reading them. How they are copied is said in _what_to_copy().

_NOTHING: Any = object()

_RECORD = "__cache_inplace__"  # the attribute of a cached method that is its record
_Record: TypeAlias = dict[str, Any]  # the module's docstring explains its keys


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
    if isinstance(obj, types.MethodType):
        # Its attributes are those of its function, which all instances share.
        raise TypeError("obj is a method, which would cache for all; pass an instance")
    _check_options(maxsize, typed, decorator)

    # Look at all of them before anything is made or changed.
    values = {}
    held_before = {}
    for name in _selected(obj, names):
        values[name], held_before[name] = _read_method(obj, name)
    if decorator is None:
        _refuse_one_shot_functions(obj, values)

    cached = {}
    for name, value in values.items():
        record = _new_record(obj, name, value, held_before[name])
        if decorator is None:
            cached[name] = _lru_cached(record, maxsize, typed)
        else:
            cached[name] = decorator(record["method"])
        _put_record_on(cached[name], record)

    try:
        _set_all(obj, cached)
    except BaseException:  # Ctrl-C, too
        _put_all_back(obj, held_before)
        raise
    return cached


def _undo(obj: object, names: _Names | None) -> list[str]:
    """Put back what was shadowed, for the cached methods that names select."""
    cached = cached_methods(obj)
    if not cached:
        # There is nothing to undo. Maybe client.one was passed instead of client.
        _refuse_method(obj)
    if names is None:
        selected = list(cached)
    elif callable(names):
        predicate = names
        _refuse_own_method(obj, predicate)
        selected = [name for name in cached if predicate(name)]
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
        _set(obj, name, cached_method)
        # Check, since _set() does nothing if obj can't have attributes of its own
        # (because it has __slots__, for example), and since a __getattribute__ may give
        # something else under this name.
        if getattr(obj, name) is not cached_method:
            why = "can't be set on this object; pass one that can have attributes"
            raise _refusal(TypeError, obj, name, why)


def _put_all_back(obj: object, before: dict[str, Any]) -> None:
    for name, held_or_shadowed in before.items():
        _put_back(obj, name, held_or_shadowed)


# Refusals


def _refusal(error: type[Exception], obj: object, name: str, why: str) -> Exception:
    return error(f"{name!r} of {_type_name(obj)} {why}")


def _type_name(thing: object) -> str:
    # Messages show this rather than the repr of an object, which may hold a token.
    return repr(type(thing).__name__)


def _what_to_pass_for(given: object) -> str:
    """Return the remedy for somebody who has passed a method, maybe, and not a name."""
    if not callable(given):
        return "a name"
    # A cached method may lack a __name__, but its record has the name.
    name = _record_of(given).get("name", getattr(given, "__name__", None))
    # A functools.partial has no __name__, that of a lambda is no name of a method, and
    # the __name__ of an xmlrpc method isn't a string, but another xmlrpc method.
    if isinstance(name, str) and name.isidentifier():
        return f"the name of the method, {name!r}"
    return "the name of the method"


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
    if maxsize != 128 or typed:  # 128 and False are the defaults
        raise TypeError(
            "maxsize and typed are options of lru_cache, which decorator replaces; "
            "give the decorator its own options"
        )


def _refuse_method(obj: object) -> None:
    """Refuse client.one where client belongs."""
    if isinstance(obj, types.MethodType) or _record_of(obj):
        what = f"the object that has it, and {_what_to_pass_for(obj)}"
        raise TypeError(f"obj is a method; pass {what}")


def _refuse_own_method(obj: object, predicate: _Predicate) -> None:
    """Refuse client.one as a predicate, since it would be called with every name."""
    record = _record_of(predicate)
    if record:
        # It is a cached method. These have no __self__, so look whether obj holds it.
        is_own = cached_methods(obj).get(record["name"]) is predicate
    else:
        bound_to = getattr(predicate, "__self__", _NOTHING)
        is_own = _is_same_object(obj, bound_to)
    if is_own:
        what = _what_to_pass_for(predicate)
        raise TypeError(f"predicate is a method of {_type_name(obj)}; pass {what}")


def _refuse_one_shot_functions(obj: object, values: dict[str, Any]) -> None:
    """Refuse functions of which each result can be used only once."""
    culprits = []
    for name, value in values.items():
        if _is_one_shot_function(_plain_method(value)):
            culprits.append(repr(name))
    if culprits:
        raise TypeError(
            f"{', '.join(culprits)} of {_type_name(obj)} can't be cached: "
            "what a coroutine or generator function returns can be used only once; "
            "pass decorator= (async_lru.alru_cache for coroutine functions), "
            "or choose other names"
        )


# Which names


def _selected(obj: object, names: _Names) -> list[str]:
    """Return the names to cache."""
    if not callable(names):
        return _listed(names)
    predicate = names
    _refuse_own_method(obj, predicate)
    selected = []
    for name in _public_names(obj):
        if predicate(name) and _is_name_of_method(obj, name):
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
            what = _what_to_pass_for(name)
            raise TypeError(f"names has {_type_name(name)} in it; pass {what}")
    return list(dict.fromkeys(listed))


def _public_names(obj: object) -> list[str]:
    """Return the names with which a predicate is called, in alphabetical order."""
    cls = type(obj)
    if _is_ordinary(obj) and cls.__dir__ is object.__dir__:
        # Not by dir(obj), which uses the __dict__ even if obj itself holds no methods.
        # (Not by dir(cls), either: that would call the __dir__ of a metaclass, which
        # dir(obj) doesn't.)
        names = {*type.__dir__(cls)}
        if _may_hold_methods(obj):
            names.update(_dict_of(obj))
    else:
        names = {*dir(obj)}
    return sorted(name for name in names if not name.startswith("_"))


def _is_name_of_method(obj: object, name: str) -> bool:
    """Tell whether a name that a predicate has selected is that of a method."""
    if _property(obj, name) is not _NOTHING:
        return False
    # With None by default, since the __dir__ of some classes lists names that their
    # instances don't have.
    value = getattr(obj, name, None)
    # The value may be a LocalProxy. Whether that stands for something that can be
    # called isn't known: callable() always says yes, and to look could raise an error.
    # So a predicate doesn't select proxies. (An explicit name does.)
    return _is_method(value) and not _is_transparent_proxy(value)


def _is_transparent_proxy(value: object) -> bool:
    """Tell whether a value is a proxy whose class overrides __class__.

    The classes of wrapt's and werkzeug's proxies do. That of weakref.proxy doesn't.
    """
    cls = type(value)
    # The class of a proxy overrides __class__, which other classes inherit from object.
    overrides_class = _on_class(cls, "__class__") is not vars(object)["__class__"]
    # Mocks override it, too. They have an assert_called(), and can serve as methods.
    is_mock = hasattr(cls, "assert_called")
    # A function decorated with wrapt overrides it, too. It has a __get__(), as
    # functions do, and serves as a method.
    is_decorated = hasattr(cls, "__get__")
    return overrides_class and not is_mock and not is_decorated


# What stands under a name


def _read_method(obj: object, name: str) -> tuple[Any, Any]:
    """Return the value and what is held under a name, or refuse the name."""
    if name.startswith("__") and name.endswith("__"):
        why = "is looked up on the class; cache the method that it calls"
        raise _refusal(TypeError, obj, name, why)
    found = _property(obj, name)
    if found is not _NOTHING:
        why = f"is {_type_name(found)}, not a method; cache the method behind it"
        raise _refusal(TypeError, obj, name, why)
    # Look before reading, as ctypes.CDLL stores in its __dict__ what is read from it.
    held = _held(obj, name)
    value = getattr(obj, name)
    if not _is_method(value):
        why = f"is {_type_name(value)}, not a method; pass the name of a method"
        raise _refusal(TypeError, obj, name, why)
    return value, held


def _is_method(value: object) -> bool:
    # A class isn't one, since it is there to be used in other ways than being called.
    # It's found out by type(), as isinstance() reads `value.__class__`, and a
    # LocalProxy would look for the object for which it stands.
    return callable(value) and not issubclass(type(value), type)


def _on_class(cls: type, name: str) -> Any:
    """Return what a class or its bases have under a name, as it is, or _NOTHING."""
    # inspect.getattr_static() does this, too, but asks the object for its __dict__.
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return _NOTHING


def _property(obj: object, name: str) -> Any:
    """Return the property, cached property, slot or the like of that name, or _NOTHING.

    It is found on the class, and isn't evaluated.
    """
    # type(obj) and obj.__class__ differ if obj is a proxy. The former is the class of
    # the proxy, the latter that of the object for which it stands.
    for cls in type(obj), obj.__class__:
        on_class = _on_class(cls, name)
        if _is_property(on_class):
            return on_class
    return _NOTHING


def _is_property(on_class: object) -> bool:
    cls = type(on_class)
    # Properties and slots have one of these.
    if hasattr(cls, "__set__") or hasattr(cls, "__delete__"):
        return True
    # Functions and static methods can be called as they stand on the class.
    if callable(on_class):
        return False
    # Methods of these kinds can't be called there, but aren't properties.
    if issubclass(
        cls,
        (classmethod, functools.partialmethod, functools.singledispatchmethod),
    ):
        return False
    # Anything else with a __get__() is a cached property, or something like it.
    return hasattr(cls, "__get__")


# The record of a patch


def _new_record(obj: object, name: str, value: Any, held: Any) -> _Record:
    """Return the record of a patch, except for the id of the cached method."""
    earlier = _record_of(held)
    if _is_valid_for(earlier, obj, name):
        # obj holds a cached method: its own or, if it is a shallow copy, that of its
        # original. What is shadowed stays the same, since undoing goes back to before
        # that earlier patch.
        shadowed = _shadowed(earlier)
        if _is_same_object(earlier["owner"], obj):
            plain_method = earlier["method"]
        else:
            # obj is a shallow copy. The plain method in the record is bound to its
            # original, so read obj's own.
            plain_method = _plain_method_with_patch_undone(obj, name, held, shadowed)
    else:
        # It is the first patch, or somebody else has set something there since.
        shadowed = held
        plain_method = _plain_method(value)

    return {
        "id": None,
        "name": name,
        "owner": _owner(obj, plain_method),
        "method": plain_method,
        "shadowed": () if shadowed is _NOTHING else (shadowed,),
    }


def _owner(obj: object, plain_method: Any) -> object:
    """Return obj or, if it is a proxy, the object for which it stands, if known.

    The record had better not depend on a proxy, which may stand for something else
    later, or for nothing.
    """
    # A bound method that is read from a proxy is bound to the object for which the
    # proxy stands. Through other methods, such as a static method, that object can't be
    # found.
    bound_to = getattr(plain_method, "__self__", _NOTHING)
    if _is_same_object(obj, bound_to):
        return bound_to
    return obj


def _is_same_object(one: object, other: object) -> bool:
    """Tell whether two are the same object, one of them a proxy for it, perhaps."""
    if one is other:
        return True
    # A proxy gives the __class__ and the __dict__ of the object for which it stands.
    # The __class__ comes first, since asking for its __dict__ can slow an object down.
    if one.__class__ is not other.__class__:
        return False
    dict_of_one = getattr(one, "__dict__", None)
    dict_of_other = getattr(other, "__dict__", None)
    return dict_of_one is not None and dict_of_one is dict_of_other


def _dict_for_record(thing: object) -> dict[str, Any] | None:
    """Return the `__dict__` where the record of a thing belongs, or None."""
    # A bound method has no __dict__ of its own, and would give that of its function,
    # which all instances share. (__dictoffset__ says where in an instance its __dict__
    # is, and 0 means that it has none.)
    if type(thing).__dictoffset__ == 0:
        return None
    # To give a __dict__, a LocalProxy would look for the object for which it stands. It
    # may not find that object, and a lazy proxy would even make it.
    if _is_transparent_proxy(thing):
        return None
    namespace = getattr(thing, "__dict__", None)
    return namespace if isinstance(namespace, dict) else None


def _put_record_on(decorated: Any, record: _Record) -> None:
    """Put the record on what lru_cache or a decorator has returned, or refuse that."""

    def refusal(why: str) -> Exception:
        why = f"was decorated into {_type_name(decorated)}, which {why}"
        return _refusal(TypeError, record["owner"], record["name"], why)

    if not callable(decorated):
        raise refusal("can't be called; return a function")
    namespace = _dict_for_record(decorated)
    if namespace is None:
        raise refusal("has no attributes of its own; return a new function")
    if namespace is _dict_of(record["method"]):
        # This is the __dict__ of the method's function, which all instances share. The
        # decorator has returned that function, for example.
        raise refusal("has the attributes of the method; return a new function")
    if _record_in(namespace, decorated):
        # There is room for one record only. (Undoing doesn't take it off.)
        raise refusal("is or was cached already; return a new function each time")
    record["id"] = id(decorated)
    namespace[_RECORD] = record


def _record_of(thing: object) -> _Record:
    """Return the record of a cached method, or an empty dict for anything else."""
    # Only what can be called can be a cached method. Anything else that a client holds
    # isn't asked for its __dict__, since that could slow it down.
    if not callable(thing):
        return {}
    return _record_in(_dict_for_record(thing) or {}, thing)


def _record_in(namespace: dict[str, Any], thing: object) -> _Record:
    """Return the record that the `__dict__` of a thing has for it, or an empty dict."""
    record = namespace.get(_RECORD)
    # functools.wraps() copies the record to another function, which has another id.
    if isinstance(record, dict) and record.get("id") == id(thing):
        return record
    return {}


def _plain_method(value: Any) -> Any:
    """Return the plain method if the value is a cached method, or else the value."""
    # Caching must never put a cache on top of a cache, not even where the value is a
    # cached method of something else: after `helpers.fetch = client.get`, for example.
    return _record_of(value).get("method", value)


def _shadowed(record: _Record) -> Any:
    return record["shadowed"][0] if record["shadowed"] else _NOTHING


def _is_valid_for(record: _Record, obj: object, name: str) -> bool:
    """Tell whether a record is valid for obj, perhaps a shallow copy of the owner."""
    if not record or record["name"] != name:
        return False
    # obj may be the owner, a proxy for it, or a shallow copy of it. Nothing tells a
    # shallow copy from other objects of the class. (So after `other.get = client.get`,
    # `other`, if it is of the class of `client`, is taken for a shallow copy of it, and
    # uncaching it undoes that assignment.)
    owner = record["owner"]
    if owner.__class__ is not obj.__class__:
        return False
    # All modules are of one class, but none is a copy of another.
    if isinstance(owner, types.ModuleType):
        return _is_same_object(owner, obj)
    return True


# What the object itself holds


def _is_ordinary(obj: object) -> bool:
    cls = type(obj)
    return (
        cls.__getattribute__ is object.__getattribute__
        and cls.__setattr__ is object.__setattr__
    )


def _dict_of(obj: object) -> dict[str, Any]:
    """Return the `__dict__` of obj, or a new, empty dict if it has none to write into.

    Writing into that empty dict has no effect.
    """
    # cached_methods() takes any object. One with __slots__ has no __dict__, that of a
    # class can't be written, and where __getattr__ makes up every attribute, it can be
    # anything.
    namespace = getattr(obj, "__dict__", None)
    return namespace if isinstance(namespace, dict) else {}


def _may_hold_methods(obj: object) -> bool:
    """Tell whether an ordinary object may hold methods, without making its __dict__."""
    # The garbage collector can tell what obj refers to: the values of its attributes,
    # or its __dict__ once Python has made that. (Also its class, which is no method.)
    values: list[Any] = []
    for referent in gc.get_referents(obj):
        values.append(referent)
        if issubclass(type(referent), dict):
            # Most likely, this is the __dict__. (If it isn't, the answer may be a
            # needless yes, and the __dict__ is used.)
            values.extend(dict.values(referent))
    return any(map(_is_method, values))


def _is_bound_when_read(on_class: object) -> bool:
    """Tell whether each reading from an instance gives a new bound method."""
    if type(on_class) is classmethod:
        on_class = on_class.__func__
    return type(on_class) is types.FunctionType


def _held(obj: object, name: str) -> Any:
    """Return what is held under a name, or _NOTHING."""
    if _is_ordinary(obj):
        # There are two cases in which this needs no look into the __dict__.
        if _is_bound_when_read(_on_class(type(obj), name)):
            # Two readings give two bound methods if they come from the class, but the
            # same thing twice if obj itself holds it.
            first, second = getattr(obj, name), getattr(obj, name)
            return first if first is second else _NOTHING
        if not _may_hold_methods(obj):
            # obj holds no method. (If it holds anything else under this name,
            # _read_method() will refuse that.)
            return _NOTHING
    return _dict_of(obj).get(name, _NOTHING)


def _plain_method_with_patch_undone(
    obj: object, name: str, held: Any, shadowed: Any
) -> Any:
    """Undo a patch for a moment, and return the plain method there is without it."""
    try:
        _put_back(obj, name, shadowed)
        return _plain_method(getattr(obj, name))
    finally:
        _put_back(obj, name, held)


def _put_back(obj: object, name: str, before: Any) -> None:
    """Set again what obj itself held under a name, or delete the name if nothing."""
    if before is _NOTHING:
        # Not by delattr(), which frozen dataclasses refuse, and which raises an error
        # if nothing is held.
        _dict_of(obj).pop(name, None)
    else:
        _set(obj, name, before)


def _set(obj: object, name: str, new: Any) -> None:
    """Set what obj itself holds under a name.

    This has no effect if obj can't have attributes of its own.
    """
    if _is_ordinary(obj):
        with contextlib.suppress(AttributeError):  # of objects with __slots__
            setattr(obj, name, new)
    else:
        # Not by setattr(): frozen dataclasses refuse it, attribute dicts make an item
        # of it, and some proxies don't pass it on.
        _dict_of(obj)[name] = new


# The default decorator: lru_cache, and the check of results


def _lru_cached(record: _Record, maxsize: int | None, typed: bool) -> Any:
    """Return a cached method made by lru_cache; its results are checked on a miss."""
    checked = functools.partial(_call_and_check, record)
    cached_method: Any = functools.lru_cache(maxsize, typed)(checked)
    # Nothing is copied from the __dict__ of the plain method (updated=()), since a
    # cache_clear that its author has put there would hide that of lru_cache.
    functools.update_wrapper(cached_method, record["method"], updated=())
    # copy.deepcopy() and pickle read __deepcopy__ and __reduce_ex__ from the cached
    # method itself. With those that lru_cache gives it, the copy of an object would
    # share the cached method of the original, and pickling would fail.
    cached_method.__deepcopy__ = functools.partial(_deep_copy, record)
    cached_method.__reduce_ex__ = functools.partial(_reduce, record)
    return cached_method


def _call_and_check(record: _Record, /, *args: Any, **kwargs: Any) -> Any:
    result = record["method"](*args, **kwargs)
    # The __class__ of a proxy, unlike its type(), is that of the object for which it
    # stands. Tracers such as OpenTelemetry's put database cursors into proxies. These
    # have to be refused like the cursors themselves, which are iterators.
    if not issubclass(result.__class__, _OneShot):
        return result
    # The caller won't get the result. If it is a coroutine that nobody has started,
    # Python would warn of that. (If somebody has started it, it belongs to them.)
    if (
        inspect.iscoroutine(result)
        and inspect.getcoroutinestate(result) == inspect.CORO_CREATED
    ):
        result.close()
    raise _refusal(
        TypeError,
        record["owner"],
        record["name"],
        f"was called, but its result, {_type_name(result)}, may be usable only once "
        "and isn't cached; uncache it, or pass decorator= to say how to cache it",
    )


# The classes of what @contextmanager and @asynccontextmanager functions return have no
# public names. So call an example of either, and take the class of what it returns.


@contextlib.contextmanager
def _example() -> Iterator[None]:
    yield


@contextlib.asynccontextmanager
async def _async_example() -> AsyncIterator[None]:
    yield


_CONTEXT_MANAGERS = (type(_example()), type(_async_example()))


class _OneShot(abc.ABC):
    """The classes of results that can be used only once.

    Those are iterators, async iterators, whatever can be awaited,
    and what a `@contextmanager` function returns.
    This is an abstract class because such a class remembers what it has found out
    about other classes, so that the check takes little time.
    """

    @classmethod
    def __subclasshook__(cls, candidate: type) -> bool:
        def has(name: str) -> bool:
            return _on_class(candidate, name) is not _NOTHING

        if has("__await__") or issubclass(candidate, _CONTEXT_MANAGERS):
            return True
        # MagicMock has __next__ and __anext__, too, and people test their code with it.
        # Unlike iterators, it can be called.
        return (has("__next__") or has("__anext__")) and not has("__call__")


_ONE_SHOT_FLAGS = (
    inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
)


def _is_one_shot_function(plain_method: Any) -> bool:
    # Not by inspect.iscoroutinefunction() and its like. They say yes of each method of
    # a mock.create_autospec(): its __code__ is a mock, the flags are mocks, too, and
    # any mock is true.
    while isinstance(plain_method, functools.partial):
        plain_method = plain_method.func
    # A bound method gives the __code__ of its function.
    code = getattr(plain_method, "__code__", None)
    # The __code__ of an xmlrpc method isn't code, but another xmlrpc method.
    return isinstance(code, types.CodeType) and bool(code.co_flags & _ONE_SHOT_FLAGS)


# Deep copies and pickles
#
# When an object is deep-copied or pickled, so is everything that it holds, its cached
# methods included. In place of each cached method, the copy gets a method of its own
# that isn't cached. (What is loaded from a pickle is called a copy here, too.)
# A cached method can also be copied or pickled by itself.
#
# Most methods need the copy of their owner. If it is being made already, deepcopy() and
# pickle find it in their memo. (A __deepcopy__ or __reduce__ of the owner's class
# doesn't always put it there, so such an object is to be uncached first.)


def _deep_copy(record: _Record, memo: dict[int, Any]) -> Any:
    """Do what copy.deepcopy(), which passes its memo, does with a cached method."""
    owner, name, plain_method = record["owner"], record["name"], record["method"]
    if type(plain_method) is types.MethodType and plain_method.__self__ is owner:
        # deepcopy() makes this a method of the copy of the owner without reading it
        # from there. (That could fail, where a __getattribute__ needs attributes that
        # the copy doesn't have yet.)
        return copy.deepcopy(plain_method, memo)
    # What is copied is the plain method, or else something that has the method: the
    # owner or its class.
    to_copy = _what_to_copy(record)
    copied = copy.deepcopy(to_copy, memo)
    if to_copy is plain_method:
        return copied
    return getattr(copied, name)


def _reduce(record: _Record, _protocol: object) -> tuple[Callable[..., Any], Any]:
    """Return a function and its arguments, which pickle stores.

    When the pickle is loaded, this call is made, and gives the method of the copy.
    """
    owner, name, plain_method = record["owner"], record["name"], record["method"]
    if isinstance(owner, types.ModuleType):
        # The plain method is a function of a module, such as json.dumps. To pickle
        # it, pickle would save the name of the module and that of the function. But it
        # refuses to, since the module has something else under that name, the cached
        # method. So save the names in another way. (If the module is patched where the
        # pickle is loaded, this gives the cached method there.)
        return pkgutil.resolve_name, (f"{owner.__name__}:{name}",)
    to_copy = _what_to_copy(record)
    if to_copy is plain_method:
        # pickle has to have a call. This one, (plain_method,)[0], gives the plain
        # method and doesn't need this module when the pickle is loaded.
        return operator.getitem, ((plain_method,), 0)
    # pickle itself does the same with a bound method.
    return getattr, (to_copy, name)


def _what_to_copy(record: _Record) -> Any:
    """Return the plain method, the owner, or the owner's class.

    A copy of the plain method can be used as it is. From a copy of the owner or of the
    class, the method is then read by its name. (The copy of a class is the class.)
    """
    owner, name, plain_method = record["owner"], record["name"], record["method"]
    if record["shadowed"]:
        # The owner held the method before it was patched. So the method is copied like
        # anything else that the owner holds.
        return plain_method
    on_class = _on_class(owner.__class__, name)
    if on_class is _NOTHING:
        # A __getattr__ has made the method.
        if type(plain_method) is types.FunctionType and plain_method.__closure__:
            # deepcopy() returns functions as they are, and this one may have the owner
            # in its closure. So the copy of the owner has to make a new one. (This
            # raises an error if __getattr__ needs attributes that the copy doesn't have
            # yet.)
            return owner
        # Anything else can be copied.
        return plain_method
    is_of_class = issubclass(type(on_class), (staticmethod, classmethod))
    if is_of_class and getattr(owner.__class__, name) == plain_method:
        # The class gives the same method, which doesn't need the owner. So it can be
        # copied by itself, even if the owner can't be copied because it holds a lock,
        # for example. (A mock with the class as its spec gives another method.)
        return owner.__class__
    # It is a partialmethod or the like, or an ordinary method that is to be pickled.
    return owner
