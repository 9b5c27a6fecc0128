import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Console } from "./console.ts";
import { type FrameNews, FramesRefused, readFrames, type UserFrame } from "./frames.ts";
import { Filter, List, Name, Partial, Title } from "./list.tsx";
import { placeHref } from "./place.ts";

const [mostShown, retryAfter] = [400, 1_000];

/** A frame, and what came of it where it was a request. */
interface Shown extends UserFrame {
  readonly n: number;
}

/** What the devices of one user and the server say to each other, as it happens. */
export function Follow({ owner, user }: { owner: Console; user: string | undefined }) {
  const go = (value: string) => {
    location.hash = placeHref("follow", value || undefined);
  };
  return (
    <>
      <Title beside={<Filter label="User" value={user} set={go} />}>Follow a user</Title>
      {user === undefined ? (
        <p class="blank muted">Whose frames do you want to see? Type a user’s id.</p>
      ) : (
        <Frames key={user} owner={owner} user={user} />
      )}
    </>
  );
}

function Frames({ owner, user }: { owner: Console; user: string }) {
  const frames = useSignal<readonly Shown[]>([]);
  const state = useSignal<string>("Asking the server…");
  const silent = useSignal<readonly string[]>([]);
  const paused = useSignal(false);
  const standing = owner.standing.value;
  const key = standing.at === "signed-in" ? standing.secret : undefined;
  useEffect(() => {
    if (key === undefined || paused.value) return;
    const leaving = new AbortController();
    const { signal } = leaving;
    const open = () => {
      state.value = "";
    };
    const told = (news: readonly FrameNews[]) => {
      frames.value = merged(frames.value, news).slice(-mostShown);
      for (const one of news) if (one.type === "partial") silent.value = one.nodes;
    };
    void (async () => {
      while (!signal.aborted) {
        try {
          await readFrames(key, user, signal, open, told);
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof FramesRefused) {
            state.value = error.message;
            return;
          }
          state.value = "The server does not answer. Trying again…";
        }
        await new Promise((resolve) => setTimeout(resolve, retryAfter));
      }
    })();
    return () => leaving.abort();
  }, [key, user, paused.value]);
  const shown = frames.value.toReversed();
  return (
    <>
      <div class="actions start">
        <button
          type="button"
          class="button small"
          aria-pressed={paused.value}
          onClick={() => {
            paused.value = !paused.value;
          }}
        >
          {paused.value ? "Go on" : "Pause"}
        </button>
        <button
          type="button"
          class="button small"
          onClick={() => {
            frames.value = [];
          }}
        >
          Clear
        </button>
        <button
          type="button"
          class="button small"
          onClick={() => {
            navigator.clipboard.writeText(frames.value.map(textOf).join("\n")).then(
              () => owner.say("The frames are on the clipboard."),
              () => owner.say("This page may not use the clipboard."),
            );
          }}
        >
          Copy text
        </button>
        <a class="button small" href={placeHref("records", undefined, { user })}>
          Records
        </a>
      </div>
      <Partial nodes={silent.value} />
      {shown.length === 0 ? (
        <p class="blank muted">
          {state.value ||
            (paused.value
              ? "Paused."
              : `Nothing yet. What ${user}’s devices and the server say from now on is shown here.`)}
        </p>
      ) : (
        <>
          {state.value !== "" && <p class="warning">{state.value}</p>}
          <List
            label={`Frames of ${user}`}
            entries={shown}
            keyOf={({ n }) => String(n)}
            columns={[
              ["Time", ({ at }) => <time>{timeText(at)}</time>],
              ["Device", ({ device }) => <Name of={device} most={16} />],
              ["From", ({ isIncoming }) => (isIncoming ? "device" : "server")],
              ["Frame", (frame) => <FrameType frame={frame} />, "wide"],
              [
                "About",
                ({ session, room }) =>
                  session !== undefined ? (
                    <a href={placeHref("sessions", session)}>
                      <Name of={session} most={14} />
                    </a>
                  ) : room !== undefined ? (
                    <Name of={room} most={24} />
                  ) : (
                    "–"
                  ),
              ],
              ["Node", ({ node }) => <Name of={node} />],
            ]}
          />
        </>
      )}
    </>
  );
}

function FrameType({ frame }: { frame: Shown }) {
  const { type, outcome, note } = frame;
  const more = [note, carriedText(frame)].filter(Boolean).join(", ");
  return (
    <>
      <b>{type}</b>
      {more !== "" && (
        <>
          {" "}
          <Name of={more} most={80} />
        </>
      )}
      {outcome !== undefined && (
        <>
          {" "}
          <span class={outcome === "ok" ? "state active" : "state failed"}>{outcome}</span>
        </>
      )}
    </>
  );
}

/** What it carries, without what that says. */
function carriedText({ description, candidates, bytes }: UserFrame): string {
  const kinds = Object.entries(candidates ?? {}).map(([kind, count]) => `${count} ${kind}`);
  return [description?.type, ...kinds, bytes !== undefined && `${bytes} bytes`].filter(Boolean).join(", ");
}

/** The frames with those that are new; a reply goes to its request. */
function merged(shown: readonly Shown[], news: readonly FrameNews[]): Shown[] {
  const all = [...shown];
  for (const one of news) {
    const n = (all.at(-1)?.n ?? 0) + 1;
    if (one.type === "gap")
      all.push({
        n,
        node: one.node,
        at: Date.now(),
        device: "",
        isIncoming: false,
        type: "frames are missing",
      });
    if (one.type !== "frame") continue;
    const { frame } = one;
    const asked =
      frame.type !== "reply"
        ? -1
        : all.findLastIndex(
            ({ device, id, isIncoming, outcome }) =>
              isIncoming && device === frame.device && id === frame.id && outcome === undefined,
          );
    const request = all[asked];
    if (request === undefined) all.push({ n, ...frame });
    else all[asked] = { ...request, ...(frame.outcome !== undefined && { outcome: frame.outcome }) };
  }
  return all;
}

function timeText(at: number): string {
  const time = new Date(at).toLocaleTimeString([], { hour12: false });
  return `${time}.${String(Math.floor(at) % 1_000).padStart(3, "0")}`;
}

function textOf(frame: Shown): string {
  const { at, device, isIncoming, type, session, room, outcome, note } = frame;
  const way = isIncoming ? `${device} → server` : `server → ${device}`;
  return [timeText(at), way, type, note, carriedText(frame), session ?? room, outcome]
    .filter(Boolean)
    .join("  ");
}
