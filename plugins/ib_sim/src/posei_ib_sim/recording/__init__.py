"""Recording a session with a real gateway, and playing the gateway's side back.

`recording.proxy.WireRecorder` records, `recording.player.WirePlayer` plays back.
"""
