import type { Page } from "playwright-core";
import { openTab, type Tab } from "../../browser/support/browser.ts";

type Browsers = Parameters<typeof openTab>[0];

/** What a page under test keeps: its connection, and the URL of its session. */
interface Kept {
  connection?: RTCPeerConnection;
  session?: string;
}

/** How a page publishes. */
export interface PublishOptions {
  /** Video codecs to prefer, such as `video/H264`. */
  readonly codec?: string;
  /** `a=setup` of the offer: `active` makes the server passive, `passive` makes it active. */
  readonly setup?: "actpass" | "active" | "passive";
  readonly simulcast?: boolean;
  /** Layers within one SSRC, such as `L3T3_KEY`. */
  readonly scalabilityMode?: string;
  readonly audio?: boolean;
  readonly video?: boolean;
  readonly token?: string;
  /** Candidates of the answer that are left out. */
  readonly without?: "udp" | "tcp";
  /** Where media goes, in place of the port of the answer. */
  readonly port?: number;
  /** Only relays of these servers are used. */
  readonly relays?: readonly RTCIceServer[];
  /** `colors`: red, green and blue in turn, for {@link colors}. `given`: what the page has as `colors` already. Default: the fake camera. */
  readonly picture?: "camera" | "colors" | "given";
}

/** A page without anything of ours: what it does is the browser's own WebRTC, with `fetch`. */
export async function blankTab(where: Browsers, server: string): Promise<Tab> {
  const tab = await openTab(where, `${server}/health/live`);
  await tab.page.setContent("<!doctype html><title>media</title><video autoplay muted playsinline></video>");
  return tab;
}

/** Publishes the fake camera and a tone of 440 Hz by WHIP. Resolves with the status of the answer. */
export async function publish(page: Page, url: string, options: PublishOptions = {}): Promise<number> {
  if (options.picture === "colors") await makeColors(page);
  return await page.evaluate(
    async ({ url, options }) => {
      const { codec, setup = "actpass", simulcast = false, audio = true, video = true, relays } = options;
      const token = options.token ?? "dev:alice";
      const stream = new MediaStream();
      if (video && (options.picture === "colors" || options.picture === "given")) {
        const { colors } = globalThis as unknown as { colors: MediaStream };
        for (const track of colors.getVideoTracks()) stream.addTrack(track);
      } else if (video) {
        const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
        for (const track of camera.getTracks()) stream.addTrack(track);
      }
      if (audio) {
        const context = new AudioContext();
        const tone = new OscillatorNode(context, { frequency: 440 });
        const sink = context.createMediaStreamDestination();
        tone.connect(sink);
        tone.start();
        for (const track of sink.stream.getTracks()) stream.addTrack(track);
      }
      const connection = new RTCPeerConnection({
        bundlePolicy: "max-bundle",
        ...(relays !== undefined && { iceTransportPolicy: "relay", iceServers: [...relays] }),
      });
      for (const track of stream.getTracks()) {
        const encodings = [
          { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
          { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
          { rid: "f", maxBitrate: 1_500_000 },
        ];
        const { scalabilityMode } = options;
        const scalable = scalabilityMode !== undefined && track.kind === "video";
        const transceiver = connection.addTransceiver(track, {
          direction: "sendonly",
          ...(scalable && { sendEncodings: [{ scalabilityMode } as RTCRtpEncodingParameters] }),
          ...(simulcast && track.kind === "video" && { sendEncodings: encodings }),
        });
        if (codec !== undefined && track.kind === "video") {
          const { codecs } = RTCRtpSender.getCapabilities("video") ?? { codecs: [] };
          const helpers = /rtx|red|ulpfec/;
          transceiver.setCodecPreferences(
            codecs.filter(({ mimeType }) => mimeType === codec || helpers.test(mimeType)),
          );
        }
      }
      await connection.setLocalDescription();
      let sdp = connection.localDescription?.sdp ?? "";
      sdp = sdp.replaceAll("a=setup:actpass", `a=setup:${setup}`);
      const response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
        body: sdp,
      });
      if (response.status === 201) {
        const answer = (await response.text())
          .replaceAll(new RegExp(`a=candidate:.* ${options.without ?? "nothing"} .*\\r\\n`, "g"), "")
          .replaceAll(/(a=candidate:(?:\S+ ){5})(\d+)/g, (_, head, port) => head + (options.port ?? port));
        await connection.setRemoteDescription({ type: "answer", sdp: answer });
        const session = new URL(response.headers.get("Location") ?? "", url).href;
        Object.assign(globalThis, { kept: { connection, session } });
      }
      return response.status;
    },
    { url, options },
  );
}

/** Makes a stream of red, green and blue in turn and a tone of 440 Hz: `colors` of the page's `globalThis`. */
export function makeColors(page: Page): Promise<void> {
  return page.evaluate(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
    const paint = canvas.getContext("2d");
    const began = Date.now();
    let count = 0;
    setInterval(() => {
      if (paint === null) return;
      paint.fillStyle = ["#f00", "#0f0", "#00f"][Math.floor((Date.now() - began) / 600) % 3] ?? "";
      paint.fillRect(0, 0, 320, 240);
      // What does not change isn't sent.
      paint.fillStyle = "#fff";
      paint.fillRect(count++ % 320, 0, 4, 4);
    }, 50);
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: 440 });
    const sink = context.createMediaStreamDestination();
    tone.connect(sink);
    tone.start();
    const colors = new MediaStream([...canvas.captureStream().getTracks(), ...sink.stream.getTracks()]);
    Object.assign(globalThis, { colors, keepsPlaying: [context, tone] });
  });
}

/** Views by WHEP, into the page's video element. Resolves with the status of the answer. */
export function view(
  page: Page,
  url: string,
  options: Pick<PublishOptions, "audio" | "video" | "token" | "without" | "setup" | "relays" | "port"> & {
    /** Asks for the dependency descriptor. */
    readonly descriptor?: boolean;
  } = {},
): Promise<number> {
  return page.evaluate(
    async ({ url, options }) => {
      const { audio = true, video = true, token = "dev:victor", setup = "actpass", relays } = options;
      const connection = new RTCPeerConnection({
        bundlePolicy: "max-bundle",
        ...(relays !== undefined && { iceTransportPolicy: "relay", iceServers: [...relays] }),
      });
      if (audio) connection.addTransceiver("audio", { direction: "recvonly" });
      if (video) {
        const transceiver = connection.addTransceiver("video", {
          direction: "recvonly",
        }) as RTCRtpTransceiver & {
          getHeaderExtensionsToNegotiate(): { uri: string; direction: string }[];
          setHeaderExtensionsToNegotiate(all: object[]): void;
        };
        if (options.descriptor === true) {
          const all = transceiver.getHeaderExtensionsToNegotiate();
          for (const one of all) if (/dependency-descriptor/.test(one.uri)) one.direction = "sendrecv";
          transceiver.setHeaderExtensionsToNegotiate(all);
        }
      }
      const element = document.querySelector("video");
      connection.ontrack = ({ streams: [stream] }) => {
        if (element !== null && stream !== undefined) element.srcObject = stream;
      };
      await connection.setLocalDescription();
      const response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
        body: (connection.localDescription?.sdp ?? "").replaceAll("a=setup:actpass", `a=setup:${setup}`),
      });
      if (response.status === 201) {
        const answer = (await response.text())
          .replaceAll(new RegExp(`a=candidate:.* ${options.without ?? "nothing"} .*\\r\\n`, "g"), "")
          .replaceAll(/(a=candidate:(?:\S+ ){5})(\d+)/g, (_, head, port) => head + (options.port ?? port));
        await connection.setRemoteDescription({ type: "answer", sdp: answer });
        const session = new URL(response.headers.get("Location") ?? "", url).href;
        Object.assign(globalThis, { kept: { connection, session } });
      }
      return response.status;
    },
    { url, options },
  );
}

/** The loudest frequency that the page hears, in Hz; 0 for silence. */
export function tone(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const stream = document.querySelector("video")?.srcObject;
    if (!(stream instanceof MediaStream) || stream.getAudioTracks().length === 0) return 0;
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 8_192, smoothingTimeConstant: 0 });
    context.createMediaStreamSource(stream).connect(analyser);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.reduce((best, level, n) => (level > (bins[best] ?? 0) ? n : best), 0);
    const frequency = (loudest * context.sampleRate) / analyser.fftSize;
    await context.close();
    return (bins[loudest] ?? -200) > -80 ? frequency : 0;
  });
}

/**
 * What the middle of the page's video shows: `red`, `green` and `blue` as they follow each other. Resolves once each has followed the
 * one before it, or after `patience` ms with what was seen till then.
 */
export function colors(page: Page, patience: number): Promise<string[]> {
  return page.evaluate(async (patience) => {
    const element = document.querySelector("video");
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const paint = canvas.getContext("2d", { willReadFrequently: true });
    const names = ["red", "green", "blue"];
    const seen: string[] = [];
    const steps = new Set<string>();
    const end = Date.now() + patience;
    while (steps.size < 3 && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (element === null || paint === null || element.videoWidth === 0) continue;
      const [x, y] = [element.videoWidth / 2, element.videoHeight / 2];
      paint.drawImage(element, x, y, 1, 1, 0, 0, 1, 1);
      const light = [...paint.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
      const name = names[light.findIndex((one) => one > 150)];
      if (name === undefined || light.filter((one) => one < 90).length < 2 || name === seen.at(-1)) continue;
      const before = names.indexOf(seen.at(-1) ?? "");
      if (before >= 0 && names[(before + 1) % 3] === name) steps.add(name);
      seen.push(name);
    }
    return seen;
  }, patience);
}

/** How the page's last connection goes: what was agreed, and which way packets take. */
export function agreed(page: Page): Promise<{ codec: string; role: string; way: string }> {
  return page.evaluate(async () => {
    const { madeConnections } = globalThis as unknown as { madeConnections: RTCPeerConnection[] };
    const reports = [...((await madeConnections.at(-1)?.getStats())?.values() ?? [])];
    const byId = (id: unknown) => reports.find((report) => report.id === id);
    const transport = reports.find(({ type }) => type === "transport");
    const pair =
      byId(transport?.selectedCandidatePairId) ??
      reports.find(
        ({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded",
      );
    const [local, remote] = [byId(pair?.localCandidateId), byId(pair?.remoteCandidateId)];
    const video = reports.find(({ type, kind }) => /bound-rtp$/.test(type) && kind === "video");
    return {
      codec: byId(video?.codecId)?.mimeType ?? "",
      role: transport?.dtlsRole === "client" ? "passive" : transport?.dtlsRole === "server" ? "active" : "",
      way: local?.candidateType === "relay" ? "turn" : (remote?.protocol ?? ""),
    };
  });
}

/** The ICE servers that WHIP and WHEP name in `Link`. */
export async function linkedServers(url: string, token: string): Promise<RTCIceServer[]> {
  const response = await fetch(url, { method: "OPTIONS", headers: { Authorization: `Bearer ${token}` } });
  const link = response.headers.get("Link") ?? "";
  return [...link.matchAll(/<([^>]*)>; rel="ice-server"([^,]*)/g)].map(([, urls = "", login = ""]) => {
    const value = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(login)?.[1] ?? "";
    return { urls, username: value("username"), credential: value("credential") };
  });
}

/** Ends the page's session as WHIP and WHEP do. Resolves with the status. */
export function end(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const { kept } = globalThis as unknown as { kept: Kept };
    const response = await fetch(kept.session ?? "", { method: "DELETE" });
    kept.connection?.close();
    return response.status;
  });
}

/** A number of the inbound video or audio, such as `framesDecoded` or `totalAudioEnergy`; of the sending side where `outbound`. */
export function figure(
  page: Page,
  kind: "audio" | "video",
  name: string,
  direction: "inbound-rtp" | "outbound-rtp" = "inbound-rtp",
): Promise<number> {
  return page.evaluate(
    async ({ kind, name, direction }) => {
      const { kept } = globalThis as unknown as { kept: Kept };
      let sum = 0;
      for (const report of (await kept.connection?.getStats())?.values() ?? [])
        if (report.type === direction && report.kind === kind) sum += Number(report[name] ?? 0);
      return sum;
    },
    { kind, name, direction },
  );
}

/** The port of the server that the page's media goes to. */
export function remotePort(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const { kept } = globalThis as unknown as { kept: Kept };
    const reports = [...((await kept.connection?.getStats())?.values() ?? [])];
    const pair = reports.find(({ type, nominated }) => type === "candidate-pair" && nominated);
    return Number(reports.find(({ id }) => id === pair?.remoteCandidateId)?.port ?? 0);
  });
}

/** Resolves once the condition holds. Rejects after `patience` ms, with the text of the condition. */
export async function eventually(condition: () => Promise<boolean>, patience: number): Promise<void> {
  const end = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${patience} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
