"""GStreamer's webrtcbin as a WHIP publisher or a WHEP viewer: gstreamer-peer.py publish|view URL TOKEN CODEC SETUP [TURN_URL USER PASSWORD]

Publishes red, green and blue in turn with a tone of 440 Hz until its input ends; or views, and prints what it saw and heard as JSON.
"""

import json
import sys
import threading
import time
import urllib.parse
import urllib.request

import gi
import numpy

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from content import Content, colors, step
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

Gst.init(None)
mode, url, token, codec, setup = sys.argv[1:6]
turn = sys.argv[6:9]
encoders = {
    "VP8": "vp8enc deadline=1 keyframe-max-dist=60 ! rtpvp8pay picture-id-mode=2 pt=96",
    "VP9": "vp9enc deadline=1 keyframe-max-dist=60 cpu-used=8 ! rtpvp9pay picture-id-mode=2 pt=96",
    "H264": "openh264enc gop-size=60 ! h264parse ! rtph264pay config-interval=-1 aggregate-mode=zero-latency pt=96",
}
if mode == "publish":
    pipeline = Gst.parse_launch(
        "webrtcbin name=peer bundle-policy=max-bundle "
        "audiotestsrc is-live=true freq=440 ! audioconvert ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay pt=97 "
        "! application/x-rtp,media=audio,encoding-name=OPUS,payload=97,encoding-params=(string)2 ! peer. "
        # Not videotestsrc: where its color is set while it runs, it may end with an error.
        "appsrc name=colors is-live=true do-timestamp=true format=time caps=video/x-raw,format=RGB,width=320,height=240,framerate=20/1 "
        f"! videoconvert ! video/x-raw,format=I420 ! {encoders[codec]} ! application/x-rtp,media=video,encoding-name={codec},payload=96 ! peer. "
    )
else:
    pipeline = Gst.Pipeline()
    pipeline.add(Gst.parse_launch("webrtcbin name=peer bundle-policy=max-bundle"))
peer = pipeline.get_by_name("peer")
loop = GLib.MainLoop()
content = Content()


def fail(why):
    print(why, file=sys.stderr, flush=True)
    loop.quit()


def paint():
    color = colors[int(time.time() / step) % 3][1]
    pipeline.get_by_name("colors").emit("push-buffer", Gst.Buffer.new_wrapped(bytes(color) * 320 * 240))
    return True


def offered(promise):
    promise.wait()
    # The offer is freed with the reply that it is part of.
    reply = promise.get_reply()
    offer = reply["offer"]
    peer.emit("set-local-description", offer, Gst.Promise.new())
    text = offer.sdp.as_text().replace("a=setup:actpass", "a=setup:" + setup)
    headers = {"Content-Type": "application/sdp", "Authorization": "Bearer " + token}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, text.encode(), headers)) as response:
            answer = response.read().decode()
    except urllib.error.HTTPError as error:
        return fail(f"{error.code}: {error.read().decode()}")
    _, sdp = GstSdp.SDPMessage.new_from_text(answer)
    answered = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
    peer.emit("set-remote-description", answered, Gst.Promise.new())
    print("published" if mode == "publish" else "views", flush=True, file=sys.stdout if mode == "publish" else sys.stderr)


def decoded(_, pad):
    video = pad.get_current_caps().get_structure(0).get_name().startswith("video")
    wanted = "video/x-raw,format=RGB" if video else "audio/x-raw,format=F32LE,channels=1,rate=48000"
    convert = "videoconvert" if video else "audioconvert ! audioresample"
    sink = Gst.parse_bin_from_description(
        f"queue ! {convert} ! {wanted} ! appsink name=sink sync=false emit-signals=true", True
    )

    def sample(appsink):
        got = appsink.emit("pull-sample")
        buffer = got.get_buffer()
        bytes_ = buffer.extract_dup(0, buffer.get_size())
        if video:
            caps = got.get_caps().get_structure(0)
            width, height = caps.get_value("width"), caps.get_value("height")
            stride = len(bytes_) // height
            at = height // 2 * stride + width // 2 * 3
            content.pixel(tuple(bytes_[at : at + 3]))
        else:
            content.samples(numpy.frombuffer(bytes_, dtype=numpy.float32), 48000)
        return Gst.FlowReturn.OK

    pipeline.add(sink)
    sink.get_by_name("sink").connect("new-sample", sample)
    pad.link(sink.get_static_pad("sink"))
    sink.sync_state_with_parent()


def arrived(_, pad):
    if pad.direction != Gst.PadDirection.SRC:
        return
    decoder = Gst.ElementFactory.make("decodebin")
    decoder.connect("pad-added", decoded)
    pipeline.add(decoder)
    pad.link(decoder.get_static_pad("sink"))
    decoder.sync_state_with_parent()


def negotiate(*_):
    if mode == "publish":
        for index in range(2):
            transceiver = peer.emit("get-transceiver", index)
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
    peer.emit("create-offer", None, Gst.Promise.new_with_change_func(offered))


def wait():
    if mode == "publish":
        sys.stdin.read()
    else:
        content.wait()
        print(json.dumps(content.seen()), flush=True)
    loop.quit()


def heard(_, message):
    if message.type == Gst.MessageType.ERROR:
        fail(message.parse_error()[0].message)


if turn:
    login = ":".join(urllib.parse.quote(one, safe="") for one in turn[1:3])
    host, _, query = turn[0].removeprefix("turn:").partition("?")
    peer.set_property("turn-server", f"turn://{login}@{host}" + ("?" + query if query else ""))
    peer.set_property("ice-transport-policy", GstWebRTC.WebRTCICETransportPolicy.RELAY)
if mode == "publish":
    GLib.timeout_add(50, paint)
else:
    receive = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
    peer.connect("pad-added", arrived)
    audio = "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2"
    video = f"application/x-rtp,media=video,encoding-name={codec},payload=96,clock-rate=90000"
    if codec == "H264":
        video += ",packetization-mode=(string)1,profile-level-id=(string)42e01f"
    for caps in (audio, video):
        peer.emit("add-transceiver", receive, Gst.Caps.from_string(caps))
bus = pipeline.get_bus()
bus.add_signal_watch()
bus.connect("message", heard)
peer.connect("on-negotiation-needed", negotiate)
pipeline.set_state(Gst.State.PLAYING)
threading.Thread(target=wait, daemon=True).start()
loop.run()
pipeline.set_state(Gst.State.NULL)
