import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ladder } from "./ladder.ts";
import type { Ladder, MediaPath, Phase, Row } from "./ladder-model.ts";
import { mediaText, setUpText } from "./ladder-text.ts";
import { LastCall } from "./last-call.tsx";
import type { Actions, Page } from "./page.ts";

/** The right column: what the server did for this call, rung by rung. */
export function LadderView({ page, act }: { page: Page; act: Actions }) {
  const drawn = useComputed(() => {
    const now = page.model.value.scene;
    const flowing = now.at === "talking" && now.since !== undefined && now.lost === undefined;
    return ladder({ ...page.frames.value, flowing });
  });
  const body = useRef<HTMLDivElement>(null);
  const { me, peer } = page.frames.value;
  const told = drawn.value;
  const { scene } = page.model.value;
  const rungs = told.phases.reduce((sum, phase) => sum + phase.rows.length, 0);
  useEffect(() => {
    body.current?.scrollTo({ top: body.current.scrollHeight });
  }, [rungs]);
  return (
    <section class="ladder" aria-label="What the server did">
      <div class="lifelines" aria-hidden="true">
        <span>{me === "you" ? "you" : me}</span>
        <span>server</span>
        <span>{peer || "nobody yet"}</span>
      </div>
      <div class="ladder-body" ref={body}>
        {told.phases.length === 0 && (
          <p class="muted small">Each message between you, the server and the other end will appear here.</p>
        )}
        {told.phases.map((phase, index) => (
          <PhaseView key={index} phase={phase} peer={peer} />
        ))}
      </div>
      {told.phases.length > 0 && (
        <Foot
          page={page}
          act={act}
          told={told}
          connected={scene.at === "talking" && scene.since !== undefined}
        />
      )}
    </section>
  );
}

function PhaseView({ phase, peer }: { phase: Phase; peer: string }) {
  return (
    <section class="phase">
      <h2>{phase.name}</h2>
      <p>{phase.sentence}</p>
      <ol>
        {phase.rows.map((row) => (
          <RowView key={row.key} row={row} peer={peer} />
        ))}
        {phase.media !== undefined && <MediaView path={phase.media} peer={peer} />}
      </ol>
    </section>
  );
}

function RowView({ row, peer }: { row: Row; peer: string }) {
  const open = useSignal(false);
  const far = row.far;
  const who = peer || "the other end";
  return (
    <li class={row.out ? "rung out" : "rung in"}>
      <button
        type="button"
        class={row.failed ? "half failed" : "half"}
        aria-expanded={open.value}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <span class="sr">{row.out ? "You to server: " : "Server to you: "}</span>
        <span class="rung-label" title={row.label}>
          <span>{row.label}</span>
          {row.mark !== undefined && <em> {row.mark}</em>}
        </span>
      </button>
      <span class={far === undefined ? "half none" : far.ms === undefined ? "half inferred" : "half real"}>
        {far !== undefined && (
          <>
            <span class="sr">{row.out ? `Server to ${who}: ` : `${who} to server: `}</span>
            <span class="rung-label">
              <span>{far.label}</span>
              {far.ms !== undefined && <em> {Math.round(far.ms)} ms</em>}
            </span>
            {far.ms === undefined && <span class="sr"> (inferred)</span>}
          </>
        )}
      </span>
      {open.value && <pre>{row.frames.map((frame) => JSON.stringify(frame, shorten, 1)).join("\n")}</pre>}
    </li>
  );
}

/** Session descriptions are pages long: shows their beginning. */
function shorten(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.length > 400
    ? `${value.slice(0, 400)}… (${value.length})`
    : value;
}

function MediaView({ path, peer }: { path: MediaPath; peer: string }) {
  return (
    <li class={path.relayed ? "media-rung relayed" : "media-rung"}>
      <span class="link-line" aria-hidden="true" />
      {path.relayed && (
        <span class="turn-mark" aria-hidden="true">
          TURN
        </span>
      )}
      <span class="media-text">
        <span class="sr">Media from you to {peer}: </span>
        {mediaText(path)}
      </span>
    </li>
  );
}

interface FootProps {
  readonly page: Page;
  readonly act: Actions;
  readonly told: Ladder;
  readonly connected: boolean;
}

function Foot({ page, act, told, connected }: FootProps) {
  const inferred = told.phases.some((phase) =>
    phase.rows.some((row) => row.far !== undefined && row.far.ms === undefined),
  );
  return (
    <div class="ladder-foot">
      <p class="small muted">
        {told.setUp !== undefined && <strong>{setUpText(told.setUp)}</strong>}
        {inferred && (
          <span class="legend">
            <i aria-hidden="true" /> dashed: inferred
          </span>
        )}
        {told.real && !inferred && <span class="legend">both ends seen</span>}
      </p>
      <div class="foot-actions">
        {connected && (
          <button type="button" class="button small" onClick={() => act.restartIce()}>
            Restart ICE
          </button>
        )}
        <button type="button" class="button small" onClick={() => act.copyLadder()}>
          Copy
        </button>
        <LastCall page={page} text="Console" look="button small" />
      </div>
    </div>
  );
}
