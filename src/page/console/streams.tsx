import type { Operations } from "../../application/operations.ts";
import { base } from "../base.ts";
import { bitrateText, shareText, viewersText } from "../figures.tsx";
import type { Console } from "./console.ts";
import { Answered, List, Name, Partial, Title } from "./list.tsx";
import { placeHref } from "./place.ts";
import { usePolled } from "./polled.ts";

type Stream = Operations["getStream"]["output"];

/** Streams that are live or waited for: their layers, what was lost on the way here, who views. */
export function Streams({ owner }: { owner: Console }) {
  const polled = usePolled(owner, "streams", (api) => api.listStreams());
  return (
    <>
      <Title>Streams</Title>
      <Answered
        polled={polled}
        isEmpty={({ items }) => items.length === 0}
        empty={
          <>
            No stream is live. <a href={`${base}/broadcast`}>Broadcast one</a>, or send one by WHIP.
          </>
        }
      >
        {({ items, partial }) => (
          <>
            <Partial nodes={partial} />
            <div class="cards">
              {items.map((stream) => (
                <StreamCard key={stream.stream} owner={owner} stream={stream} />
              ))}
            </div>
          </>
        )}
      </Answered>
    </>
  );
}

function StreamCard({
  owner,
  stream: { stream, live, viewers, layers, codecs, pushes },
}: {
  owner: Console;
  stream: Stream;
}) {
  const names = Object.values(codecs).filter((codec) => typeof codec === "string");
  return (
    <section class="panel-card" aria-label={`Stream ${stream}`}>
      <div class="section-head">
        <h2>
          <a href={`${base}/live/${encodeURIComponent(stream)}`}>
            <Name of={stream} />
          </a>
        </h2>
        <span class={live ? "state active" : "state ringing"}>
          {live ? "live" : "waiting for its publisher"}
        </span>
        {owner.may("streams:write") && (
          <button
            type="button"
            class="button small"
            onClick={() => {
              owner.question.value = {
                title: `End the stream ${stream}?`,
                text: "The publisher is cut, and viewers are told that the stream is over.",
                yes: "End it",
                run: () => void owner.act(`${stream} is over.`, (api) => api.endStream({ stream })),
              };
            }}
          >
            End<span class="sr"> {stream}</span>
          </button>
        )}
      </div>
      <p>
        <a href={placeHref("sessions", undefined, { kind: "view" })}>{viewersText(viewers)}</a>
        {names.length > 0 && <span class="muted"> · {names.join(", ")}</span>}
      </p>
      {pushes.map(({ id, to, state, failure }) => (
        <p key={id}>
          Pushed to {to}: {state}
          {failure !== undefined && <span class="muted"> · {failure}</span>}
        </p>
      ))}
      {layers.length > 0 && (
        <List
          label={`Layers of ${stream}`}
          entries={layers.toSorted((one, other) => Number(other.height ?? 0) - Number(one.height ?? 0))}
          keyOf={({ rid }) => String(rid)}
          columns={[
            ["Layer", ({ rid, height }) => (height === undefined ? String(rid || "only one") : `${height}p`)],
            ["Size", ({ width, height }) => (width === undefined ? "–" : `${width} × ${height}`)],
            ["Frames", ({ framesPerSecond }) => `${Math.round(Number(framesPerSecond))}/s`, "number"],
            ["Rate", ({ bitrate }) => bitrateText(Number(bitrate)), "number"],
            ["Lost", ({ lost }) => shareText(Number(lost)), "number"],
          ]}
        />
      )}
    </section>
  );
}
