import { BarButton } from "../bar.tsx";
import { base } from "../base.ts";
import { Clock } from "../countdown.tsx";
import { bitrateText, delayText, Figures, shareText, viewersText } from "../figures.tsx";
import { NoteView } from "../note.tsx";
import { Picture } from "../picture.tsx";
import type { OnAir, Studio } from "./studio.ts";
import type { Source } from "./studio-source.ts";

/** The own picture, the controls, and beside them the link and what is sent. */
export function StudioView({ studio }: { studio: Studio }) {
  const air = studio.onAir.value;
  const sending = studio.sending.value;
  const name = studio.stream.value;
  return (
    <div class="studio">
      <h1 class="sr">Broadcast to {name}</h1>
      <NoteView page={studio} />
      <section class="stage talking" aria-label="Your picture and controls">
        <div class="screen">
          <Picture
            stream={sending?.stream}
            muted
            mirrored={sending?.source === "camera"}
            label="Your picture"
          />
          {sending?.pictureOff && (
            <div class="no-picture">
              <p>Your picture is off</p>
            </div>
          )}
          <div class="badges">
            <span class={air?.state === "live" ? "badge on-air" : "badge"}>
              <strong>{air === undefined ? "Not live" : stateText(air)}</strong>
              {air?.since !== undefined && <Clock since={air.since} />}
            </span>
            {air !== undefined && <span class="badge clock">{viewersText(air.viewers)}</span>}
          </div>
        </div>
        <Controls studio={studio} />
      </section>
      <aside class="panel" aria-label="About this broadcast">
        {air?.trouble !== undefined && <p class="problem">{air.trouble}</p>}
        <Share studio={studio} name={name} />
        <Sent air={air} />
      </aside>
    </div>
  );
}

function stateText({ state, since }: OnAir): string {
  if (state === "live") return "Live";
  return since === undefined ? "Connecting…" : "Reconnecting…";
}

const sources: readonly (readonly [Source, string, "camera" | "screen" | "layers"])[] = [
  ["camera", "Camera", "camera"],
  ["screen", "Screen", "screen"],
  ["test", "Test", "layers"],
];

function Controls({ studio }: { studio: Studio }) {
  const sending = studio.sending.value;
  const air = studio.onAir.value;
  const canShare = typeof navigator.mediaDevices?.getDisplayMedia === "function";
  return (
    <fieldset class="bar" aria-label="Broadcast controls">
      <BarButton
        icon="mic"
        label={sending?.hasSound ? (sending.soundOff ? "Unmute" : "Mute") : "No sound"}
        look={sending?.soundOff || !sending?.hasSound ? "off" : ""}
        press={() => studio.mute("audio")}
      />
      {sources.map(
        ([source, label, icon]) =>
          (source !== "screen" || canShare) && (
            <BarButton
              key={source}
              icon={icon}
              label={label}
              look={sending?.source === source ? "chosen" : ""}
              pressed={sending?.source === source}
              press={() => studio.use(source)}
            />
          ),
      )}
      {air === undefined ? (
        <BarButton icon="live" label="Go live" look="go" press={() => studio.start()} />
      ) : (
        <BarButton icon="close" label="Stop" look="danger" press={() => studio.stop()} />
      )}
    </fieldset>
  );
}

/** Where the others watch. */
function Share({ studio, name }: { studio: Studio; name: string }) {
  const link = `${base}/live/${encodeURIComponent(name)}`;
  return (
    <section class="part" aria-label="Link to share">
      <h2 class="label">Link to share</h2>
      <div class="share">
        <input
          class="input"
          readOnly
          aria-label="Link"
          value={link}
          onFocus={(event) => event.currentTarget.select()}
        />
        <button type="button" class="button" onClick={() => void studio.copy(link)}>
          Copy
        </button>
      </div>
      <p class="muted small">
        Viewers who come early wait there.{" "}
        <a href={link} target="_blank" rel="noopener" class="link">
          Open it
        </a>
      </p>
    </section>
  );
}

/** What leaves this device, and how it arrives. */
function Sent({ air }: { air: OnAir | undefined }) {
  const stats = air?.stats;
  const layers = (stats?.layers ?? []).filter(
    ({ height, bitrate }) => height !== undefined && bitrate !== undefined,
  );
  const total = layers.reduce((sum, { bitrate = 0 }) => sum + bitrate, 0);
  return (
    <section class="part" aria-label="What you send">
      <h2 class="label">What you send</h2>
      {air === undefined ? (
        <p class="muted">Nothing yet. Press “Go live” when you are ready.</p>
      ) : (
        <>
          <Figures
            of={[
              ["Viewers", air.viewers.toLocaleString("en")],
              ["Video", layers.length === 0 ? undefined : bitrateText(total)],
              ["Lost", shareText(stats?.loss)],
              ["Round trip", delayText(stats?.rtt)],
            ]}
          />
          {layers.length > 0 && (
            <table class="layers">
              <thead>
                <tr>
                  <th scope="col">Layer</th>
                  <th scope="col">Frames</th>
                  <th scope="col">Bitrate</th>
                </tr>
              </thead>
              <tbody>
                {layers.toReversed().map(({ rid, height, framesPerSecond, bitrate }) => (
                  <tr key={rid}>
                    <td>{height}p</td>
                    <td>{framesPerSecond === undefined ? "–" : `${Math.round(framesPerSecond)} /s`}</td>
                    <td>{bitrateText(bitrate)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </>
      )}
    </section>
  );
}
