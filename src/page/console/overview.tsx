import { useRef } from "preact/hooks";
import type { Operations } from "../../application/operations.ts";
import type { Console } from "./console.ts";
import { Bars, Graph } from "./graph.tsx";
import { Choice, Partial, Title } from "./list.tsx";
import { placeHref } from "./place.ts";
import { usePolled } from "./polled.ts";
import { countText, manyText, shortText } from "./text.ts";

type History = Operations["getHistory"]["output"];

/** Samples that are kept: an hour of them. */
const mostSamples = 720;
/** Diagnoses of sessions in which nothing failed. */
const fine = new Set(["no_fault", "moved", "glare"]);

/** What goes on at a node, and what went on there in the last hour. */
export function Overview({ owner }: { owner: Console }) {
  const { value: nodes } = usePolled(owner, "nodes", (api) => api.listNodes());
  const asked = owner.place.value.query.node;
  const now = nodes?.items.find(({ node }) => node === asked) ?? nodes?.items[0];
  const kept = useRef<History>(undefined);
  const { value: history } = usePolled(
    owner,
    `history ${now?.node}`,
    async (api) => {
      if (now === undefined) return undefined;
      const before = kept.current?.node === now.node ? kept.current : undefined;
      const since = before?.at.at(-1);
      const more = await api.getHistory({ node: now.node, ...(since === undefined ? {} : { since }) });
      kept.current = joined(before, more);
      return kept.current;
    },
    2_500,
  );
  const number = (name: string) => Number(now?.[name] ?? 0);
  const at = history?.at ?? [];
  const line = (name: string, series: string) => ({ name, values: history?.series[series] ?? [] });
  const perSecond = (name: string, series: string, factor = 1) => ({
    name,
    values: (history?.series[series] ?? []).map((value) => (value * factor * 1_000) / (history?.every ?? 1)),
  });
  const last = (series: string) => history?.series[series]?.at(-1) ?? 0;
  const sums = (prefix: string) =>
    Object.entries(history?.series ?? {}).flatMap(([name, values]) =>
      name.startsWith(prefix)
        ? [[name.slice(prefix.length), values.reduce((sum, value) => sum + value, 0)] as const]
        : [],
    );
  const protocols = Object.entries(history?.series ?? {}).flatMap(([name, values]) =>
    name.startsWith("protocol.") ? [[name.slice("protocol.".length), values.at(-1) ?? 0] as const] : [],
  );
  const calls = number("sessionsActive") - number("sessionsPublishing") - number("sessionsViewing");
  // Between two calls there is no set-up time: the last one stands.
  const held = (name: string, series: string) => {
    let before = 0;
    const values = (history?.series[series] ?? []).map((value) => {
      if (value > 0) before = value;
      return before;
    });
    return { name, values };
  };
  const setUp = held("median", "setUp50");
  return (
    <>
      <Title
        beside={
          <>
            {now !== undefined && (
              <p class="muted">
                version {now.version}
                {now.draining && <strong class="warning"> · draining</strong>}
              </p>
            )}
            {nodes !== undefined && nodes.items.length > 1 && (
              <Choice
                label="Node"
                value={now?.node}
                values={nodes.items.map(({ node }) => [node, node])}
                set={(node) => {
                  location.hash = placeHref("overview", undefined, { node });
                }}
              />
            )}
          </>
        }
      >
        Overview
      </Title>
      <Partial nodes={nodes?.partial} />
      <div class="tiles">
        <Graph
          title="Links"
          now={countText(number("linksLive"))}
          at={at}
          lines={[line("live", "links"), line("suspended", "suspended")]}
        />
        <Graph
          title="Calls"
          now={countText(calls)}
          at={at}
          lines={[line("active", "active"), line("ringing", "ringing")]}
        />
        <Graph
          title="Set-up time"
          now={setUp.values.at(-1) ? `${countText(setUp.values.at(-1) ?? 0)} ms` : "–"}
          at={at}
          lines={[setUp, held("95 %", "setUp95")]}
          unit=" ms"
        />
        <Graph
          title="Calls that ended"
          now={shortText(sums("ended").reduce((sum, [, value]) => sum + value, 0))}
          at={at}
          lines={[line("all", "ended"), line("without media", "failed")]}
        />
        <Graph
          title="TURN"
          now={manyText(last("allocations"), "allocation")}
          at={at}
          lines={[line("allocations", "allocations"), perSecond("bit/s", "turnBytes", 8)]}
          apart
        />
        <Graph
          title="Media server"
          now={`${manyText(number("sessionsPublishing"), "stream")}, ${manyText(number("sessionsViewing"), "viewer")}`}
          at={at}
          lines={[line("viewers", "viewing"), line("streams", "publishing")]}
        />
        <Bars
          title="Failures by cause"
          of={sums("cause.").filter(([name]) => !fine.has(name))}
          empty="No session has failed in the last hour."
          href={(cause) => placeHref("records", undefined, { cause })}
        />
        <Bars title="Devices by protocol" of={protocols} empty="Nobody is signed in." />
        {nodes !== undefined && (
          <Bars
            title="Devices by node"
            of={nodes.items.map(({ node, devices }) => [node, Number(devices)])}
            empty="Nobody is signed in."
          />
        )}
      </div>
    </>
  );
}

/** Samples that came later, after those before. */
function joined(before: History | undefined, more: History): History {
  if (before === undefined) return more;
  const names = new Set([...Object.keys(before.series), ...Object.keys(more.series)]);
  const zeros = (length: number) => new Array<number>(length).fill(0);
  const series = [...names].map((name) => [
    name,
    [
      ...(before.series[name] ?? zeros(before.at.length)),
      ...(more.series[name] ?? zeros(more.at.length)),
    ].slice(-mostSamples),
  ]);
  return {
    ...more,
    at: [...before.at, ...more.at].slice(-mostSamples),
    series: Object.fromEntries(series),
  };
}
