import { CallBar } from "./call-bar.tsx";
import { Clock, Countdown, Seconds } from "./countdown.tsx";
import { mediaText } from "./ladder-text.ts";
import type { Actions, Page, Quality } from "./page.ts";
import { OwnPicture, Picture } from "./picture.tsx";
import type { Loss, SceneAt } from "./state.ts";
import { UserBadge } from "./user-badge.tsx";

/** A call: the peer's picture, the own picture, path and delay, and the controls. */
export function Talking({ page, act, scene }: { page: Page; act: Actions; scene: SceneAt<"talking"> }) {
  const remote = page.remote.value;
  const { link } = page.model.value;
  const lost = scene.lost;
  const bare = remote.screen === undefined && (remote.pictureOff || scene.since === undefined);
  return (
    <section
      class={lost === undefined ? "stage talking" : "stage talking dimmed"}
      aria-label={`Call with ${scene.peer}`}
    >
      <h1 class="sr">Call with {scene.peer}</h1>
      {!link.up && (
        <div class="banner">
          <span>
            The link to the server is lost. The call continues. <Countdown link={link} />
          </span>
          <button type="button" class="button small" onClick={() => act.retry()}>
            Try now
          </button>
        </div>
      )}
      <div class="screen">
        <Picture
          id="remote"
          stream={remote.screen ?? remote.stream}
          label={remote.screen === undefined ? `${scene.peer}’s picture` : `${scene.peer}’s screen`}
        />
        {bare && (
          <div class="no-picture">
            <UserBadge user={scene.peer} lit />
            <p>{scene.since === undefined ? "Connecting…" : `${scene.peer}’s picture is off`}</p>
          </div>
        )}
        {lost !== undefined && <LostMedia lost={lost} peer={scene.peer} />}
        <div class="badges">
          <span class="badge">
            <strong>{scene.peer}</strong>
            {scene.device && <span class="badge-device">{scene.device}</span>}
            {remote.soundOff && <span>muted</span>}
          </span>
          {scene.since !== undefined && (
            <span class="badge">
              <QualityMark quality={page.quality.value} />
              <Clock since={scene.since} />
            </span>
          )}
        </div>
        {remote.screen !== undefined && (
          <div class="pip-frame left">
            <Picture stream={remote.stream} muted label={`${scene.peer}’s picture`} />
          </div>
        )}
        <OwnPicture own={page.own.value} />
      </div>
      {page.moving.value !== undefined && (
        <p class="moving">Moving to {page.moving.value}… The call stays here until it is connected there.</p>
      )}
      <CallBar page={page} act={act} />
    </section>
  );
}

function LostMedia({ lost, peer }: { lost: Loss; peer: string }) {
  const whose =
    lost.whose === "yours"
      ? "Your network seems to be gone."
      : lost.whose === "theirs"
        ? `${peer}’s network seems to be gone.`
        : "The path between you is gone.";
  return (
    <div class="lost">
      <strong>Reconnecting…</strong>
      <span>
        {whose} <Seconds since={lost.at} />
      </span>
    </div>
  );
}

/** Path and delay as text, quality as three bars. */
function QualityMark({ quality }: { quality: Quality | undefined }) {
  if (quality === undefined) return null;
  const grade = gradeOf(quality);
  const text = mediaText({
    relayed: quality.path === "relay",
    ...(quality.delay === undefined ? {} : { delay: quality.delay }),
  });
  const [down, up] = quality.bitrate;
  const detail = `${(100 * quality.loss).toFixed(1)} % lost, ${Math.round(down / 1000)} kbit/s in, ${Math.round(up / 1000)} kbit/s out`;
  return (
    <span class="quality" title={detail}>
      <span class={`strokes g${grade}`} role="img" aria-label={["Poor", "Poor", "Fair", "Good"][grade]}>
        <i />
        <i />
        <i />
      </span>
      {text}
    </span>
  );
}

/** 3 good, 2 fair, 1 poor: by loss and delay, which people notice. */
export function gradeOf({ loss, delay = 0 }: Pick<Quality, "loss" | "delay">): 1 | 2 | 3 {
  if (loss > 0.08 || delay > 500) return 1;
  return loss > 0.02 || delay > 250 ? 2 : 3;
}
