"""Recording sessions with a real gateway, and playing them back: how a bug is reported."""

from posei_ib_sim.recorder.player import WirePlayer
from posei_ib_sim.recorder.proxy import RecordingProxy
from posei_ib_sim.recorder.tape import Frame, read_recording

__all__ = ["Frame", "RecordingProxy", "WirePlayer", "read_recording"]
