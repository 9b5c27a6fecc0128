import type { MetricsRegistry } from "../../shared/metrics-registry.ts";
import type { UploadState } from "./uploads.ts";

/** Registers the metrics of recordings: `events` counts files by what became of them; `uploads` is undefined without a bucket. */
export function registerRecordingMetrics(
  registry: MetricsRegistry,
  events: Readonly<Record<"begun" | "ended" | "failed", number>>,
  uploads: () => UploadState | undefined,
): void {
  registry.counter(
    "media_recordings_total",
    "Files of recordings: begun, ended, failed.",
    ["event"],
    (set) => {
      for (const [event, count] of Object.entries(events)) set(count, { event });
    },
  );
  if (uploads() === undefined) return;
  const gauge = (name: string, help: string, of: (state: UploadState) => number): void =>
    registry.gauge(name, help, [], (set) => {
      const state = uploads();
      if (state !== undefined) set(of(state));
    });
  gauge("media_uploads_waiting", "Recordings that are to be uploaded.", ({ waiting }) => waiting);
  gauge("media_uploads_failing", "1 while recordings can't be uploaded.", ({ failure }) => (failure ? 1 : 0));
  registry.counter(
    "media_uploads_total",
    "Attempts to upload a recording: uploaded, failed.",
    ["event"],
    (set) => {
      const { uploaded = 0, failed = 0 } = uploads() ?? {};
      set(uploaded, { event: "uploaded" });
      set(failed, { event: "failed" });
    },
  );
  registry.counter("media_uploaded_bytes_total", "Bytes of recordings that were uploaded.", [], (set) =>
    set(uploads()?.bytes ?? 0),
  );
}
