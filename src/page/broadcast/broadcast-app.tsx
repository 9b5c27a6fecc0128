import { useEffect } from "preact/hooks";
import { base } from "../base.ts";
import { Card } from "../card.tsx";
import { Head } from "../head.tsx";
import { Icon } from "../icon.tsx";
import { describeTrouble } from "../words.ts";
import { BroadcastForm } from "./broadcast-form.tsx";
import type { Studio } from "./studio.ts";
import { StudioView } from "./studio-view.tsx";

/** The page of a broadcaster. */
export function BroadcastApp({ studio }: { studio: Studio }) {
  const { at } = studio.scene.value;
  const live = studio.onAir.value?.state === "live";
  useEffect(() => {
    document.title = `${live ? "● " : ""}Broadcast · Switchboard`;
  });
  return (
    <>
      {at === "form" ? (
        <>
          <Head>
            <a class="button small quiet" href={`${base}/live`}>
              Watch
            </a>
          </Head>
          <BroadcastForm studio={studio} />
        </>
      ) : (
        <div class="layout waiting solo">
          <Head>
            <button type="button" class="button small quiet" onClick={() => studio.leave()}>
              {live ? "End and leave" : "Leave"}
            </button>
          </Head>
          <main class="middle" tabIndex={-1}>
            {at === "studio" ? <StudioView studio={studio} /> : <Opening studio={studio} />}
          </main>
        </div>
      )}
      <div class="sr" role="status" aria-live="polite">
        {announcement(studio)}
      </div>
    </>
  );
}

/** The browser asks for the camera, or there is none. */
function Opening({ studio }: { studio: Studio }) {
  const scene = studio.scene.value;
  const from = studio.user.value;
  if (scene.at !== "no-camera")
    return (
      <Card
        from={from}
        to="▶"
        line="ringing"
        title="Opening the camera…"
        text="If your browser asks, choose “Allow”."
        choices={[["Use the test picture", () => studio.without("test")]]}
      />
    );
  const { title, advice, how } = describeTrouble(scene.trouble);
  return (
    <Card
      from=""
      to=""
      line="idle"
      instead={
        <span class="sign">
          <Icon name="camera" off />
        </span>
      }
      title={title}
      text={advice}
      choices={[
        ["Use the test picture", () => studio.without("test"), "primary"],
        scene.trouble !== "insecure" && ["Try again", () => studio.without("camera")],
      ]}
    >
      <details class="how">
        <summary>How to allow it</summary>
        <p>{how}</p>
      </details>
    </Card>
  );
}

function announcement(studio: Studio): string {
  const scene = studio.scene.value;
  if (scene.at === "opening") return "Opening the camera";
  if (scene.at === "no-camera") return describeTrouble(scene.trouble).title;
  const air = studio.onAir.value;
  if (air === undefined) return scene.at === "studio" ? "Ready. Nobody sees you yet." : "";
  if (air.trouble !== undefined) return air.trouble;
  return air.state === "live" ? "You are live" : "Connecting";
}
