import { Card } from "./card.tsx";
import { Countdown } from "./countdown.tsx";
import { LastCall } from "./last-call.tsx";
import { type Actions, myName, type Page } from "./page.ts";
import type { Link, SceneAt } from "./state.ts";
import { describeEnding } from "./words.ts";

/** The end of a call that nobody hung up. */
export function Over({ page, act, scene }: { page: Page; act: Actions; scene: SceneAt<"over"> }) {
  const { kind } = scene.ending;
  const { title, advice } = describeEnding(scene.ending, scene.peer, scene.device);
  if (kind === "moved") {
    return (
      <Card
        from={myName(page)}
        to={scene.peer}
        line="connected"
        title={title}
        text={advice}
        choices={[["Done", () => act.dismiss(), "primary"]]}
      />
    );
  }
  const waits = kind === "offline" || kind === "busy" || kind === "unanswered" || kind === "declined";
  return (
    <Card
      from={myName(page)}
      to={scene.peer}
      line="broken"
      title={title}
      text={advice}
      choices={[
        ["Again", () => act.again(), "primary"],
        waits && ["Tell me when free", () => act.tellWhenFree()],
        kind === "no-path" && ["Copy ladder", () => act.copyLadder()],
        ["Close", () => act.dismiss(), "quiet"],
      ]}
    >
      <LastCall page={page} text="Why? Its ladder in the console" />
    </Card>
  );
}

/** The server can't be reached, and there is no call to show instead. */
export function Away({ page, act, link }: { page: Page; act: Actions; link: Link }) {
  return (
    <Card
      from={myName(page)}
      to="☎"
      line="broken"
      title="The server can’t be reached"
      text={
        <>
          <Countdown link={link} /> Is it still running? “npm start” starts it.
        </>
      }
      choices={[["Try now", () => act.retry(), "primary"]]}
    />
  );
}

/** A newer instance of this device has signed in. */
export function Replaced({ page, act }: { page: Page; act: Actions }) {
  return (
    <Card
      from={myName(page)}
      to="☎"
      line="broken"
      title="Open in another window"
      text="This device is online in another window. It can be online in one window at a time."
      choices={[["Use here", () => act.useHere(), "primary"]]}
    />
  );
}
