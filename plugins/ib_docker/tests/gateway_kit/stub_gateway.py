"""The main program of the test image: the real image's contract, without the real program.

It takes the same environment, reads the password file as the real scripts and Java do, writes the
log lines that IBC writes, listens where socat listens, and serves the TWS handshake behind it, by
itself or by the simulated Gateway. What goes wrong, and when, is chosen by `STUB_SCENARIO` and by
signals: HUP confirms the second factor, USR1 is the daily restart, USR2 a daily restart whose saved
session is rejected, WINCH makes the API silent, ALRM is a crash.
"""

from __future__ import annotations

import hashlib
import os
import queue
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

JVM = {"live": 4001, "paper": 4002}
PUBLIC = {"live": 4003, "paper": 4004}
STEP = float(os.environ.get("STUB_STEP", "0.005"))
SCENARIO = os.environ.get("STUB_SCENARIO", "ok")


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def ibc(text):
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
    say(f"{stamp}:{int(now * 1000) % 1000:03d} IBC: {text}")
    time.sleep(STEP)


def properties_value(raw):
    """Read a value as Java's `Properties.load` does."""
    raw, units, at = raw.lstrip(" \t\f"), [], 0
    while at < len(raw):
        if raw[at] != "\\":
            units.append(ord(raw[at]))
            at += 1
        elif raw[at + 1 : at + 2] == "u":
            units.append(int(raw[at + 2 : at + 6], 16))
            at += 6
        else:
            units.append(ord(raw[at + 1]))
            at += 2
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be")


class Pipe(threading.Thread):
    """What socat does: accept always, connect to the program, drop the client when that fails."""

    def __init__(self, mode):
        super().__init__(daemon=True)
        self.mode = mode
        self.listener = socket.create_server(("", PUBLIC[mode]))
        say(f".> Forking :::{JVM[mode]} onto 0.0.0.0:{PUBLIC[mode]} > trading mode {mode}")

    def run(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            try:
                program = socket.create_connection(("127.0.0.1", JVM[self.mode]), 5)
            except OSError:
                where = f"AF=2 127.0.0.1:{JVM[self.mode]}, 16"
                say(f"2026/03/02 09:00:00 socat[31] E connect(5, {where}): Connection refused")
                return
            with program:
                program.settimeout(None)
                relay(client, program)


def relay(one, other):
    peers = {one: other, other: one}
    while True:
        for ready in select.select(list(peers), [], [])[0]:
            try:
                data = ready.recv(65536)
                if not data:
                    return
                peers[ready].sendall(data)
            except OSError:
                return


class Api:
    """The program's API port: opened by a login, closed by a restart."""

    def __init__(self, mode):
        self.mode = mode
        self.silent = False
        self.listener = None
        self.simulator = None

    def open(self):
        if "STUB_SIMULATOR" in os.environ:
            command = [sys.executable, "-m", "posei_ib_sim", "serve", "--port", str(JVM[self.mode])]
            command += os.environ["STUB_SIMULATOR"].split()
            self.simulator = subprocess.Popen(command)
            return
        self.listener = socket.create_server(("127.0.0.1", JVM[self.mode]))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.greet, args=(client,), daemon=True).start()

    def greet(self, client):
        with client:
            hello = client.recv(64)
            if hello.startswith(b"API\0") and not self.silent:
                reply = b"187\x0020260302 09:00:00 UTC\0"
                client.sendall(struct.pack(">I", len(reply)) + reply)
            client.recv(1)

    def close(self):
        if self.simulator is not None:
            self.simulator.terminate()
            self.simulator.wait()
            self.simulator = None
        if self.listener is not None:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None


class Gateway:
    """One container's worth of program."""

    def __init__(self):
        self.mode = os.environ.get("TRADING_MODE", "")
        self.password = ""
        # The one queue that a signal handler may use whatever the main thread is doing.
        self.wishes = queue.SimpleQueue()
        self.apis = []

    def next_wish(self, timeout=float("inf")):
        deadline = time.monotonic() + timeout
        while True:
            try:
                # In short steps: a signal taken by another thread does not wake a waiting main one.
                return self.wishes.get(timeout > 0, 0.05)
            except queue.Empty:
                if time.monotonic() >= deadline:
                    return None

    def read_environment(self):
        if os.environ.get("TWS_PASSWORD") and os.environ.get("TWS_PASSWORD_FILE"):
            sys.exit("error: both TWS_PASSWORD and TWS_PASSWORD_FILE are set (but are exclusive)")
        if self.mode not in {"live", "paper", "both"}:
            say(f".> Invalid TRADING_MODE: {self.mode}")
            sys.exit(1)
        raw = Path(os.environ["TWS_PASSWORD_FILE"]).read_text("latin-1").rstrip("\n")
        Path(os.environ["IBC_INI"]).write_text(f"IbPassword={raw}\n", "latin-1")
        self.password = properties_value(raw)
        os.environ.pop("TWS_PASSWORD_FILE")

    def main(self):
        say(".> Starting IBC/IB gateway")
        say(".> Starting Xvfb server")
        self.read_environment()
        if SCENARIO == "crash_at_boot":
            say("Exiting after error with exit code=1100")
            sys.exit(76)
        modes = ["live", "paper"] if self.mode == "both" else [self.mode]
        for mode in modes:
            Pipe(mode).start()
        self.apis = [Api(mode) for mode in modes]
        for api in self.apis:
            self.live(api, resumed=False)
        self.serve()

    def live(self, api, *, resumed, rejected=False):
        """Go through one life of the Java process, up to the open API."""
        token = "autorestart file found at /home/x/autorestart: authentication will not be required"
        fresh = "autorestart file not found: full authentication will be required"
        say(token if resumed else fresh)
        ibc("version: 3.24.1")
        ibc("Re-starting session" if resumed else "Starting session: will exit if login dialog")
        if SCENARIO == "leaky":
            ibc(f"IbPassword={self.password}")
            ibc(f"typed {self.password} for {os.environ['TWS_USERID']}")
            ibc("jxBrowserKey=1BNDHFSC1G8")
        if SCENARIO == "hang":
            return
        if rejected:
            ibc("detected dialog entitled: Unrecognized Username or Password; event=Opened")
            return
        if not resumed:
            ibc("Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT")
            ibc("Setting user name")
            ibc("Setting password")
            ibc("Login attempt: 1")
            ibc("Click button: Paper Log In")
            if not self.log_in():
                return
        ibc("detected frame entitled: Starting application...; event=Closed")
        ibc("Login has completed")
        ibc("detected frame entitled: DU1234567 Trader Workstation Configuration (Simulated)")
        wanted = "true" if os.environ.get("READ_ONLY_API") == "yes" else "false"
        ibc(f"Read-Only API checkbox is now set to: {wanted}")
        if os.environ.get("AUTO_RESTART_TIME"):
            ibc(f"Auto restart time set to: {os.environ['AUTO_RESTART_TIME']}")
        ibc("Configuration tasks completed")
        time.sleep(float(os.environ.get("STUB_API_DELAY", "0")))
        api.open()

    def log_in(self):
        found = hashlib.sha256(self.password.encode()).hexdigest()
        if found != os.environ.get("STUB_PASSWORD_SHA256", found):
            ibc("detected dialog entitled: Unrecognized Username or Password; event=Opened")
            return False
        match SCENARIO:
            case "two_fa":
                return self.second_factor()
            case "login_failed":
                # The real loop has no end and no pause, and the container never exits.
                for attempt in range(1, 1000):
                    if self.next_wish(0) == "stop":
                        os._exit(143)
                    ibc("Login failed")
                    ibc("Cold restart in progress")
                    say("IBC returned exit status 0")
                    say("IBC will cold-restart shortly")
                    ibc(f"Login attempt: {attempt}")
            case "throttled":
                ibc("Too many failed login attempts. Please wait 1 minutes & 40 seconds")
                return False
            case "existing_session":
                ibc("detected dialog entitled: Existing session detected; event=Opened")
                action = os.environ.get("EXISTING_SESSION_DETECTED_ACTION", "manual")
                scenario = {"primary": 5, "secondary": 2}.get(action, 1)
                ibc(f"Session decided (scenario {scenario})")
                return scenario == 5
        return True

    def second_factor(self):
        ibc("Second Factor Authentication initiated")
        ibc("detected dialog entitled: Second Factor Authentication; event=Opened")
        if self.next_wish(float(os.environ.get("STUB_TWO_FA_SECONDS", "60"))) != "confirm":
            ibc("Duration since login: 180 seconds")
            ibc("Re-login after second factor authentication timeout not required")
            return False
        ibc("Duration since login: 4 seconds")
        return True

    def serve(self):
        while True:
            match self.next_wish():
                case "restart" | "reject" as wish:
                    self.restart(rejected=wish == "reject")
                case "silent":
                    for api in self.apis:
                        api.silent = True
                case "crash":
                    say("Exiting after error with exit code=1100")
                    os._exit(76)
                case "stop":
                    say(".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway.")
                    for api in self.apis:
                        api.close()
                    say(".> Done... $?")
                    os._exit(143)  # threads still write; a clean end of the interpreter would abort

    def restart(self, *, rejected):
        ibc("detected dialog entitled: Shutdown progress; event=Opened")
        for api in self.apis:
            api.close()
        say("IBC returned exit status 0")
        say("IBC will restart shortly")
        time.sleep(float(os.environ.get("STUB_RESTART_SECONDS", "0.3")))
        for api in self.apis:
            self.live(api, resumed=True, rejected=rejected)


def main():
    gateway = Gateway()
    wishes = {
        signal.SIGTERM: "stop",
        signal.SIGHUP: "confirm",
        signal.SIGUSR1: "restart",
        signal.SIGUSR2: "reject",
        signal.SIGWINCH: "silent",
        signal.SIGALRM: "crash",
    }
    for number, wish in wishes.items():
        signal.signal(number, lambda *_, wish=wish: gateway.wishes.put(wish))
    if SCENARIO == "ignore_stop":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gateway.main()


if __name__ == "__main__":
    main()
