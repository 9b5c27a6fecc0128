import { Card } from "./card.tsx";
import { deviceList } from "./directory.tsx";
import { Icon } from "./icon.tsx";
import { type Actions, myName, type Page } from "./page.ts";
import { OwnPicture } from "./picture.tsx";
import type { SceneAt } from "./state.ts";
import { describeTrouble } from "./words.ts";

/** The call rings at the other end. */
export function Calling({ page, act, scene }: { page: Page; act: Actions; scene: SceneAt<"calling"> }) {
  const { peer, ringing } = scene;
  const known = page.people.value.find((person) => person.user === peer)?.devices;
  const rings = ringing.length > 0;
  return (
    <Card
      from={myName(page)}
      to={peer}
      line={rings ? "ringing" : "idle"}
      title={`${rings ? "Ringing" : "Calling"} ${peer}`}
      text={
        rings ? ringing.join(", ") : `Looking for ${known === undefined ? "a device" : deviceList(known)}…`
      }
      choices={[["Cancel", () => act.cancel(), "no", "hangup"]]}
    >
      <OwnPicture own={page.own.value} />
    </Card>
  );
}

/** The browser asks whether the page may use the camera. */
export function Asking({ page, act, scene }: { page: Page; act: Actions; scene: SceneAt<"asking"> }) {
  return (
    <Card
      from={myName(page)}
      to={scene.peer || "?"}
      line="idle"
      title="May this page use the camera?"
      text="Your browser is asking. Choose “Allow”, or continue without it."
      choices={[
        ["Test picture", () => act.without("test")],
        scene.purpose !== "preview" && ["Audio only", () => act.without("audio")],
        ["Cancel", () => act.cancel(), "quiet"],
      ]}
    />
  );
}

const goOn = { preview: "See", call: "Call with", answer: "Answer with" };

/** There is no camera: why, and what to do. */
export function NoCamera({ act, scene }: { act: Actions; scene: SceneAt<"no-camera"> }) {
  const { title, advice, how } = describeTrouble(scene.trouble);
  const sound = scene.trouble === "refused" || scene.trouble === "busy";
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
        [`${goOn[scene.purpose]} the test picture`, () => act.without("test"), "primary"],
        sound && scene.purpose !== "preview" && ["Audio only", () => act.without("audio")],
        ["Cancel", () => act.cancel(), "quiet"],
      ]}
    >
      <details class="how">
        <summary>How to allow it</summary>
        <p>{how}</p>
        {scene.trouble !== "insecure" && (
          <button type="button" class="link" onClick={() => act.without("retry")}>
            Try the camera again
          </button>
        )}
      </details>
    </Card>
  );
}
