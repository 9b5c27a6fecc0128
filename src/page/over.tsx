import { Card } from "./card.tsx";
import { Countdown } from "./countdown.tsx";
import { type Actions, myName, type Page } from "./page.ts";
import type { Link, SceneAt } from "./state.ts";
import { describeEnding } from "./words.ts";

/** A call that ended otherwise than by somebody hanging up. */
export function Over({ page, act, scene }: { page: Page; act: Actions; scene: SceneAt<"over"> }) {
  const { kind } = scene.ending;
  const { title, advice } = describeEnding(scene.ending, scene.peer, scene.device);
  if (kind === "moved") {
    return (
      <Card
        from={myName(page)}
        to={scene.peer}
        cord="held"
        title={title}
        text={advice}
        choices={[["Done", () => act.dismiss(), "brass"]]}
      />
    );
  }
  const waits = kind === "offline" || kind === "busy" || kind === "unanswered" || kind === "declined";
  return (
    <Card
      from={myName(page)}
      to={scene.peer}
      cord="broken"
      title={title}
      text={advice}
      choices={[
        ["Again", () => act.again(), "brass"],
        waits && ["Tell me when free", () => act.tellWhenFree()],
        kind === "no-path" && ["Copy ladder", () => act.copyLadder()],
        ["Close", () => act.dismiss(), "quiet"],
      ]}
    />
  );
}

/** The server is out of reach and no call is on: the whole stage says so. */
export function Away({ page, act, link }: { page: Page; act: Actions; link: Link }) {
  return (
    <Card
      from={myName(page)}
      to="☎"
      cord="broken"
      title="The server is away"
      text={
        <>
          <Countdown link={link} /> Is it still running? “npm start” starts it.
        </>
      }
      choices={[["Now", () => act.retry(), "brass"]]}
    />
  );
}

/** A newer instance of this device has signed in. */
export function Replaced({ page, act }: { page: Page; act: Actions }) {
  return (
    <Card
      from={myName(page)}
      to="☎"
      cord="broken"
      title="Open in another place"
      text="This device is on the line in another window. A device can be in one place only."
      choices={[["Use here", () => act.useHere(), "brass"]]}
    />
  );
}
