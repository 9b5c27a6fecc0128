import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { BarButton, MenuItem } from "../bar.tsx";
import { bitrateText, delayText, Figures, shareText, viewersText } from "../figures.tsx";
import { Head } from "../head.tsx";
import { Icon } from "../icon.tsx";
import { Parties } from "../user-badge.tsx";
import { canFillScreen, fillScreen } from "./full-screen.ts";
import { announcement, showsPicture, type Watching, wordsOf } from "./watching.ts";
import { layerName } from "./whep-viewer.ts";

/** The page of one stream. */
export function Player({ watching }: { watching: Watching }) {
  const { stream } = watching;
  const viewer = watching.viewer.value;
  void watching.revision.value;
  const { state } = viewer;
  useEffect(() => {
    document.title = `${state === "live" ? "● " : ""}${stream} · Switchboard`;
  });
  return (
    <div class="layout waiting solo">
      <Head>
        <span class="me">
          <i
            class={state === "live" ? "status-dot" : "status-dot offline"}
            role="img"
            aria-label={state === "live" ? "live" : "not live"}
          />
          <strong>{stream}</strong>
        </span>
      </Head>
      <main class="middle">
        {showsPicture(state) ? <Stage watching={watching} /> : <Waiting watching={watching} />}
      </main>
      <div class="sr" role="status" aria-live="polite">
        {announcement(viewer, stream)}
      </div>
    </div>
  );
}

/** The picture and the controls. M and F work while one of them has the focus. */
function Stage({ watching }: { watching: Watching }) {
  const { stream, muted, showsStats } = watching;
  const viewer = watching.viewer.value;
  void watching.revision.value;
  const { state } = viewer;
  const section = useRef<HTMLElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const full = useSignal(false);
  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    if (state === "live") viewer.show(element);
    // Autoplay may be off altogether: the sound button starts it then, for it is a click.
    element.play().catch(() => undefined);
  }, [viewer, state, viewer.hls]);
  useEffect(() => {
    const look = () => {
      full.value = document.fullscreenElement !== null;
    };
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }, []);
  const toggleSound = () => {
    muted.value = !muted.peek();
    if (video.current === null) return;
    // At once, within the click: browsers give sound only then.
    video.current.muted = muted.peek();
    video.current.play().catch(() => undefined);
  };
  const toggleFull = () => fillScreen(section.current, video.current);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key.toLowerCase() === "m") toggleSound();
    if (event.key.toLowerCase() === "f") toggleFull();
  };
  const words = viewer.state === "live" ? undefined : wordsOf(viewer, stream);
  return (
    <section
      ref={section}
      class={words === undefined ? "stage talking" : "stage talking dimmed"}
      aria-label={`Live: ${stream}`}
    >
      <h1 class="sr">Live: {stream}</h1>
      <div class="screen">
        <video ref={video} autoplay playsInline muted={muted.value} aria-label={`Picture of ${stream}`} />
        {words !== undefined && (
          <div class="lost">
            <strong>{words.title}</strong>
            <span>{words.text}</span>
          </div>
        )}
        <div class="badges">
          <span class={words === undefined ? "badge on-air" : "badge"}>
            <strong>{words === undefined ? "Live" : "Interrupted"}</strong>
            {viewer.viewers !== undefined && <span>{viewersText(viewer.viewers)}</span>}
          </span>
          <span class="badge clock">Latency {delayText(watching.stats.value.latency) ?? "…"}</span>
        </div>
        {showsStats.value && <Statistics watching={watching} />}
        {muted.value && words === undefined && (
          <button type="button" class="button sound-on" onClick={toggleSound}>
            <Icon name="sound" off /> Turn on sound
          </button>
        )}
      </div>
      <fieldset class="bar" aria-label="Player controls" onKeyDown={onKeyDown}>
        <BarButton
          icon="sound"
          label="Sound"
          look={muted.value ? "off" : ""}
          pressed={!muted.value}
          hotkey="M"
          press={toggleSound}
        />
        <Quality watching={watching} />
        <BarButton
          icon="gauge"
          label="Statistics"
          look={showsStats.value ? "on" : ""}
          pressed={showsStats.value}
          press={() => {
            showsStats.value = !showsStats.peek();
          }}
        />
        {canFillScreen() && (
          <BarButton
            icon="full"
            label={full.value ? "Exit" : "Full screen"}
            look=""
            hotkey="F"
            press={toggleFull}
          />
        )}
      </fieldset>
    </section>
  );
}

function Quality({ watching }: { watching: Watching }) {
  const viewer = watching.viewer.value;
  void watching.revision.value;
  const chosen = viewer.layers.find(({ id }) => id === viewer.layer);
  const { height } = watching.stats.value;
  return (
    <span class="bar-pair">
      <button type="button" class="bar-button" popovertarget="quality-menu">
        <Icon name="layers" />
        <span>{chosen === undefined ? "Quality" : layerName(chosen)}</span>
      </button>
      <div id="quality-menu" popover="auto" class="menu">
        <h2 class="label">Quality</h2>
        <MenuItem
          menu="quality-menu"
          checked={viewer.layer === undefined}
          press={() => void viewer.choose(undefined)}
        >
          Auto{viewer.layer === undefined && height !== undefined && ` (${height}p)`}
        </MenuItem>
        {viewer.layers.length > 1 &&
          viewer.layers.toReversed().map((layer) => (
            <MenuItem
              key={layer.id}
              menu="quality-menu"
              checked={viewer.layer === layer.id}
              press={() => void viewer.choose(layer.id)}
            >
              {layerName(layer)}
            </MenuItem>
          ))}
        {viewer.layers.length <= 1 && <p class="small muted">This stream has one quality.</p>}
      </div>
    </span>
  );
}

function Statistics({ watching }: { watching: Watching }) {
  const { width, height, framesPerSecond, codec, bitrate, loss, latency, path } = watching.stats.value;
  return (
    <section class="stats" aria-label="Statistics">
      <Figures
        of={[
          ["Picture", width === undefined ? undefined : `${width} × ${height}`],
          ["Frames", framesPerSecond === undefined ? undefined : `${Math.round(framesPerSecond)} /s`],
          ["Received", bitrateText(bitrate)],
          ["Lost", shareText(loss)],
          ["Server to screen", delayText(latency)],
          ["Codec", codec],
          ["Path", path],
        ]}
      />
    </section>
  );
}

/** There is no picture: why, and what to do. */
function Waiting({ watching }: { watching: Watching }) {
  const { stream } = watching;
  const viewer = watching.viewer.value;
  void watching.revision.value;
  const { title, text } = wordsOf(viewer, stream);
  const { state, refusal } = viewer;
  const asks = state === "refused" && (refusal?.status === 401 || refusal?.status === 403);
  return (
    <section class="stage card" aria-label={title}>
      <Parties
        from={stream}
        to="▶"
        line={state === "refused" ? "broken" : state === "waiting" ? "idle" : "ringing"}
      />
      <h1 class="title">{title}</h1>
      <p class="muted">{text}</p>
      {asks && <TokenForm use={(token) => watching.use(token)} />}
      {state === "refused" && !asks && (
        <div class="actions">
          <button type="button" class="button primary" onClick={() => viewer.start()}>
            Try again
          </button>
        </div>
      )}
    </section>
  );
}

function TokenForm({ use }: { use: (token: string) => void }) {
  const token = useSignal("");
  return (
    <form
      class="sign-in-form"
      onSubmit={(event) => {
        event.preventDefault();
        use(token.value.trim());
      }}
    >
      <label class="field">
        <span>Token</span>
        <textarea
          rows={3}
          required
          spellcheck={false}
          autocomplete="off"
          value={token.value}
          onInput={(event) => {
            token.value = event.currentTarget.value;
          }}
        />
      </label>
      <button type="submit" class="button primary wide">
        Watch
      </button>
    </form>
  );
}
