"""aiortc as a WHIP publisher or a WHEP viewer: aiortc-peer.py publish|view URL TOKEN CODEC SETUP [TURN_URL USER PASSWORD]

Publishes red, green and blue in turn with a tone of 440 Hz until its input ends; or views, and prints what it saw and heard as JSON.
"""

import asyncio
import fractions
import json
import sys
import time
import urllib.request

import numpy
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from av import AudioFrame, VideoFrame
from content import Content, colors, step

mode, url, token, codec, setup = sys.argv[1:6]
turn = sys.argv[6:9]


class Colors(VideoStreamTrack):
    async def recv(self):
        pts, time_base = await self.next_timestamp()
        picture = numpy.zeros((240, 320, 3), dtype=numpy.uint8)
        picture[:, :] = colors[int(time.time() / step) % 3][1]
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    sent = 0
    began = None

    async def recv(self):
        if self.began is None:
            self.began = time.time()
        await asyncio.sleep(max(0, self.began + self.sent / 48000 - time.time()))
        at = (self.sent + numpy.arange(960)) / 48000
        samples = (numpy.sin(2 * numpy.pi * 440 * at) * 8000).astype(numpy.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, self.sent, fractions.Fraction(1, 48000)
        self.sent += 960
        return frame


async def exchange(connection):
    await connection.setLocalDescription(await connection.createOffer())
    offer = connection.localDescription.sdp.replace("a=setup:actpass", "a=setup:" + setup)
    headers = {"Content-Type": "application/sdp", "Authorization": "Bearer " + token}

    def post():
        with urllib.request.urlopen(urllib.request.Request(url, offer.encode(), headers)) as response:
            return response.read().decode()

    answer = await asyncio.to_thread(post)
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))


def prefer(transceiver):
    known = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([one for one in known if one.mimeType == "video/" + codec])


async def main():
    servers = [RTCIceServer(turn[0], turn[1], turn[2])] if turn else []
    connection = RTCPeerConnection(RTCConfiguration(servers))
    if turn:
        # aiortc has no policy for relays: nothing but them is gathered by agents without addresses.
        import aioice.ice

        aioice.ice.get_host_addresses = lambda **_: []
    if mode == "publish":
        connection.addTrack(Tone())
        prefer(connection.addTransceiver(Colors(), direction="sendonly"))
        for transceiver in connection.getTransceivers():
            transceiver.direction = "sendonly"
        await exchange(connection)
        print("published", flush=True)
        await asyncio.to_thread(sys.stdin.read)
    else:
        content = Content()

        @connection.on("track")
        def on_track(track):
            async def pull():
                while True:
                    frame = await track.recv()
                    if track.kind == "video":
                        picture = frame.to_ndarray(format="rgb24")
                        content.pixel(picture[picture.shape[0] // 2, picture.shape[1] // 2])
                    else:
                        samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                        content.samples(samples / 32768, frame.sample_rate)

            asyncio.ensure_future(pull())

        connection.addTransceiver("audio", direction="recvonly")
        connection.addTransceiver("video", direction="recvonly")
        await exchange(connection)
        await asyncio.to_thread(content.wait)
        print(json.dumps(content.seen()), flush=True)
    await connection.close()


asyncio.run(main())
