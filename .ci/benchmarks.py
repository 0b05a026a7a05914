"""How long things take, compared with what is written by hand or with another library.

Run it by `.venv/bin/pytest .ci/benchmarks.py`. Nothing is asserted. Each round of a benchmark
runs its statement many times, as timeit does, after as many runs of what it is compared with:
so the ratios hold on a machine that is busy now and then.
"""

import functools
import gc
import importlib.metadata
import platform
import statistics
import threading
import timeit
import tracemalloc

import pytest

from cache_inplace import cache_method_in_place, cache_methods_in_place, uncache  # noqa: F401

library = functools.partial(pytest.importorskip, exc_type=ImportError)


class Client:
    """What the article calls the client; small, so that nothing hides what a cache costs."""

    def __init__(self):
        self.user = "ann"

    def one(self, arg):
        return arg

    def two(self, arg):
        return arg


class ByHand(Client):
    def __init__(self):
        super().__init__()
        self.one = functools.lru_cache(maxsize=1000)(self.one)


def set_by_hand(obj, name, maxsize=1000):
    setattr(obj, name, functools.lru_cache(maxsize=maxsize)(getattr(obj, name)))


def fresh():
    """Of a class of its own, as dir() of one instance makes others slower, too."""
    return type("Fresh", (Client,), {})()


def by_name(**options):
    client = fresh()
    cache_method_in_place(client, "one", **{"maxsize": 1000, **options})
    return client


def by_predicate():
    client = fresh()
    cache_methods_in_place(client, "one".__eq__, maxsize=1000)
    return client


def arguments(*args):
    return args


def by_cachetools(kind, lock=True, **key):
    cachetools = library("cachetools")
    client = fresh()
    cache = cachetools.LRUCache(1000) if kind == "LRU" else cachetools.TTLCache(1000, 60)
    lock = threading.Lock() if lock else None
    client.one = cachetools.cached(cache, lock=lock, **key)(client.one)
    return client


def by_cachebox():
    cachebox = library("cachebox")
    client = fresh()
    client.one = cachebox.cached(cachebox.TTLCache(1000, 60))(client.one)
    return client


@pytest.fixture(scope="module")
def ratios(request):
    """Lines to be printed at the end, with what the benchmarks' own table doesn't tell."""
    lines = []
    yield lines
    installed = {found.name: found.version for found in importlib.metadata.distributions()}
    names = sorted({"cachetools", "cachebox"} & installed.keys())
    title = ", ".join(
        [f"Python {platform.python_version()}", *(f"{n} {installed[n]}" for n in names)]
    )
    memory = [
        f"{size(patch):6.0f} bytes a method: {patch.__name__}"
        for patch in (cache_method_in_place, set_by_hand)
    ]
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{title}", *lines, *memory, sep="\n")


def size(patch):
    clients = [Client() for _ in range(1000)]
    patch(Client(), "one")
    gc.collect()
    tracemalloc.start()
    kept = [patch(client, "one") for client in clients]
    gc.collect()
    traced, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return traced / len(kept)


@pytest.fixture
def race(benchmark, ratios, request):
    """Time a statement, and how many times as long it takes as another one."""

    def run(statement, names, other, names_of_other, number=20_000, rounds=100):
        benchmark.group = request.node.originalname
        # Each has a code object of its own, as the interpreter adapts that to what it sees.
        ours = timeit.Timer(statement, globals=names)
        theirs = timeit.Timer(other, globals=names_of_other)
        times = []
        benchmark.pedantic(
            lambda: ours.timeit(number),
            setup=lambda: times.append(theirs.timeit(number)),
            rounds=rounds,
            warmup_rounds=2,
        )
        pairs = list(zip(benchmark.stats.stats.data, times[-rounds:], strict=True))
        ratio = statistics.median(mine / its for mine, its in pairs)
        extra = statistics.median(mine - its for mine, its in pairs) / number * 1e6
        name = request.node.name.removeprefix("test_")
        ratios.append(f"{ratio:6.2f} times as long, {extra:+.3f} us: {name}")

    return run


HIT = "client.one(1)"


@pytest.mark.parametrize("make", [by_name, by_predicate])
def test_hit(race, make):
    race(HIT, {"client": make()}, HIT, {"client": ByHand()})


@pytest.mark.parametrize("statement", ["client.user", "client.user = 1", "client.two(1)"])
@pytest.mark.parametrize("make", [by_name, by_predicate])
def test_rest_of_the_object(race, make, statement):
    race(statement, {"client": make()}, statement, {"client": ByHand()})


@pytest.mark.parametrize("statement", ["client.one(1)", "client.two(1)", "client.user"])
@pytest.mark.parametrize("make", [by_name, by_predicate])
def test_other_instances(race, make, statement):
    patched, patched_by_hand = make(), fresh()
    set_by_hand(patched_by_hand, "one")
    client, other = type(patched)(), type(patched_by_hand)()
    race(statement, {"client": client}, statement, {"client": other})


OTHERS_WITH_EXPIRY = {
    "lru_cache": ByHand,
    "cachetools with a lock": functools.partial(by_cachetools, "TTL"),
    "cachetools without a lock": functools.partial(by_cachetools, "TTL", lock=False),
    "cachebox": by_cachebox,
}


@pytest.mark.parametrize("make_other", OTHERS_WITH_EXPIRY.values(), ids=OTHERS_WITH_EXPIRY)
def test_hit_with_ttl_compared_with(race, make_other):
    race(HIT, {"client": by_name(ttl=60)}, HIT, {"client": make_other()})


@pytest.mark.parametrize("lock", [True, False], ids=["with a lock", "without a lock"])
@pytest.mark.parametrize("kind", ["TTL", "LRU"])
def test_hit_with_key_compared_with_cachetools(race, kind, lock):
    options = {"ttl": 60} if kind == "TTL" else {}
    client = by_name(key=arguments, **options)
    race(HIT, {"client": client}, HIT, {"client": by_cachetools(kind, lock, key=arguments)})


@pytest.mark.parametrize("result", [1, Client()], ids=["number", "object"])
@pytest.mark.parametrize("options", [{}, {"ttl": 60}], ids=["plain", "ttl"])
def test_miss(race, options, result):
    other = Client()
    set_by_hand(other, "one", 0)
    names = {"client": by_name(**options, maxsize=0), "result": result}
    race("client.one(result)", names, "client.one(result)", {**names, "client": other})


def test_patch_one(race):
    ours = "cache_method_in_place(Client(), 'one', maxsize=1000)"
    race(ours, globals(), "set_by_hand(Client(), 'one')", globals(), number=300)


def test_patch_and_undo_one(race):
    names = {**globals(), "client": Client(), "other": Client()}
    ours = "cache_method_in_place(client, 'one', maxsize=1000); uncache(client)"
    race(ours, names, "set_by_hand(other, 'one'); del other.one", names, number=300)
