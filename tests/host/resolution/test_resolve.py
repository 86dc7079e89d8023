"""Whatever plugins want of each other: the report does not depend on their order, and the order respects all needs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from vmon_core.host.resolution.records import Candidate, Machine, Member, Reason, Rejection, Resolution
from vmon_core.host.resolution.resolve import resolve
from vmon_core.host.resolution.scene import meets
from vmon_core.plugin import Capability, PluginInfo, Risk

MACHINE = Machine(api=1, environment={})

NAMES = [f"p{number}" for number in range(8)]
CAPABILITIES = st.sampled_from("xyz")
RANGES = st.sampled_from(["", ">=1", ">=2", "<2"])


def member(name: str, **info: object) -> Member:
    """A plugin as the resolution sees it."""
    return Member(candidate=Candidate(name=name), info=PluginInfo(name=name, version="1.0", **info))  # type: ignore[arg-type]  # any field


@st.composite
def members(draw: st.DrawFn) -> list[Member]:
    """Some plugins that need, provide, refuse and own things at random."""
    some = st.lists(CAPABILITIES, max_size=2, unique=True).map(tuple)
    return [
        member(
            name,
            provides=tuple(Capability(c, draw(st.sampled_from(["1.0", "2.0"]))) for c in draw(some)),
            requires=tuple(c + draw(RANGES) for c in draw(some)),
            conflicts=draw(st.just(()) | st.tuples(st.sampled_from([*NAMES, "x"]))),
            actions=draw(st.just({}) | st.just({"restart": Risk.NONE})),
            api=draw(st.sampled_from([1, 1, 1, 2])),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True))
    ]


@given(members(), st.randoms(), st.sets(st.sampled_from(NAMES), max_size=2))
def test_any_order_gives_the_same_report(some: list[Member], random: st.DataObject, preferred: set[str]) -> None:
    """Who was found first does not matter."""
    first = resolve(some, MACHINE, preferred=preferred)
    random.shuffle(some)  # type: ignore[attr-defined]  # a random.Random
    assert resolve(some, MACHINE, preferred=preferred) == first


@given(members())
def test_everybody_is_accounted_for(some: list[Member]) -> None:
    """Each plugin is loaded or rejected, not both, and once."""
    resolution = resolve(some, MACHINE)
    names = [m.name for m in resolution.order] + [r.name for r in resolution.rejected]
    assert sorted(names) == sorted(m.name for m in some)


@given(members())
def test_order_respects_every_need(some: list[Member]) -> None:
    """What a plugin needs is provided by itself or by one before it."""
    provided: list[Capability] = []
    for each in resolve(some, MACHINE).order:
        provided += each.info.provides
        assert all(meets(provided, Requirement(text)) for text in each.info.requires)


@given(members())
def test_those_that_stay_get_on(some: list[Member]) -> None:
    """No two of them refuse each other or own one action, and each works here."""
    order = resolve(some, MACHINE).order
    for one in order:
        assert one.info.api == 1
        for two in order:
            if one is not two:
                words = {two.name, *(c.name for c in two.info.provides)}
                assert not words & set(one.info.conflicts)
                assert not set(one.info.actions) & set(two.info.actions)


@given(members(), members())
def test_plugins_in_use_stay(some: list[Member], more: list[Member]) -> None:
    """Newcomers are judged against those in use, which are never rejected."""
    settled = resolve(some, MACHINE).order
    resolution = resolve(more, MACHINE, settled=settled)
    assert {r.name for r in resolution.rejected} >= {m.name for m in settled} & {m.name for m in more}
    assert not {m.name for m in settled} & {m.name for m in resolution.order}


@given(members())
def test_what_stays_would_stay_alone(some: list[Member]) -> None:
    """The result is a fixed point: resolving it again changes nothing."""
    order = resolve(some, MACHINE).order
    assert resolve(order, MACHINE) == Resolution(order=order, rejected=())


def test_name_in_use() -> None:
    """The message says from where the other one comes."""
    settled = [Member(candidate=Candidate(name="a", distribution="d", version="1.0"), info=member("a").info)]
    (rejection,) = resolve([member("a")], MACHINE, settled=settled).rejected
    assert (rejection.code, rejection.reason) == (Reason.DUPLICATE, "a plugin 'a' is loaded already, from d 1.0")


def test_earlier_rejections_explain_what_is_missing() -> None:
    """A plugin that could say what it provides before it was rejected is named, with its own reason."""
    lost = Rejection(
        name="b",
        code=Reason.CONFIGURATION,
        reason="no table",
        help="write it",
        provides=(Capability("x"),),
        source="d 1",
    )
    (rejection,) = resolve([member("a", requires=("x",))], MACHINE, dropped=[lost]).rejected
    assert "b (d 1) would provide it, but is rejected" in rejection.reason
    assert (rejection.chain, rejection.help) == (("b: no table",), "write it")
