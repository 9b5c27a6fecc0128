import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { base } from "../base.ts";
import { type HlsPlayer, loadHls } from "../live/hls-fallback.ts";
import { Picture } from "./picture.tsx";
import { durationText, type RecordingsApi } from "./recordings-api.ts";
import { type Moment, momentText, type Timeline } from "./timeline.ts";

interface PlayerProps {
  readonly api: RecordingsApi;
  readonly timeline: Timeline;
  /** What to play; another object is another wish, even for the same moment. */
  readonly moment: Moment;
  /** The next recording follows, or another moment was chosen. */
  goTo(moment: Moment): void;
}

/** Plays the recordings of a stream one after the other, with one timeline over all of them. */
export function Player({ api, timeline, moment, goTo }: PlayerProps) {
  const video = useRef<HTMLVideoElement>(null);
  const failed = useSignal(false);
  const position = useSignal(0);
  const { id } = moment.recording;
  const now = timeline.at(position.value) ?? moment;

  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    failed.value = false;
    const loading = load(element, api, moment);
    loading.catch(() => {
      failed.value = true;
    });
    return () => void loading.then((player) => player?.stop()).catch(() => undefined);
  }, [api, id]);

  useEffect(() => {
    const element = video.current;
    position.value = timeline.begin(id) + moment.at;
    if (element === null) return;
    if (element.readyState > 0) element.currentTime = moment.at;
    element.play().catch(() => undefined);
  }, [moment]);

  return (
    <section class="recorded" aria-label="Player">
      {/* biome-ignore lint/a11y/useMediaCaption: nobody has written captions of what was live */}
      <video
        ref={video}
        controls
        playsInline
        aria-label={`Recording of ${api.stream}`}
        onLoadedMetadata={({ currentTarget }) => {
          if (moment.at > 0) currentTarget.currentTime = moment.at;
        }}
        onTimeUpdate={({ currentTarget }) => {
          position.value = timeline.begin(id) + currentTarget.currentTime;
        }}
        onEnded={() => {
          const next = timeline.next(id);
          if (next !== undefined) goTo({ recording: next, at: 0 });
        }}
      />
      {failed.value && <p role="alert">This recording can’t be played here. Download it instead.</p>}
      <Seek timeline={timeline} api={api} position={position.value} goTo={goTo} />
      <p class="muted">
        {momentText(now)} · {durationText(position.value)} of {durationText(timeline.length)}
      </p>
    </section>
  );
}

interface SeekProps extends Pick<PlayerProps, "timeline" | "api" | "goTo"> {
  readonly position: number;
}

/** The timeline: a slider over all recordings, with a picture of the moment that the pointer is at. */
function Seek({ timeline, api, position, goTo }: SeekProps) {
  const shown = useSignal<{ readonly share: number; readonly moment: Moment } | undefined>(undefined);
  const show = (value: number): void => {
    const moment = timeline.at(value);
    // A picture for each few seconds is enough, and kind to the server.
    const at = Math.floor((moment?.at ?? 0) / previewStep) * previewStep;
    shown.value = moment && {
      share: value / Math.max(1, timeline.length),
      moment: { recording: moment.recording, at },
    };
  };
  const preview = shown.value;
  return (
    <div
      class="timeline"
      onPointerMove={({ currentTarget, clientX }) => {
        const { left, width } = currentTarget.getBoundingClientRect();
        show((Math.min(width, Math.max(0, clientX - left)) / width) * timeline.length);
      }}
      onPointerLeave={() => {
        shown.value = undefined;
      }}
    >
      {preview !== undefined && (
        <div class="glimpse" style={{ left: `${(preview.share * 100).toFixed(2)}%` }} aria-hidden="true">
          <Picture api={api} url={`${preview.moment.recording.picture}&at=${preview.moment.at}`} />
          <span>{momentText(preview.moment)}</span>
        </div>
      )}
      {timeline.seams.map((share) => (
        <i key={share} class="seam" style={{ left: `${(share * 100).toFixed(2)}%` }} />
      ))}
      <input
        type="range"
        aria-label="Time"
        aria-valuetext={momentText(timeline.at(position) as Moment)}
        min={0}
        max={timeline.length}
        step="0.1"
        value={position}
        onInput={({ currentTarget }) => {
          const moment = timeline.at(Number(currentTarget.value));
          if (moment !== undefined) goTo(moment);
        }}
      />
    </div>
  );
}

/** s */
const previewStep = 5;

/** MP4 by its playlist, whose timeline is whole from the start; WebM as the file that it is. */
async function load(
  video: HTMLVideoElement,
  api: RecordingsApi,
  { recording }: Moment,
): Promise<Pick<HlsPlayer, "stop"> | undefined> {
  if (recording.container === "webm") {
    const source = await api.loadable(recording.url);
    if (source === undefined) throw new Error("the recording can't be loaded");
    video.src = source;
    return { stop: () => source.startsWith("blob:") && URL.revokeObjectURL(source) };
  }
  const play = await loadHls(base);
  // The end of one recording is where the next one begins.
  const to = new Date(Date.parse(recording.to) - 1).toISOString();
  const url = new URL(api.address({ from: recording.from, to, format: "hls" }), location.href).href;
  return play(video, { url, token: api.token, lost: () => undefined });
}
