"""What becomes of plugins that are really installed: fake distributions on disk, real discovery, real loading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from packaging.specifiers import SpecifierSet

from vmon_core.config import PluginsConfig
from vmon_core.host.discovery import discover
from vmon_core.host.plugin_host import PluginHost
from vmon_core.host.resolution.records import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATE = """
from vmon_core.plugin import Capability, PluginInfo, Risk, hookimpl

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="{name}", version="{version}", {info})
"""

X1 = 'provides=(Capability("x", "1.0"),)'
X2 = 'provides=(Capability("x", "2.0"),)'
ACTS = 'actions={"restart": Risk.INTERRUPTS}'
FACTS = """
@hookimpl
def vmon_facts():
    return {facts}
"""


@attrs.frozen(kw_only=True)
class Dist:
    """A distribution that announces one plugin.

    Attributes:
        name: of the distribution.
        info: fields of its PluginInfo, as code.
        more: code below it.
        code: the whole module instead.
        options: for the fixture: plugin, requires, version, python.
    """

    name: str
    info: str = ""
    more: str = ""
    code: str = ""
    options: dict[str, str] = attrs.field(factory=dict)


def dist(name: str, info: str = "", *, more: str = "", code: str = "", **options: str) -> Dist:
    """Make one."""
    return Dist(name=f"t-{name}", info=info, more=more, code=code, options=options)


@attrs.frozen(kw_only=True)
class Case:
    """What is installed and wished, and what must come of it.

    Attributes:
        what: the case in words.
        dists: what is installed.
        wishes: of the user.
        loaded: names in the order of loading.
        rejected: for each rejected plugin the reason's code, and words that its sentence, help and chain hold.
    """

    what: str
    dists: tuple[Dist, ...]
    wishes: dict[str, Any] = attrs.field(factory=dict)
    loaded: tuple[str, ...] = ()
    rejected: dict[str, tuple[str, ...]] = attrs.field(factory=dict)


def case(
    what: str, *dists: Dist, loaded: str = "", rejected: dict[str, tuple[str, ...]] | None = None, **wishes: object
) -> Case:
    """Make one; names of plugins are given without their "t-"."""
    gone = {f"t-{name}": words for name, words in (rejected or {}).items()}
    return Case(what=what, dists=dists, wishes=wishes, loaded=tuple(f"t-{n}" for n in loaded.split()), rejected=gone)


CASES = (
    # --- alone ---
    case("one good plugin", dist("a"), loaded="a"),
    case("strangers come in the order of their names", dist("c"), dist("a"), dist("b"), loaded="a b c"),
    # --- the user's wishes ---
    case(
        "disabled",
        dist("a", code="raise AssertionError('imported')"),
        disabled=("t-a",),
        rejected={"a": ("disabled", "disabled by the configuration", "vmon plugins enable t-a")},
    ),
    case(
        "pinned to another version",
        dist("a", version="0.3.1"),
        pins={"t-a": "<0.3"},
        rejected={"a": ("pinned", "version 0.3.1 (t-a 0.3.1) is not <0.3", "pip install 't-a<0.3'")},
    ),
    case("pinned to this version", dist("a", version="0.2.9"), pins={"t-a": "<0.3"}, loaded="a"),
    case("a pre-release is inside of a pin", dist("a", version="0.3rc1"), pins={"t-a": ">=0.2"}, loaded="a"),
    case(
        "blocked version",
        dist("a", version="1.1"),
        blocked={"T_a<1.2": "hangs on driver 570"},
        rejected={"a": ("blocked", "t-a 1.1 is blocked", "T_a<1.2", "hangs on driver 570", "other than <1.2")},
    ),
    case("version after a blocked one", dist("a", version="1.2"), blocked={"t-a<1.2": "hangs"}, loaded="a"),
    case("blocked without a reason", dist("a"), blocked={"t-a": ""}, rejected={"a": ("blocked", "no reason is given")}),
    # --- metadata ---
    case(
        "requirement that is not installed",
        dist("a", requires="no-such-distribution>=2"),
        rejected={"a": ("requirement", "t-a 1.0 needs no-such-distribution>=2 (found: nothing)", "pip install --up")},
    ),
    case(
        "requirement in another version",
        dist("lib", version="1.5"),
        dist("a", requires="t-lib>=2"),
        loaded="lib",
        rejected={"a": ("requirement", "t-lib>=2 (found: 1.5)")},
    ),
    case(
        "requirement that a pre-release meets",
        dist("lib", version="2.0rc1"),
        dist("a", requires="t-lib>=1.9"),
        loaded="a lib",
    ),
    case("requirement whose marker does not hold", dist("a", requires="nothing; python_version < '3'"), loaded="a"),
    case("requirement of an extra", dist("a", requires="nothing; extra == 'gpu'"), loaded="a"),
    case("requirement whose marker means nothing", dist("a", requires="b; sys_platform ~= 'x'"), loaded="a"),
    case("requirement that nobody can read", dist("a", requires="((odd"), loaded="a"),
    case(
        "two that can never be installed together",
        dist("lib", version="1.5"),
        dist("a", requires="t-lib>=2"),
        dist("b", requires="t-lib<2"),
        loaded="b lib",
        rejected={"a": ("requirement", "t-a 1.0 and t-b 1.0 can never be installed together", "t-lib>=2", "t-lib<2")},
    ),
    case(
        "another Python",
        dist("a", python=">=4"),
        rejected={"a": ("python", "t-a 1.0 needs Python >=4, and this is Python 3.")},
    ),
    case("this Python", dist("a", python=">=3.11"), loaded="a"),
    case("a Python that nobody can read", dist("a", python="three"), loaded="a"),
    # --- names ---
    case(
        "one name twice",
        dist("one", plugin="t-same"),
        dist("two", plugin="t-same"),
        rejected={"same": ("duplicate", "t-one 1.0, t-two 1.0", "uninstall all but one")},
    ),
    case(
        "one name twice, one of them blocked",
        dist("one", plugin="t-same"),
        dist("two", plugin="t-same"),
        blocked={"t-two": "we use t-one"},
        loaded="same",
        rejected={"same": ("blocked", "we use t-one")},
    ),
    # --- import and what it says of itself ---
    case(
        "import error",
        dist("a", code="import no_such_module"),
        rejected={"a": ("import", "No module named", "import t_a")},
    ),
    case(
        "module that exits",
        dist("a", code="raise SystemExit(3)"),
        dist("b"),
        loaded="b",
        rejected={"a": ("import", "SystemExit: 3")},
    ),
    case(
        "module that is interrupted",
        dist("a", code="raise KeyboardInterrupt"),
        dist("b"),
        loaded="b",
        rejected={"a": ("import",)},
    ),
    case(
        "no plugin at all", dist("a", code="x = 1"), rejected={"a": ("contract", "does not implement vmon_plugin_info")}
    ),
    case(
        "requirement that makes no sense",
        dist("a", 'requires=("x =< 1",)'),
        rejected={"a": ("contract", "its requires must be")},
    ),
    case(
        "need that is no text", dist("a", "needs=(5,)"), rejected={"a": ("contract", "its needs must be requirements")}
    ),
    case(
        "requires as a text",
        dist("a", 'requires="x"'),
        rejected={"a": ("contract", "its requires must be a tuple, not 'x'")},
    ),
    case(
        "marker that makes no sense", dist("a", 'environment="linux"'), rejected={"a": ("contract", "must be a marker")}
    ),
    case(
        "capability without a version",
        dist("a", 'provides=(Capability("x", "new"),)'),
        rejected={"a": ("contract", "with a version")},
    ),
    # --- the machine ---
    case(
        "hooks of the future",
        dist("a", "api=99"),
        rejected={"a": ("api", "t-a (t-a 1.0) was written for hooks of level 99", "a newer version of vmon-core")},
    ),
    case("hooks of the past", dist("a", "api=0"), rejected={"a": ("api", "level 0", "a newer version of t-a")}),
    case(
        "another system",
        dist("a", "environment=\"sys_platform == 'plan9'\""),
        rejected={"a": ("environment", "works only where sys_platform == 'plan9'", "sys_platform is 'linux'")},
    ),
    case("this system", dist("a", "environment=\"os_name == 'posix'\""), loaded="a"),
    case("a fact that the core knows", dist("a", 'needs=("cpu.count>=1", "python>=3.11")'), loaded="a"),
    case(
        "a fact that is not so",
        dist("a", 'needs=("cpu.count>=100000",)'),
        rejected={"a": ("fact", "needs cpu.count>=100000; found: ", "says vmon", "vmon plugins disable t-a")},
    ),
    case(
        "a fact that nobody knows",
        dist("a", 'needs=("weather.rain<1",)'),
        rejected={"a": ("fact", "nobody can tell weather.rain here", "the hook vmon_facts")},
    ),
    case(
        "a fact that another plugin tells",
        dist("a", 'needs=("gpu.compute-capability>=9",)'),
        dist("b", more=FACTS.format(facts='{"gpu.compute-capability": "9.0"}')),
        loaded="a b",
    ),
    case(
        "a fact that another plugin denies",
        dist("a", 'needs=("gpu.compute-capability>=9",)'),
        dist("b", more=FACTS.format(facts='{"gpu.compute-capability": "8.6"}')),
        loaded="b",
        rejected={"a": ("fact", "found: 8.6, says t-b")},
    ),
    case(
        "facts that fail cost only themselves",
        dist("a", 'needs=("t.answer>=1",)'),
        dist("b", more=FACTS.format(facts="1 / 0")),
        dist("c", more=FACTS.format(facts='{"t.answer": 42}')),
        dist("d", more=FACTS.format(facts='{"t.answer": "42"}')),
        loaded="a b c d",
    ),
    # --- capabilities ---
    case("provider comes first", dist("a", 'requires=("x>=1",)'), dist("b", X1), loaded="b a"),
    case(
        "nobody provides it",
        dist("a", 'requires=("x>=1",)'),
        rejected={
            "a": ("capability", "t-a (t-a 1.0) needs x>=1, which no plugin provides", "a plugin that provides x")
        },
    ),
    case(
        "nobody provides it, but one did not get so far",
        dist("a", 'requires=("x",)'),
        dist("b", code="import no_such_module"),
        rejected={"a": ("capability", "before they could say so: ", "t-b"), "b": ("import",)},
    ),
    case(
        "provider in too old a version",
        dist("a", 'requires=("x>=2",)'),
        dist("b", X1),
        loaded="b",
        rejected={"a": ("capability", "needs x>=2; found: t-b (t-b 1.0) provides 1.0")},
    ),
    case("two providers, one fits", dist("a", 'requires=("x>=2",)'), dist("b", X1), dist("c", X2), loaded="b c a"),
    case(
        "two providers come before who needs one",
        dist("a", 'requires=("x",)'),
        dist("b", X1),
        dist("c", X2),
        loaded="b c a",
    ),
    case("self-provided", dist("a", f'requires=("x>=1",), {X1}'), loaded="a"),
    case(
        "self-provided in the wrong version",
        dist("a", f'requires=("x>=2",), {X1}'),
        rejected={"a": ("capability", "found: t-a (t-a 1.0) provides 1.0")},
    ),
    case("need under a marker that does not hold", dist("a", "requires=(\"x; python_version < '3'\",)"), loaded="a"),
    case(
        "a rejection takes its dependants with it",
        dist("a", 'requires=("y",)'),
        dist("b", 'requires=("x",), provides=(Capability("y"),)'),
        dist("c", f"{X1}, api=99"),
        dist("d"),
        loaded="d",
        rejected={
            "a": (
                "capability",
                "needs y; t-b (t-b 1.0) would provide it, but is rejected",
                "t-b: ",
                "t-c: ",
                "level 99",
                "vmon-core",
            ),
            "b": ("capability", "needs x; t-c (t-c 1.0) would provide it", "t-c: "),
            "c": ("api", "level 99"),
        },
    ),
    case(
        "one provider goes, another stays",
        dist("a", 'requires=("x",)'),
        dist("b", f"{X1}, api=99"),
        dist("c", X1),
        loaded="c a",
        rejected={"b": ("api",)},
    ),
    # --- circles ---
    case(
        "circle of two",
        dist("a", 'requires=("y",), provides=(Capability("x"),)'),
        dist("b", 'requires=("x",), provides=(Capability("y"),)'),
        rejected={"a": ("circular", "t-a -> t-b -> t-a"), "b": ("circular", "t-a -> t-b -> t-a")},
    ),
    case(
        "circle of three, and one that needs it",
        dist("a", 'requires=("y",), provides=(Capability("x"),)'),
        dist("b", 'requires=("z",), provides=(Capability("y"),)'),
        dist("c", 'requires=("x",), provides=(Capability("z"),)'),
        dist("d", 'requires=("z",)'),
        rejected={
            "a": ("circular", "t-a -> t-b -> t-c -> t-a"),
            "b": ("circular",),
            "c": ("circular",),
            "d": ("capability", "t-c (t-c 1.0) would provide it", "t-c: these need each other"),
        },
    ),
    case(
        "circle that another provider opens",
        dist("a", 'requires=("y",), provides=(Capability("x"),)'),
        dist("b", 'requires=("x",), provides=(Capability("y"),)'),
        dist("c", X1),
        loaded="c b a",
    ),
    # --- conflicts ---
    case(
        "two that cannot live together",
        dist("a", 'conflicts=("t-b",)'),
        dist("b"),
        dist("c"),
        loaded="c",
        rejected={
            "a": ("conflict", "t-a (t-a 1.0) cannot live with t-b (t-b 1.0)", "neither is loaded", "disable t-b"),
            "b": ("conflict", "neither is loaded", "disable t-a", "[plugins] required"),
        },
    ),
    case(
        "the required one stays",
        dist("a", 'conflicts=("t-b",)'),
        dist("b"),
        required=("t-b",),
        loaded="b",
        rejected={"a": ("conflict", "t-b stays", "vmon plugins disable t-b")},
    ),
    case(
        "the pinned one stays",
        dist("a", 'conflicts=("t-b",)'),
        dist("b"),
        pins={"t-a": "==1.0"},
        loaded="a",
        rejected={"b": ("conflict",)},
    ),
    case(
        "conflict with a capability",
        dist("a", 'conflicts=("x",)'),
        dist("b", X1),
        required=("t-a",),
        loaded="a",
        rejected={"b": ("conflict", "cannot live with t-b (t-b 1.0), which provides x")},
    ),
    case("no conflict with what one provides oneself", dist("a", f'conflicts=("x",), {X1}'), loaded="a"),
    case(
        "conflict with one that goes anyway",
        dist("a", 'conflicts=("t-b",)'),
        dist("b", "api=99"),
        loaded="a",
        rejected={"b": ("api",)},
    ),
    case(
        "a chain of conflicts: what the user decides goes first",
        dist("a", 'conflicts=("t-b",)'),
        dist("b", 'conflicts=("t-c",)'),
        dist("c"),
        required=("t-a",),
        loaded="a c",
        rejected={"b": ("conflict", "t-a stays")},
    ),
    case(
        "who needs the loser of a conflict goes too",
        dist("a", 'conflicts=("t-b",)'),
        dist("b", X1),
        dist("c", 'requires=("x",)'),
        required=("t-a",),
        loaded="a",
        rejected={"b": ("conflict",), "c": ("capability", "t-b: ")},
    ),
    case(
        "two owners of an action",
        dist("a", ACTS),
        dist("b", ACTS),
        rejected={
            "a": ("owner", "both t-a (t-a 1.0) and t-b (t-b 1.0) want to carry out 'restart'"),
            "b": ("owner", "neither is loaded"),
        },
    ),
    case(
        "two owners, one is required",
        dist("a", ACTS),
        dist("b", ACTS),
        required=("t-b",),
        loaded="b",
        rejected={"a": ("owner", "t-b stays")},
    ),
    # --- configuration ---
    case(
        "table for a plugin that takes none",
        dist("a"),
        tables={"t-a": {"x": 1}},
        rejected={"a": ("configuration", "[plugins.t-a] is not empty")},
    ),
    case(
        "who needs a plugin with a wrong table goes too",
        dist("a", X1),
        dist("b", 'requires=("x",)'),
        tables={"t-a": {"x": 1}},
        rejected={
            "a": ("configuration",),
            "b": ("capability", "t-a (t-a 1.0) would provide it", "t-a: it takes no configuration"),
        },
    ),
)


@pytest.mark.parametrize("given", CASES, ids=lambda c: c.what)
def test_case(given: Case, distribution: Callable[..., None]) -> None:
    """Exactly these are loaded, in this order; each other one says who, which version, what was found, what helps."""
    if "never be installed together" in str(given.rejected) and not hasattr(SpecifierSet, "is_unsatisfiable"):
        pytest.skip("this packaging cannot tell (before 26.1)")
    others = tuple(candidate.name for candidate in discover())
    for each in given.dists:
        text = TEMPLATE.format(name=each.name, version=each.options.get("version", "1.0"), info=each.info) + each.more
        distribution(each.name, each.code or text, **each.options)
    wishes = {**given.wishes, "disabled": (*others, *given.wishes.get("disabled", ()))}
    report = PluginHost(config=PluginsConfig(**wishes), patience=10.0).load()
    assert report.loaded == given.loaded
    rejected = {r.name: r for r in report.rejected if r.name not in others}
    assert rejected.keys() == given.rejected.keys()
    for name, (code, *words) in given.rejected.items():
        rejection = rejected[name]
        assert rejection.code is Reason(code)
        text = " | ".join((rejection.reason, rejection.help, *rejection.chain))
        assert [word for word in words if word not in text] == [], text


def test_there_are_enough_cases() -> None:
    """Forty is what was asked for."""
    assert len({given.what for given in CASES}) == len(CASES) >= 40
