import type { AllowsOrigin } from "../media/http/cross-origin.ts";
import type { Authenticate, Decide } from "../media/http/media-http.ts";
import { type Recorders, RecordingsHttp } from "../media/http/recordings-http.ts";
import type { FromPackager } from "../media/packaging.ts";
import { Bucket } from "../media/recordings/bucket.ts";
import { registerRecordingMetrics } from "../media/recordings/metrics.ts";
import { RecordingStore } from "../media/recordings/store.ts";
import { Thumbnails } from "../media/recordings/thumbnails.ts";
import { Uploads } from "../media/recordings/uploads.ts";
import { after, every } from "../net/clock.ts";
import type { MetricsRegistry } from "../shared/metrics-registry.ts";
import type { RecordingsSurvey } from "./recordings-survey.ts";
import type { CoreContext } from "./service.ts";

/** The recordings of this node: what the packager writes, what clients ask for, and what goes to a bucket. */
interface Recordings {
  heard(message: Extract<FromPackager, { type: "recording" | "recording-failed" }>): void;
  /** The packager has ended, and writes nothing any more. */
  writerDied(): void;
  fetch(request: Request): Promise<Response> | undefined;
  /** For `/health/ready`. */
  readonly state: Readonly<Record<string, unknown>>;
  metrics(registry: MetricsRegistry): void;
  stop(): void;
}

interface RecordingParts {
  readonly folder: string;
  /** ffmpeg; empty for none. */
  readonly program: string;
  readonly recorders: Recorders;
  readonly survey: RecordingsSurvey;
  readonly authenticate: Authenticate;
  readonly decide: Decide;
  readonly allowsOrigin: AllowsOrigin;
}

/** ms */
const [tidyInterval, day] = [60_000, 86_400_000];

export function startRecordings(context: CoreContext, parts: RecordingParts): Recordings {
  const { settings, log, now } = context;
  const { recordings: rules, s3 } = settings.media;
  const { folder, program, recorders, authenticate, decide, allowsOrigin } = parts;
  const bucket = s3.endpoint === "" ? undefined : new Bucket(s3);
  const store = new RecordingStore(folder, bucket);
  const uploads =
    bucket &&
    new Uploads({
      ...{ store, bucket, after },
      changed: (failure) => {
        if (failure === undefined) log.info("recordings are uploaded again");
        else log.error({ reason: failure }, "recordings can't be uploaded: it is tried again");
      },
    });
  const { survey } = parts;
  survey.list = (stream, from, to) => store.list(stream, from, to);
  const http = new RecordingsHttp({
    elsewhere: (stream, from, to) => survey.elsewhere(stream, from, to),
    ...{ store, recorders, authenticate, decide, allowsOrigin, base: settings.path },
    thumbnails: new Thumbnails(store, program),
  });
  const events = { begun: 0, ended: 0, failed: 0 };
  const tidy = (): void =>
    void (async () => {
      await uploads?.scan();
      await store.trim(now() - rules.keepFor * day, rules.keepBytes);
    })().catch(({ message }: Error) => log.error({ reason: message }, "old recordings can't be removed"));
  tidy();
  const stopTidying = every(tidyInterval, tidy);
  return {
    heard: (message) => {
      const { id, stream } = message;
      const state = message.type === "recording" ? message.state : "failed";
      events[state]++;
      store.writes(id, state === "begun");
      if (message.type === "recording-failed")
        log.error({ stream, reason: message.reason }, "a recording failed");
      else if (state === "ended") uploads?.add(stream, id);
    },
    writerDied: () => store.writesNothing(),
    fetch: (request) => http.fetch(request),
    get state() {
      if (uploads === undefined) return {};
      const { waiting, failure } = uploads.state;
      return { uploads: { waiting, state: failure === undefined ? "up" : "down" } };
    },
    metrics: (registry) => registerRecordingMetrics(registry, events, () => uploads?.state),
    stop: () => {
      stopTidying();
      uploads?.stop();
    },
  };
}
