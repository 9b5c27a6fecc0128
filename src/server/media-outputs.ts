import { join } from "node:path";
import type { FromWorker } from "../media/control.ts";
import type { MediaFleet } from "../media/fleet/fleet.ts";
import { PackagerProcess } from "../media/fleet/packager-process.ts";
import { HlsStreams } from "../media/hls/hls-streams.ts";
import type { AllowsOrigin } from "../media/http/cross-origin.ts";
import { HlsHttp, isHlsPath } from "../media/http/hls-http.ts";
import type { Authenticate, Decide } from "../media/http/media-http.ts";
import { isRecordingsPath } from "../media/http/recordings-http.ts";
import type { StreamPushes } from "../media/push/stream-pushes.ts";
import type { StreamInfo } from "../media/service.ts";
import type { MediaStreams } from "../media/streams/media-streams.ts";
import { StreamOutputs } from "../media/streams/stream-outputs.ts";
import { after, every } from "../net/clock.ts";
import { random } from "../net/crypto.ts";
import { packagerModule, programInPath } from "../package-info.ts";
import { covers } from "../protocol/address-pattern.ts";
import type { MetricsRegistry } from "../shared/metrics-registry.ts";
import { startPushes } from "./media-pushes.ts";
import { startRecordings } from "./media-recordings.ts";
import type { RecordingsSurvey } from "./recordings-survey.ts";
import type { CoreContext } from "./service.ts";
import { stateFolder } from "./state-folder.ts";

/** What is made of streams beside forwarding them: HLS, recordings and pushes. */
export interface MediaOutputs {
  readonly pushes: StreamPushes;
  changed(stream: StreamInfo): void;
  /** A media worker said something, or ended. */
  heard(message: FromWorker): void;
  workerDied(worker: number): void;
  fetch(request: Request): Promise<Response> | undefined;
  /** For `/health/ready`. */
  readonly state: Readonly<Record<string, unknown>>;
  metrics(registry: MetricsRegistry): void;
  stop(): Promise<void>;
}

/** True for the paths of HLS and of recordings. */
export function isOutputPath(pathname: string): boolean {
  return isHlsPath(pathname) || isRecordingsPath(pathname);
}

interface OutputParts {
  readonly bun: string;
  readonly fleet: MediaFleet;
  readonly streams: MediaStreams;
  /** The smaller sizes that are made of a stream. */
  readonly ladder: (name: string) => readonly number[];
  readonly survey: RecordingsSurvey;
  readonly authenticate: Authenticate;
  readonly decide: Decide;
  readonly allowsOrigin: AllowsOrigin;
}

/** The smaller sizes that are made of a stream: none without ffmpeg. */
export function ladderOf({ media }: CoreContext["settings"]): (name: string) => readonly number[] {
  const names = media.ladder.streams.map((name) => `stream:${name}`);
  const can = names.length > 0 && media.transcode && programInPath("ffmpeg") !== undefined;
  return (name) => (can && covers(names, { kind: "stream", name }) ? media.ladder.heights : []);
}

/** ms */
const [tickInterval, restartPause] = [1_000, 1_000];

/** Makes HLS ready, and the packager to start with the first stream that needs it. */
export async function startOutputs(context: CoreContext, parts: OutputParts): Promise<MediaOutputs> {
  const { settings, log, now } = context;
  const { media } = settings;
  const { streams, fleet, ladder, authenticate, decide, allowsOrigin } = parts;
  const { fileDuration, fileBytes } = media.recordings;
  const folder = media.recordings.folder || join(stateFolder(settings.stateFolder), "recordings");
  const recorded = media.record.map((name) => `stream:${name}`);
  const program = programInPath("ffmpeg") ?? "";
  const hlsAac = media.hls && media.hlsAac && program !== "";
  const transcodes = media.transcode && program !== "";
  const packager = await PackagerProcess.listen({
    bun: parts.bun,
    module: packagerModule,
    socket: fleet.socket("packager"),
    ffmpeg: program,
    hlsAac,
    transcoders: transcodes ? media.limits.transcoders : 0,
    hardware: media.hardwareEncoders,
    recordings: { folder, seconds: fileDuration / 1_000, bytes: fileBytes },
    heard: (message, bytes) => {
      if (message.type === "recording" || message.type === "recording-failed") recordings.heard(message);
      else if (message.type === "encoder") log.info({ encoder: message.name }, "pictures are encoded");
      else if (message.type === "push") {
        if (message.state === "over") outputs.endPush(message.push);
        pushes.heard(message.push, message.state, message.reason);
      } else hls.received(message, bytes);
    },
    died: (reason) => {
      log.error({ reason }, "the packager ended: it is started again");
      recordings.writerDied();
      const { names, pushes: lost } = outputs.lost();
      for (const push of lost) pushes.heard(push, "over", "the packager ended");
      after(restartPause, () => {
        for (const name of names) outputs.changed(name);
      });
      hls.overAll();
    },
  });
  const outputs = new StreamOutputs({
    source: (name) => streams.sources.of(name),
    ladder,
    renditions: (name) => streams.sources.renditions(name),
    records: (name) => covers(recorded, { kind: "stream", name }),
    post: (message) => packager.post(message),
  });
  const { pushes, whip } = startPushes(context, streams, fleet, outputs);
  const hls = new HlsStreams(
    {
      now,
      stream: (name) => streams.stream(name),
      random,
      want: (name, wanted) => outputs.wantHls(name, wanted),
      after,
    },
    { seconds: media.dvr, bytes: media.limits.hlsBytes, sounds: hlsAac ? 2 : 1, transcodes, ladder },
  );
  const http = media.hls
    ? new HlsHttp({ streams: hls, authenticate, decide, allowsOrigin, now, after })
    : undefined;
  const recordings = startRecordings(context, {
    ...{ folder, program, authenticate, decide, allowsOrigin, survey: parts.survey },
    recorders: {
      live: (name) => streams.sources.of(name) !== undefined,
      recording: (name) => outputs.recording(name),
      wantRecording: (name, wanted) => outputs.wantRecording(name, wanted),
    },
  });
  const stopTicks = every(tickInterval, () => hls.tick());
  return {
    pushes,
    heard: (message) => whip.heard(message),
    workerDied: (worker) => whip.workerDied(worker),
    changed: ({ name }) => {
      // A stream that has only lost its publisher is still known, and may go on.
      if (streams.stream(name) !== undefined) {
        outputs.changed(name);
        whip.changed(name);
        pushes.changed(name);
      } else {
        hls.over(name);
        pushes.over(name);
        outputs.over(name);
      }
    },
    fetch: (request) => http?.fetch(request) ?? recordings.fetch(request),
    get state() {
      return recordings.state;
    },
    metrics: (registry) => recordings.metrics(registry),
    stop: async () => {
      stopTicks();
      recordings.stop();
      pushes.stop();
      hls.overAll();
      await packager.stop();
    },
  };
}
