"""Drives Dino in a session of its own: an X server without a screen, PulseAudio without a sound card, and the accessibility bus.

Reads one JSON command a line, such as {"do": "call", "jid": "bob@call.example", "video": true}, and answers each with a line:
{"ok": ...} or {"error": "..."}.
"""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

home = os.environ["HOME"]
database = home + "/share/dino/dino.db"
jid, password, tone, patience = sys.argv[1], sys.argv[2], sys.argv[3], 60


def start(*command, **more):
    """They end with this process, which is the first of its process namespace."""
    log = open(f"{home}/{command[0]}.log", "ab")
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)


def wait(what, found):
    end = time.monotonic() + patience
    while True:
        try:
            answer = found()
        except GLib.Error:  # A widget went away meanwhile.
            answer = None
        if answer:
            return answer
        if time.monotonic() > end:
            raise RuntimeError("waited in vain for " + what)
        time.sleep(0.05)


def query(text, *values):
    """Rows of Dino's own database; none while it isn't there."""
    try:
        of = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)
    except sqlite3.OperationalError:
        return []
    with contextlib.closing(of):
        return of.execute(text, values).fetchall()


def log(at=0):
    """What Dino has logged from there on."""
    with open(home + "/dino-im.log", encoding="latin1") as of:
        return of.read()[at:]


def display():
    reader, writer = os.pipe()
    screen = ["-screen", "0", "1024x768x24", "-nolisten", "tcp", "-fbdir", home]
    start("Xvfb", "-displayfd", str(writer), *screen, pass_fds=[writer])
    os.close(writer)
    number = os.read(reader, 16).decode().strip()
    if number == "":
        raise RuntimeError("Xvfb does not start")
    os.environ["DISPLAY"] = ":" + number


def sound():
    modules = [
        "module-null-sink sink_name=speaker rate=48000 channels=1",
        f"module-sine-source source_name=microphone rate=48000 frequency={tone}",
        "module-native-protocol-unix",
    ]
    loads = [part for module in modules for part in ("-L", module)]
    start("pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", *loads)
    socket = os.environ["XDG_RUNTIME_DIR"] + "/pulse/native"
    wait("PulseAudio", lambda: os.path.exists(socket))


def account():
    """Dino makes its tables when it starts; the account is put into them while it is not running."""
    first = start("dino-im")
    tables = "select 1 from sqlite_master where name = 'account'"
    wait("Dino's tables", lambda: query(tables) and query("select 1 from _meta"))
    time.sleep(0.5)
    first.terminate()
    first.wait()
    with sqlite3.connect(database) as of:
        of.execute(
            "insert into account (bare_jid, resourcepart, password, alias, enabled) values (?, 'dino', ?, '', 1)",
            (jid, password),
        )


def application(interface, method, values, path="/im/dino/Dino"):
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    bus.call_sync("im.dino.Dino", path, interface, method, values, None, Gio.DBusCallFlags.NONE, 20_000, None)


def action(name, *numbers):
    value = GLib.Variant("(" + "i" * len(numbers) + ")", numbers)
    application("org.gtk.Actions", "Activate", GLib.Variant("(sava{sv})", (name, [value], {})))


def widgets(of=None):
    """Everything that Dino shows, from its windows down."""
    import pyatspi  # It needs a display.

    if of is None:
        desktop = pyatspi.Registry.getDesktop(0)
        for program in desktop:
            if program is not None and program.name in ("dino", "dino-im", "Dino", "im.dino.Dino"):
                yield from widgets(program)
        return
    yield of
    for index in range(of.childCount):
        try:
            part = of.getChildAtIndex(index)
        except Exception:  # It went away meanwhile.
            continue
        if part is not None:
            yield from widgets(part)


def act(name, matches=lambda widget: True):
    """Waits for a widget that has this action, and does it."""

    def found():
        for widget in widgets():
            try:
                acts = widget.queryAction()
                names = [acts.getName(n) for n in range(acts.nActions)]
                if name in names and matches(widget):
                    return acts, names.index(name)
            except Exception:  # It went away meanwhile, or has no actions.
                continue
        return None

    acts, number = wait(name, found)
    acts.doAction(number)


def inside(widget, window):
    while widget is not None and widget.getRoleName() != "application":
        if widget.name == window:
            return True
        widget = widget.parent
    return False


def latest():
    """The newest call: its number, conversation, and how it ended, or would if Dino ended now."""
    text = "select call.id, conversation.id, call.state from call join conversation on conversation.jid_id = call.counterpart_id"
    return (query(text + " order by call.id desc limit 1") or [(0, 0, 0)])[0]


# The call that was made or taken last, where its part of the log begins, and whether Dino has hung up.
own = {"call": 0, "at": 0, "over": False}


def call(to, video):
    values = ([f"xmpp:{to}?message"], "", {})
    application("org.gtk.Application", "Open", GLib.Variant("(assa{sv})", values))
    before, at = latest()[0], len(log())
    act("call.video" if video else "call.audio")
    number = wait("the call", lambda: latest()[0] > before and latest()[0])
    own.update(call=number, at=at, over=False)


def accept():
    number, conversation, _ = latest()
    own.update(call=number, at=len(log()), over=False)
    action("accept-call", conversation, number)


def decline():
    number, conversation, _ = latest()
    action("reject-call", conversation, number)


def hangup():
    # The window of a call that the other end has ended stays for three seconds.
    wait("one window of a call", lambda: [w.name for w in widgets()].count("DinoUiCallWindow") == 1)
    # The third of the call's own buttons; none of them has a name.
    buttons = []

    def third(widget):
        if widget.name == "GtkButton" and inside(widget, "DinoUiCallWindow"):
            buttons.append(widget)
        return len(buttons) == 3

    act("click", third)
    own["over"] = True


outcomes = {5: "declined", 6: "missed", 7: "failed"}


def state():
    number, _, outcome = latest()
    said = log(own["at"]) if own["call"] == number else ""
    over = said != "" and (own["over"] or "Peer left" in said)
    return {
        "rings": query("select count(*) from call where direction = 0")[0][0],
        "alerting": ":jingle-message:0}:ringing" in said,
        "connections": said.count("on_connection_ready"),
        "ended": outcomes.get(outcome, "ended" if over else None),
    }


commands = {"call": call, "accept": accept, "decline": decline, "hangup": hangup, "state": state}


def main():
    display()
    sound()
    account()
    start("dino-im", "--print-xmpp=all", env={**os.environ, "G_MESSAGES_DEBUG": "all"})
    wait("Dino to be signed in", lambda: "{jabber:client}:presence" in log())
    print(json.dumps({"ok": None}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            told = {"ok": commands[asked.pop("do")](**asked)}
        except Exception as error:
            told = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), flush=True)


main()
