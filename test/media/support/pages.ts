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
  readonly audio?: boolean;
  readonly video?: boolean;
  readonly token?: string;
  /** Candidates of the answer that are left out. */
  readonly without?: "udp" | "tcp";
  /** Where media goes, in place of the port of the answer. */
  readonly port?: number;
}

/** A page without anything of ours: what it does is the browser's own WebRTC, with `fetch`. */
export async function blankTab(where: Browsers, server: string): Promise<Tab> {
  const tab = await openTab(where, `${server}/health/live`);
  await tab.page.setContent("<!doctype html><title>media</title><video autoplay muted playsinline></video>");
  return tab;
}

/** Publishes the fake camera and a tone of 440 Hz by WHIP. Resolves with the status of the answer. */
export function publish(page: Page, url: string, options: PublishOptions = {}): Promise<number> {
  return page.evaluate(
    async ({ url, options }) => {
      const { codec, setup = "actpass", simulcast = false, audio = true, video = true } = options;
      const token = options.token ?? "dev:alice";
      const stream = new MediaStream();
      if (video) {
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
      const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
      for (const track of stream.getTracks()) {
        const encodings = [
          { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
          { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
          { rid: "f", maxBitrate: 1_500_000 },
        ];
        const transceiver = connection.addTransceiver(track, {
          direction: "sendonly",
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

/** Views by WHEP, into the page's video element. Resolves with the status of the answer. */
export function view(
  page: Page,
  url: string,
  options: Pick<PublishOptions, "audio" | "video" | "token" | "without" | "setup" | "port"> = {},
): Promise<number> {
  return page.evaluate(
    async ({ url, options }) => {
      const { audio = true, video = true, token = "dev:victor", setup = "actpass" } = options;
      const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
      if (audio) connection.addTransceiver("audio", { direction: "recvonly" });
      if (video) connection.addTransceiver("video", { direction: "recvonly" });
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
