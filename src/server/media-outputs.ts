import { join } from "node:path";
import type { MediaFleet } from "../media/fleet/fleet.ts";
import { PackagerProcess } from "../media/fleet/packager-process.ts";
import { HlsStreams } from "../media/hls/hls-streams.ts";
import type { AllowsOrigin } from "../media/http/cross-origin.ts";
import { HlsHttp, isHlsPath } from "../media/http/hls-http.ts";
import type { Authenticate, Decide } from "../media/http/media-http.ts";
import { isRecordingsPath, RecordingsHttp } from "../media/http/recordings-http.ts";
import { RecordingStore } from "../media/recordings/store.ts";
import { Thumbnails } from "../media/recordings/thumbnails.ts";
import type { StreamInfo } from "../media/service.ts";
import type { MediaStreams } from "../media/streams/media-streams.ts";
import { StreamOutputs } from "../media/streams/stream-outputs.ts";
import { after, every } from "../net/clock.ts";
import { random } from "../net/crypto.ts";
import { packagerModule, programInPath } from "../package-info.ts";
import { covers } from "../protocol/address-pattern.ts";
import type { CoreContext } from "./service.ts";
import { stateFolder } from "./state-folder.ts";

/** What is made of streams beside forwarding them: HLS and recordings. */
export interface MediaOutputs {
  changed(stream: StreamInfo): void;
  fetch(request: Request): Promise<Response> | undefined;
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
  readonly authenticate: Authenticate;
  readonly decide: Decide;
  readonly allowsOrigin: AllowsOrigin;
}

/** ms */
const [tickInterval, trimInterval, restartPause, day] = [1_000, 60_000, 1_000, 86_400_000];

/** Makes HLS ready, and the packager to start with the first stream that needs it. */
export async function startOutputs(context: CoreContext, parts: OutputParts): Promise<MediaOutputs> {
  const { settings, log, now } = context;
  const { media } = settings;
  const { streams, fleet, authenticate, decide, allowsOrigin } = parts;
  const { fileDuration, fileBytes, keepFor, keepBytes } = media.recordings;
  const folder = media.recordings.folder || join(stateFolder(settings.stateFolder), "recordings");
  const recorded = media.record.map((name) => `stream:${name}`);
  const program = programInPath("ffmpeg") ?? "";
  const ffmpeg = media.hls && media.hlsAac ? program : "";
  const packager = await PackagerProcess.listen({
    bun: parts.bun,
    module: packagerModule,
    socket: fleet.socket("packager"),
    ffmpeg,
    recordings: { folder, seconds: fileDuration / 1_000, bytes: fileBytes },
    heard: (message, bytes) => {
      if (message.type === "recording-failed")
        log.error({ stream: message.stream, reason: message.reason }, "a recording failed");
      else hls.received(message, bytes);
    },
    died: (reason) => {
      log.error({ reason }, "the packager ended: it is started again");
      const names = outputs.lost();
      after(restartPause, () => {
        for (const name of names) outputs.changed(name);
      });
      hls.overAll();
    },
  });
  const outputs = new StreamOutputs({
    source: (name) => streams.source(name),
    records: (name) => covers(recorded, { kind: "stream", name }),
    post: (message) => packager.post(message),
  });
  const hls = new HlsStreams(
    {
      now,
      stream: (name) => streams.stream(name),
      random,
      want: (name, wanted) => outputs.wantHls(name, wanted),
      after,
    },
    { seconds: media.dvr, bytes: media.limits.hlsBytes, sounds: ffmpeg === "" ? 1 : 2 },
  );
  const http = media.hls
    ? new HlsHttp({ streams: hls, authenticate, decide, allowsOrigin, now, after })
    : undefined;
  const store = new RecordingStore(folder);
  const recordings = new RecordingsHttp({
    ...{ store, authenticate, decide, allowsOrigin, base: settings.path },
    thumbnails: new Thumbnails(store, program),
    recorders: {
      live: (name) => streams.source(name) !== undefined,
      recording: (name) => outputs.recording(name),
      wantRecording: (name, wanted) => outputs.wantRecording(name, wanted),
    },
  });
  const trim = (): void =>
    void store
      .trim(now() - keepFor * day, keepBytes)
      .catch(({ message }: Error) => log.error({ reason: message }, "old recordings can't be removed"));
  trim();
  const stops = [every(tickInterval, () => hls.tick()), every(trimInterval, trim)];
  return {
    changed: ({ name }) => {
      // A stream that has only lost its publisher is still known, and may go on.
      if (streams.stream(name) !== undefined) outputs.changed(name);
      else {
        hls.over(name);
        outputs.over(name);
      }
    },
    fetch: (request) => http?.fetch(request) ?? recordings.fetch(request),
    stop: async () => {
      for (const stop of stops) stop();
      hls.overAll();
      await packager.stop();
    },
  };
}
