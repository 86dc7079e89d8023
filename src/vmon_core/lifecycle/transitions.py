"""Name the reason of a transition from the two states that it connects."""

from __future__ import annotations

from vmon_core.lifecycle.states import LifecycleState, Stage, StateTransition

_S, _T = LifecycleState, StateTransition

_BY_STATE = {
    _S.STALLED: _T.STALL,
    _S.HUNG: _T.STALL,
    _S.PAUSED: _T.PAUSE,
    _S.SLEEPING: _T.PAUSE,
    _S.WAKING: _T.RESUME,
    _S.SCALING: _T.MAINTENANCE,
    _S.UPDATING_WEIGHTS: _T.MAINTENANCE,
    _S.DEGRADED: _T.DEGRADATION,
    _S.CORRUPT: _T.DEGRADATION,
    _S.STUCK_STOPPING: _T.STALL,
    _S.STOPPED: _T.SHUTDOWN,
    _S.FAILED_TO_START: _T.FAILURE,
    _S.CRASHED: _T.FAILURE,
    _S.KILLED: _T.FAILURE,
    _S.LEFTOVERS: _T.CLEANUP,
    _S.UNREACHABLE: _T.LOST,
    _S.UNKNOWN: _T.LOST,
}
"""States that are reached for one reason only, wherever they are reached from."""

_RECOVERED_FROM = frozenset({_S.STALLED, _S.HUNG, _S.DEGRADED, _S.CORRUPT, _S.UNREACHABLE, _S.CRASHED})
_RESUMED_FROM = frozenset({_S.PAUSED, _S.SLEEPING, _S.WAKING, _S.SCALING, _S.UPDATING_WEIGHTS})


def why(origin: LifecycleState, state: LifecycleState) -> StateTransition:
    """Name the reason for moving from `origin` to `state`.

    >>> why(LifecycleState.HUNG, LifecycleState.SERVING)
    <StateTransition.RECOVERY: 'RECOVERY'>
    """
    if state in _BY_STATE:
        return _BY_STATE[state]
    if state.stage is Stage.ENDING:
        return _T.SHUTDOWN
    if state.stage in (Stage.BEFORE, Stage.STARTUP):
        return _T.PROGRESS if origin.stage is Stage.STARTUP else _T.STARTUP
    return _why_running(origin)


def _why_running(origin: LifecycleState) -> StateTransition:
    if origin.stage is Stage.STARTUP:
        return _T.READY
    if origin is _S.UNKNOWN:
        return _T.DISCOVERY
    if origin in _RECOVERED_FROM:
        return _T.RECOVERY
    return _T.RESUME if origin in _RESUMED_FROM else _T.LOAD
